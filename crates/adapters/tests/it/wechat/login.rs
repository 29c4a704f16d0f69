//! Redeeming login codes: requests, responses and retries.

use std::process::Command;
use std::time::Instant;

use adapters::wechat::http::WechatHttpConfig;
use domain::model::identity::AccountKind;
use domain::ports::provider_stats::ProviderStats as _;

use super::upstream::{Upstream, ok};
use super::*;

#[tokio::test]
async fn login_sends_the_code_once_and_returns_the_openid() {
    let upstream = Upstream::start(success).await;
    let identity = App::at(upstream.url()).login("0a3Kx-_Z").await.unwrap();

    assert_eq!(identity.subject, owner());
    assert_eq!(identity.aliases, []);
    assert_eq!(identity.account_kind, AccountKind::User);
    assert_eq!(identity.session_key.unwrap().expose(), SESSION_KEY);

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
async fn call_stats_count_every_call_and_its_outcome() {
    let upstream = Upstream::start(success).await;
    let config = WechatHttpConfig { base_url: upstream.url(), ..Default::default() };
    let http = WechatHttp::new(&config).unwrap();
    let clock = Arc::new(FixedClock::default());
    let program = WechatMiniProgram::new(app(), http.clone(), clock, None);
    program.redeem_login_code(&LoginCode::parse("code").unwrap()).await.unwrap();
    drop(upstream);
    program.redeem_login_code(&LoginCode::parse("code").unwrap()).await.unwrap_err();
    let mut succeeded = 0;
    let mut failed = 0;
    for (_, path, hour) in http.call_stats().hours() {
        assert_eq!(path, LOGIN);
        let ok = hour.outcomes.get("ok").copied().unwrap_or_default();
        succeeded += ok;
        failed += hour.outcomes.values().sum::<u64>() - ok;
    }
    assert_eq!((succeeded, failed), (1, 1));
}

#[tokio::test]
async fn union_id_is_an_alias_in_the_group_or_the_app() {
    let mut answer = session();
    answer["unionid"] = "ocMvos6NjeKLIBqg5Mr9QjxrP1FA".into();
    let upstream = Upstream::always(move || body(&answer)).await;
    for (group, namespace) in [
        (Some("acme".to_owned()), "wechat:open:acme".to_owned()),
        (None, format!("wechat:app:{APP_ID}")),
    ] {
        let app = WechatApp { open_platform: group, ..app() };
        let app = App::new(app, upstream.url(), FixedClock::default());
        let identity = app.login("code").await.unwrap();
        assert_eq!(identity.union_id(), Some("ocMvos6NjeKLIBqg5Mr9QjxrP1FA"));
        assert_eq!(identity.aliases[0].namespace, namespace);
        assert_eq!(identity.subject, owner(), "the subject is the openid");
    }
}

#[tokio::test]
async fn configured_secret_and_path_are_sent_unchanged() {
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
async fn malformed_code_is_rejected_without_a_call() {
    let upstream = Upstream::start(success).await;
    let app = App::at(upstream.url());
    let long = "a".repeat(129);
    let mut malformed: Vec<String> =
        ["x&secret=", "x#", "x%00", "x\"", "\"0a3K\"", "x?y", "../x", &long].map(Into::into).into();
    let signs = (b'!'..=b'~').filter(|b| !(b.is_ascii_alphanumeric() || b"-_".contains(b)));
    malformed.extend(signs.flat_map(|sign| {
        let sign = char::from(sign);
        [format!("{sign}"), format!("0a3K{sign}"), format!("{sign}0a3K"), format!("0a{sign}3K")]
    }));
    for code in &malformed {
        assert_eq!(failure(app.login(code).await), ProviderFailure::CodeInvalid, "{code}");
        assert_eq!(failure(app.phone(code).await), ProviderFailure::CodeInvalid, "{code}");
    }
    assert!(malformed.len() > 100);
    assert_eq!(upstream.connections(), 0);
    assert!(app.login(&"a".repeat(128)).await.is_ok(), "the longest possible code");
}

#[tokio::test]
async fn busy_login_is_retried_once() {
    let upstream = Upstream::script([body(refusal(-1)), body(session())]).await;
    assert!(App::at(upstream.url()).login("code").await.is_ok());

    let upstream = Upstream::always(|| body(refusal(-1))).await;
    assert!(is_unavailable(&App::at(upstream.url()).login("code").await));
    assert_eq!(upstream.count(LOGIN), 2);
}

#[tokio::test]
async fn code_used_by_a_busy_attempt_is_invalid_rather_than_used() {
    let upstream = Upstream::script([body(refusal(-1)), body(refusal(40163))]).await;
    assert_eq!(failure(App::at(upstream.url()).login("code").await), ProviderFailure::CodeInvalid);

    let upstream = Upstream::script([body(refusal(40163))]).await;
    assert_eq!(failure(App::at(upstream.url()).login("code").await), ProviderFailure::CodeUsed);
}

#[tokio::test]
async fn slow_busy_response_is_not_retried() {
    let late = Reply::Late(Duration::from_millis(1600), Box::new(body(refusal(-1))));
    let upstream = Upstream::script([late]).await;
    assert!(is_unavailable(&App::at(upstream.url()).login("code").await));
    assert_eq!(upstream.count(LOGIN), 1);
}

#[tokio::test]
async fn login_code_is_not_resent_after_a_lost_response() {
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
async fn stale_keep_alive_connection_resends_no_code() {
    // The headers promise keep-alive, but the server closes the connection after each response.
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
async fn failed_connection_is_tried_twice_without_sending_the_code() {
    // The server does not support TLS: the handshake fails before anything is sent.
    let upstream = Upstream::start(success).await;
    let app = App::at(format!("https://127.0.0.1:{}", upstream.port()));
    assert!(is_unavailable(&app.login("code").await));
    assert_eq!(upstream.connections(), 2);
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn hanging_tls_handshake_ends_with_the_connect_timeout() {
    // The operating system accepts connections for a listener that never calls `accept`.
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
async fn closed_port_is_an_outage() {
    let port = Upstream::start(success).await.port();
    let started = Instant::now();
    assert!(is_unavailable(&App::at(format!("http://127.0.0.1:{port}")).login("code").await));
    assert!(started.elapsed() < Duration::from_secs(2) + SLACK);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let target = Upstream::start(success).await;
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
async fn login_needs_no_access_token() {
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
async fn configured_proxy_is_used() {
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

/// Runs a login test in another process, because the environment of a running process cannot be changed safely.
#[test]
fn proxy_in_the_environment_is_ignored() {
    let nowhere = "http://127.0.0.1:1";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wechat::login::login_sends_the_code_once_and_returns_the_openid"])
        .envs(["http_proxy", "https_proxy", "all_proxy"].map(|name| (name, nowhere)))
        .envs(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, nowhere)))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}
