//! Nothing secret reaches an error or a log, even where WeChat's answers try.

use std::error::Error;
use std::fmt::{Debug, Write as _};
use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::upstream::Upstream;
use super::*;

const APP_SECRET: &str = "CanarySecret+/&=0123456789abcdef";
const LOGIN_CODE: &str = "CanaryLoginCode-0a3KxZ";
const PHONE_CODE: &str = "CanaryPhoneCode_0a3KxZ";
const ACCESS_TOKEN: &str = "71_CanaryToken+/&=";
/// Sixteen bytes in Base64, as WeChat's are.
const KEY: &str = "CanarySessionKey/+abcQ==";
const PHONE_NUMBER: &str = "13987654321";
const CANARIES: [&str; 6] = [APP_SECRET, LOGIN_CODE, PHONE_CODE, ACCESS_TOKEN, KEY, PHONE_NUMBER];

/// Every spelling under which a canary could show.
fn spellings(canary: &str) -> Vec<String> {
    let digits = canary.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    let escape = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let mut all = vec![
        canary.to_owned(),
        canary.replace('/', "\\/"),
        canary.bytes().map(escape).collect(),
        hex.to_uppercase(),
        hex,
        format!("{:?}", canary.as_bytes()).trim_matches(['[', ']']).to_owned(),
    ];
    // In Base64, what stands before it shifts it; the edges depend on the neighbours.
    for shift in 0..3 {
        let shifted = [vec![0; shift], canary.as_bytes().to_vec()].concat();
        let encoded = STANDARD_NO_PAD.encode(shifted);
        all.push(encoded[4..encoded.len() - 4].to_owned());
    }
    all
}

/// The canaries that `text` shows in any spelling.
fn leaks(text: &str) -> Vec<&'static str> {
    let shows = |canary: &&str| spellings(canary).iter().any(|spelling| text.contains(spelling));
    CANARIES.into_iter().filter(shows).collect()
}

/// Everything that can be read from an error.
fn read(error: &(impl Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, " {error} {error:?} {error:#?}").unwrap();
        source = error.source();
    }
    text
}

/// What was logged by this process, by the adapter and by everything that it sends through.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log at its most talkative, from the first use on.
static LOG: LazyLock<Captured> = LazyLock::new(|| {
    let captured = Captured::default();
    let talkative =
        "adapters::wechat=trace,reqwest=trace,hyper=trace,hyper_util=trace,rustls=trace";
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(talkative))
        .with_writer(captured.clone())
        .with_ansi(false)
        .init();
    captured
});

/// Redeems both codes, and collects all that can be read afterwards.
async fn spoken(app: &App, upstream: &Upstream) -> String {
    let login = app.program.redeem_login_code(&LoginCode::parse(LOGIN_CODE).unwrap()).await;
    let phone =
        app.program.redeem_phone_code(&owner(), &PhoneCode::parse(PHONE_CODE).unwrap()).await;
    assert!(upstream.connections() > 0);
    format!("{} {}", told(&login), told(&phone))
}

fn told<T: Debug>(outcome: &Result<T, ProviderError>) -> String {
    outcome.as_ref().map_or_else(read, |value| format!("{value:?} {value:#?}"))
}

fn canary_app(base_url: String) -> App {
    let app = WechatApp { secret: APP_SECRET.into(), ..app() };
    App::new(app, base_url, FixedClock::default())
}

/// Answers that succeed, and hold every canary.
fn good(path: &str) -> Value {
    match path {
        LOGIN => json!({ "openid": OPENID, "session_key": KEY }),
        TOKEN => json!({ "access_token": ACCESS_TOKEN, "expires_in": 7200 }),
        _ => {
            let mut answer = phone_info(FixedClock::default().now());
            answer["phone_info"]["purePhoneNumber"] = PHONE_NUMBER.into();
            answer
        }
    }
}

