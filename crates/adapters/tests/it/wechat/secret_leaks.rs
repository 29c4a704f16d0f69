//! Absence of secrets in errors and logs, even if WeChat's responses contain them.

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
/// Session key of sixteen bytes in Base64, as WeChat's are.
const KEY: &str = "CanarySessionKey/+abcQ==";
const PHONE_NUMBER: &str = "13987654321";
const CANARIES: [&str; 6] = [APP_SECRET, LOGIN_CODE, PHONE_CODE, ACCESS_TOKEN, KEY, PHONE_NUMBER];

/// Encodings in which a canary could appear.
fn encodings(canary: &str) -> Vec<String> {
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
    // In Base64, the preceding bytes shift the encoding, and the first and last characters depend on the neighbors.
    for shift in 0..3 {
        let shifted = [vec![0; shift], canary.as_bytes().to_vec()].concat();
        let encoded = STANDARD_NO_PAD.encode(shifted);
        all.push(encoded[4..encoded.len() - 4].to_owned());
    }
    all
}

/// Canaries that `text` contains in any encoding.
fn leaks(text: &str) -> Vec<&'static str> {
    let is_contained =
        |canary: &&str| encodings(canary).iter().any(|encoding| text.contains(encoding));
    CANARIES.into_iter().filter(is_contained).collect()
}

/// Text of an error with all its sources, in all formats.
fn read(error: &(impl Error + 'static)) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, " {error} {error:?} {error:#?}").unwrap();
        source = error.source();
    }
    text
}

/// Captured log of this process, including the HTTP libraries.
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

/// Log with all targets at trace level, captured from the first use on.
static LOG: LazyLock<Captured> = LazyLock::new(|| {
    let captured = Captured::default();
    let verbose = "adapters::wechat=trace,reqwest=trace,hyper=trace,hyper_util=trace,rustls=trace";
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(verbose))
        .with_writer(captured.clone())
        .with_ansi(false)
        .init();
    captured
});

/// Redeems both codes and returns the text of the outcomes.
async fn outcomes(app: &App, upstream: &Upstream) -> String {
    let login = app.program.redeem_login_code(&LoginCode::parse(LOGIN_CODE).unwrap()).await;
    let phone =
        app.program.redeem_phone_code(&owner(), &PhoneCode::parse(PHONE_CODE).unwrap()).await;
    assert!(upstream.connections() > 0);
    format!("{} {}", describe(&login), describe(&phone))
}

fn describe<T: Debug>(outcome: &Result<T, ProviderError>) -> String {
    outcome.as_ref().map_or_else(read, |value| format!("{value:?} {value:#?}"))
}

fn canary_app(base_url: String) -> App {
    let app = WechatApp { secret: APP_SECRET.into(), ..app() };
    App::new(app, base_url, FixedClock::default())
}

/// Successful responses that contain the canaries.
fn success_with_canaries(path: &str) -> Value {
    match path {
        LOGIN => json!({ "openid": OPENID, "session_key": KEY }),
        TOKEN => json!({ "access_token": ACCESS_TOKEN, "expires_in": 7200 }),
        _ => {
            let mut response = phone_info(FixedClock::default().now());
            response["phone_info"]["purePhoneNumber"] = PHONE_NUMBER.into();
            response
        }
    }
}

/// Replies with canaries in places that the adapter might quote.
fn replies_with_canaries(path: &str) -> Vec<Reply> {
    let all = CANARIES.join(" ");
    let with = |name: &str, value: Value| {
        let mut response = success_with_canaries(path);
        let spot = if path == PHONE { &mut response["phone_info"] } else { &mut response };
        spot[name] = value;
        body(response)
    };
    let raw = |head: &str| Reply::Raw(format!("HTTP/1.1 {head}\r\n\r\n{all}").into());
    vec![
        body(success_with_canaries(path)),
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
async fn errors_and_logs_contain_no_secret() {
    LazyLock::force(&LOG);
    for path in [LOGIN, PHONE, TOKEN] {
        for index in 0..replies_with_canaries(path).len() {
            let upstream = Upstream::start(move |request| {
                if request.path() == path {
                    replies_with_canaries(path).swap_remove(index)
                } else {
                    body(success_with_canaries(request.path()))
                }
            })
            .await;
            let text = outcomes(&canary_app(upstream.url()), &upstream).await;
            assert_eq!(leaks(&text), [""; 0], "{path} {index}: {text}");
        }
    }
    // Two connections fail: one because the server does not support TLS, one because the port is closed.
    let upstream = Upstream::always(|| body("")).await;
    let text =
        outcomes(&canary_app(format!("https://127.0.0.1:{}", upstream.port())), &upstream).await;
    assert!(text.contains("connection failed"), "{text}");
    assert_eq!(leaks(&text), [""; 0], "{text}");
    let text = describe(&canary_app("http://127.0.0.1:1".into()).login(LOGIN_CODE).await);
    assert!(text.contains("connection failed"), "{text}");
    assert_eq!(leaks(&text), [""; 0], "{text}");
    // One call is never answered.
    let upstream = Upstream::always(|| Reply::Late(Duration::MAX, Box::new(body("")))).await;
    let text = outcomes(&canary_app(upstream.url()), &upstream).await;
    assert!(text.contains("no response within"), "{text}");
    assert_eq!(leaks(&text), [""; 0], "{text}");

    let log = LOG.text();
    for expected in [
        "WeChat call finished",
        "WeChat call failed",
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
async fn planted_leak_is_detected() {
    LazyLock::force(&LOG);
    for canary in CANARIES {
        for encoding in encodings(canary) {
            assert_eq!(leaks(&format!("x{encoding}y")), [canary], "{encoding}");
        }
        let encoded = STANDARD_NO_PAD.encode(format!("user:{canary}@host"));
        assert_eq!(leaks(&encoded), [canary]);
    }
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt().with_writer(captured.clone()).finish();
    tracing::subscriber::with_default(subscriber, || tracing::warn!(LOGIN_CODE, "planted"));
    assert_eq!(leaks(&captured.text()), [LOGIN_CODE]);
    // An error of reqwest contains the URL unless it is removed.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url =
        reqwest::Url::parse_with_params("http://127.0.0.1:1/", [("secret", APP_SECRET)]).unwrap();
    let error = client.get(url).send().await.unwrap_err();
    assert_eq!(leaks(&read(&error)), [APP_SECRET]);
}

#[test]
fn debug_output_of_configuration_contains_no_secret() {
    let app = WechatApp { secret: APP_SECRET.into(), ..app() };
    let http = WechatHttpConfig { proxy: Some(LOGIN_CODE.into()), ..Default::default() };
    assert_eq!(leaks(&format!("{app:?} {http:?}")), [""; 0]);
}
