//! A login code is redeemed: what is sent, what is made of the answer, and what is never sent twice.

use std::process::Command;
use std::time::Instant;

use adapters::wechat::http::WechatHttpConfig;
use domain::model::identity::AccountKind;
use domain::ports::provider_stats::ProviderStats as _;

use super::upstream::{Upstream, ok};
use super::*;

#[tokio::test]
async fn a_login_sends_the_code_once_and_learns_the_openid() {
    let upstream = Upstream::start(well).await;
    let verified = App::at(upstream.url()).login("0a3Kx-_Z").await.unwrap();

    assert_eq!(verified.subject, owner());
    assert_eq!(verified.aliases, []);
    assert_eq!(verified.standing, AccountKind::User);
    assert_eq!(verified.session_key.unwrap().expose(), SESSION_KEY);

    let [request] = upstream.requests().try_into().unwrap();
    let query = format!("appid={APP_ID}&secret={SECRET}&js_code=0a3Kx-_Z");
    let target = format!("{LOGIN}?{query}&grant_type=authorization_code");
    assert!(request.head.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{}", request.head);
    let head = request.head.to_ascii_lowercase();
    for unwanted in ["referer:", "cookie:", "authorization:", "accept-encoding:"] {
        assert!(!head.contains(unwanted), "{head}");
    }
}

#[tokio::test]
async fn whoever_watches_sees_each_call_and_how_it_ended() {
    let upstream = Upstream::start(well).await;
    let config = WechatHttpConfig { base_url: upstream.url(), ..Default::default() };
    let http = WechatHttp::new(&config).unwrap();
    let clock = Arc::new(FixedClock::default());
    let program = WechatMiniProgram::new(app(), http.clone(), clock, None);
    program.redeem_login_code(&LoginCode::parse("code").unwrap()).await.unwrap();
    drop(upstream);
    program.redeem_login_code(&LoginCode::parse("code").unwrap()).await.unwrap_err();
    let (mut good, mut failed) = (0, 0);
    for (_, path, hour) in http.call_stats().hours() {
        assert_eq!(path, LOGIN);
        let ok = hour.outcomes.get("ok").copied().unwrap_or_default();
        good += ok;
        failed += hour.outcomes.values().sum::<u64>() - ok;
    }
    assert_eq!((good, failed), (1, 1));
}

#[tokio::test]
async fn a_union_id_is_an_alias_in_the_group_or_else_in_the_app() {
    let mut answer = session();
    answer["unionid"] = "ocMvos6NjeKLIBqg5Mr9QjxrP1FA".into();
    let upstream = Upstream::always(move || body(&answer)).await;
    for (group, namespace) in [
        (Some("acme".to_owned()), "wechat:open:acme".to_owned()),
        (None, format!("wechat:app:{APP_ID}")),
    ] {
        let app = WechatApp { open_platform: group, ..app() };
        let app = App::new(app, upstream.url(), FixedClock::default());
        let verified = app.login("code").await.unwrap();
        assert_eq!(verified.union_id(), Some("ocMvos6NjeKLIBqg5Mr9QjxrP1FA"));
        assert_eq!(verified.aliases[0].namespace, namespace);
        assert_eq!(verified.subject, owner(), "the openid stays the one that logs in");
    }
}

#[tokio::test]
async fn whatever_is_configured_arrives_as_it_is() {
    let upstream = Upstream::always(|| body(session())).await;
    let odd = r#"a+b&c=d e%20#"码?/\"#;
    let app = WechatApp { secret: odd.into(), ..app() };
    let base_url = format!("{}/a%2Fb/", upstream.url());
    let _ = App::new(app, base_url, FixedClock::default()).login("code").await;

    let [request] = upstream.requests().try_into().unwrap();
    assert_eq!(request.path(), format!("/a%2Fb{LOGIN}"));
    assert_eq!(request.param("secret").as_deref(), Some(odd));
    assert_eq!(request.param("secret").as_deref(), Some(odd));
}

#[tokio::test]
async fn what_cannot_be_a_code_never_reaches_wechat() {
    let upstream = Upstream::start(well).await;
    let app = App::at(upstream.url());
    let long = "a".repeat(129);
    let mut bad: Vec<String> =
        ["x&secret=", "x#", "x%00", "x\"", "\"0a3K\"", "x?y", "../x", &long].map(Into::into).into();
    let signs = (b'!'..=b'~').filter(|b| !(b.is_ascii_alphanumeric() || b"-_".contains(b)));
    bad.extend(signs.flat_map(|sign| {
        let sign = char::from(sign);
        [format!("{sign}"), format!("0a3K{sign}"), format!("{sign}0a3K"), format!("0a{sign}3K")]
    }));
    for code in &bad {
        assert_eq!(failure(app.login(code).await), ProviderFailure::CodeInvalid, "{code}");
        assert_eq!(failure(app.phone(code).await), ProviderFailure::CodeInvalid, "{code}");
    }
    assert!(bad.len() > 100);
    assert_eq!(upstream.connections(), 0);
    assert!(app.login(&"a".repeat(128)).await.is_ok(), "the longest code that can be one");
}

#[tokio::test]
async fn a_busy_wechat_is_asked_once_more_and_no_more() {
    let upstream = Upstream::script([body(refusal(-1)), body(session())]).await;
    assert!(App::at(upstream.url()).login("code").await.is_ok());

    let upstream = Upstream::always(|| body(refusal(-1))).await;
    assert!(is_unavailable(&App::at(upstream.url()).login("code").await));
    assert_eq!(upstream.count(LOGIN), 2);
}

#[tokio::test]
async fn a_code_that_a_busy_wechat_spent_is_invalid_and_not_replayed() {
    let upstream = Upstream::script([body(refusal(-1)), body(refusal(40163))]).await;
    assert_eq!(failure(App::at(upstream.url()).login("code").await), ProviderFailure::CodeInvalid);

    let upstream = Upstream::script([body(refusal(40163))]).await;
    assert_eq!(failure(App::at(upstream.url()).login("code").await), ProviderFailure::CodeUsed);
}

#[tokio::test]
async fn a_busy_wechat_that_took_its_time_is_not_asked_again() {
    let late = Reply::Late(Duration::from_millis(1600), Box::new(body(refusal(-1))));
    let upstream = Upstream::script([late]).await;
    assert!(is_unavailable(&App::at(upstream.url()).login("code").await));
    assert_eq!(upstream.count(LOGIN), 1);
}

#[tokio::test]
async fn a_code_is_not_sent_again_after_a_lost_answer() {
    let started = Instant::now();
    let upstream = Upstream::always(|| Reply::Unfinished(Vec::new())).await;
    assert!(is_unavailable(&App::at(upstream.url()).login("code").await));
    assert!(started.elapsed() < Duration::from_secs(2) + SLACK, "{:?}", started.elapsed());
    assert_eq!(upstream.count(LOGIN), 1);

    let upstream = Upstream::always(|| Reply::Raw(Vec::new())).await;
    assert!(is_unavailable(&App::at(upstream.url()).login("code").await));
    assert_eq!(upstream.count(LOGIN), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_no_code() {
    // Keep-alive by its headers, and closed right after the first answer.
    let upstream = Upstream::always(|| Reply::Raw(ok(&session().to_string()))).await;
    let app = App::at(upstream.url());
    for round in 0..20 {
        app.login(&format!("code{round}")).await.ok();
        let code = format!("code{round}");
        let sent = upstream.requests().iter().filter(|request| request.code() == code).count();
        assert!(sent <= 1, "{code} was sent {sent} times");
    }
}

#[tokio::test]
async fn a_connection_that_fails_is_tried_twice_and_the_code_stays_unsent() {
    // No TLS there: the connection fails after it was made, but before anything is sent in it.
    let upstream = Upstream::start(well).await;
    let app = App::at(format!("https://127.0.0.1:{}", upstream.port()));
    assert!(is_unavailable(&app.login("code").await));
    assert_eq!(upstream.connections(), 2);
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_when_connecting_should() {
    // The system accepts for a listener that never does.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = WechatHttpConfig {
        base_url: format!("https://{}", silent.local_addr().unwrap()),
        connect_timeout: Duration::from_millis(50),
        ..Default::default()
    };
    let started = Instant::now();
    assert!(is_unavailable(&App::over(&http, app(), Arc::default()).login("code").await));
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn nobody_at_the_address_is_an_outage() {
    let port = Upstream::start(well).await.port();
    let started = Instant::now();
    assert!(is_unavailable(&App::at(format!("http://127.0.0.1:{port}")).login("code").await));
    assert!(started.elapsed() < Duration::from_secs(2) + SLACK);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_learns_nothing() {
    for status in [301, 302, 303, 307, 308] {
        let target = Upstream::start(well).await;
        let to = target.url();
        let upstream = Upstream::always(move || {
            let head = format!("HTTP/1.1 {status} Moved\r\nLocation: {to}{LOGIN}\r\n");
            Reply::Raw(format!("{head}Content-Length: 0\r\n\r\n").into())
        })
        .await;
        assert!(is_unavailable(&App::at(upstream.url()).login("code").await), "{status}");
        assert_eq!(target.connections(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_login_needs_no_access_token() {
    let upstream = Upstream::start(|request| match request.path() {
        LOGIN => body(session()),
        _ => Reply::Unfinished(Vec::new()),
    })
    .await;
    let app = App::at(upstream.url());
    let waiting = app.spawn_phone("phonecode");
    upstream.reached(TOKEN, 1).await;
    assert!(app.login("code").await.is_ok());
    assert!(!waiting.is_finished());
    assert!(is_unavailable(&waiting.await.unwrap()));
    assert_eq!(app.login("code").await.unwrap().subject, owner());
}

#[tokio::test]
async fn a_configured_proxy_is_used() {
    let proxy = Upstream::start(|_| body(session())).await;
    let http = WechatHttpConfig {
        base_url: "http://localhost:1".into(),
        proxy: Some(proxy.url().into()),
        ..Default::default()
    };
    let app = App::over(&http, app(), Arc::default());
    assert!(app.login("code").await.is_ok());
    let [request] = proxy.requests().try_into().unwrap();
    assert!(request.target().starts_with(&format!("http://localhost:1{LOGIN}?")));
}

/// The environment of a running test cannot be changed safely: another process gets one of its own.
#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let nowhere = "http://127.0.0.1:1";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wechat::login::a_login_sends_the_code_once_and_learns_the_openid"])
        .envs(["http_proxy", "https_proxy", "all_proxy"].map(|name| (name, nowhere)))
        .envs(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, nowhere)))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