/// Answers to a call that tempt the adapter to repeat them.
fn tempting(path: &str) -> Vec<Reply> {
    let all = CANARIES.join(" ");
    let with = |name: &str, value: Value| {
        let mut answer = good(path);
        let spot = if path == PHONE { &mut answer["phone_info"] } else { &mut answer };
        spot[name] = value;
        body(answer)
    };
    let raw = |head: &str| Reply::Raw(format!("HTTP/1.1 {head}\r\n\r\n{all}").into());
    vec![
        body(good(path)),
        body(json!({ "errcode": 40029, "errmsg": format!("bad {all} rid: {all}") })),
        body(json!({ "errcode": -1, "errmsg": format!("rid: {LOGIN_CODE}") })),
        body(json!({ "errcode": 40001, "errmsg": all })),
        body(json!({ "errcode": all })),
        body(json!({ "errcode": [all] })),
        with("session_key", format!("{KEY}{KEY}").into()),
        with("openid", all.clone().into()),
        with("expires_in", ACCESS_TOKEN.into()),
        with("access_token", all.clone().into()),
        with("countryCode", PHONE_NUMBER.into()),
        with("purePhoneNumber", all.clone().into()),
        with("watermark", all.clone().into()),
        with("watermark", json!({ "appid": all, "timestamp": 0 })),
        body(&all),
        body(format!("{{\"errcode\":\"{all}")),
        raw("500 Sorry"),
        raw(&format!("200 {all}\r\nContent-Length: x")),
        raw(&format!("302 Found\r\nLocation: http://127.0.0.1:1/?{LOGIN_CODE}")),
        raw(&format!("200 OK\r\n{LOGIN_CODE} {PHONE_CODE}: {ACCESS_TOKEN}")),
        Reply::Raw(all.clone().into()),
        Reply::Raw(Vec::new()),
    ]
}

#[tokio::test]
async fn no_secret_reaches_an_error_or_a_log() {
    LazyLock::force(&LOG);
    for path in [LOGIN, PHONE, TOKEN] {
        for index in 0..tempting(path).len() {
            let upstream = Upstream::start(move |request| {
                if request.path() == path {
                    tempting(path).swap_remove(index)
                } else {
                    body(good(request.path()))
                }
            })
            .await;
            let text = spoken(&canary_app(upstream.url()), &upstream).await;
            assert_eq!(leaks(&text), [""; 0], "{path} {index}: {text}");
        }
    }
    // Two connections that fail: nobody there, and no TLS there.
    let upstream = Upstream::always(|| body("")).await;
    let text =
        spoken(&canary_app(format!("https://127.0.0.1:{}", upstream.port())), &upstream).await;
    assert!(text.contains("no connection"), "{text}");
    assert_eq!(leaks(&text), [""; 0], "{text}");
    let text = told(&canary_app("http://127.0.0.1:1".into()).login(LOGIN_CODE).await);
    assert!(text.contains("no connection"), "{text}");
    assert_eq!(leaks(&text), [""; 0], "{text}");
    // And one that is never answered.
    let upstream = Upstream::always(|| Reply::Late(Duration::MAX, Box::new(body("")))).await;
    let text = spoken(&canary_app(upstream.url()), &upstream).await;
    assert!(text.contains("no answer within"), "{text}");
    assert_eq!(leaks(&text), [""; 0], "{text}");

    let log = LOG.text();
    for expected in [
        "WeChat called",
        "WeChat failed",
        "errcode=40029",
        LOGIN,
        "starting new connection",
        "hyper",
    ] {
        assert!(log.contains(expected), "the log lacks {expected:?}");
    }
    assert_eq!(leaks(&log), [""; 0], "{log}");
}

#[tokio::test]
async fn a_planted_leak_is_found() {
    LazyLock::force(&LOG);
    for canary in CANARIES {
        for spelling in spellings(canary) {
            assert_eq!(leaks(&format!("x{spelling}y")), [canary], "{spelling}");
        }
        let encoded = STANDARD_NO_PAD.encode(format!("user:{canary}@host"));
        assert_eq!(leaks(&encoded), [canary]);
    }
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt().with_writer(captured.clone()).finish();
    tracing::subscriber::with_default(subscriber, || tracing::warn!(LOGIN_CODE, "planted"));
    assert_eq!(leaks(&captured.text()), [LOGIN_CODE]);
    // What reqwest itself says when nobody takes the address out of its errors.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url =
        reqwest::Url::parse_with_params("http://127.0.0.1:1/", [("secret", APP_SECRET)]).unwrap();
    let error = client.get(url).send().await.unwrap_err();
    assert_eq!(leaks(&read(&error)), [APP_SECRET]);
}

#[test]
fn no_secret_shows_in_debug_output() {
    let app = WechatApp { secret: APP_SECRET.into(), ..app() };
    let http = WechatHttpConfig { proxy: Some(LOGIN_CODE.into()), ..Default::default() };
    assert_eq!(leaks(&format!("{app:?} {http:?}")), [""; 0]);
}
