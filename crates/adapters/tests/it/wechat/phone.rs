//! Redeeming phone codes: ownership, watermark and retries.

use std::time::Instant;

use super::upstream::Upstream;
use super::*;

/// Starts a WeChat that issues an access token and sends this reply to calls for phone codes.
async fn replying(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |request| match request.path() {
        TOKEN => body(token("71_token")),
        _ => reply(),
    })
    .await
}

#[tokio::test]
async fn phone_code_is_sent_with_openid_and_escaped_token() {
    let upstream = Upstream::start(|request| match request.path() {
        TOKEN => body(token("71_a+b/c=d&e%20f#g")),
        _ => success(request),
    })
    .await;
    let phone = App::at(upstream.url()).phone("phonecode").await.unwrap();
    assert_eq!(phone.e164(), "+8613580006666");

    let [_, request] = upstream.requests().try_into().unwrap();
    assert!(request.head.starts_with(&format!("POST {PHONE}?access_token=")), "{}", request.head);
    assert_eq!(request.param("access_token").as_deref(), Some("71_a+b/c=d&e%20f#g"));
    assert_eq!(request.json(), json!({ "code": "phonecode", "openid": OPENID }));
    assert!(request.head.to_ascii_lowercase().contains("\r\ncontent-type: application/json"));
}

#[tokio::test]
async fn phone_code_requires_an_openid_of_this_app() {
    let upstream = Upstream::start(success).await;
    let app = App::at(upstream.url());
    let code = PhoneCode::parse("phonecode").unwrap();
    for foreign in [
        Subject { namespace: "wechat:app:wx0000000000000000".into(), ..owner() },
        Subject { kind: SubjectKind::UnionId, ..owner() },
    ] {
        let outcome = app.program.redeem_phone_code(&foreign, &code).await;
        assert_eq!(failure(outcome), ProviderFailure::Misconfigured, "{foreign:?}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn watermark_must_name_this_app_and_a_recent_time() {
    let now = FixedClock::default().now().unix_seconds();
    let stamped = |app: &'static str, seconds: i64| async move {
        let mut response = phone_info(Timestamp::from_unix_millis(seconds * 1000));
        response["phone_info"]["watermark"]["appid"] = app.into();
        let upstream = replying(move || body(&response)).await;
        let outcome = App::at(upstream.url()).phone("phonecode").await;
        assert_eq!(upstream.count(PHONE), 1);
        outcome.map_err(|error| error.failure)
    };
    for fresh in [now, now - 600, now + 600] {
        assert!(stamped(APP_ID, fresh).await.is_ok(), "{fresh}");
    }
    for (app, seconds) in [
        ("wx0000000000000000", now),
        ("", now),
        (APP_ID, now - 601),
        (APP_ID, now + 601),
        (APP_ID, 0),
        (APP_ID, now * 1000),
    ] {
        let outcome = stamped(app, seconds).await;
        assert_eq!(outcome, Err(ProviderFailure::Misconfigured), "{app} {seconds}");
    }
}

#[tokio::test]
async fn busy_phone_call_is_retried_once() {
    let upstream = replying(|| body(refusal(-1))).await;
    assert!(is_unavailable(&App::at(upstream.url()).phone("phonecode").await));
    assert_eq!(upstream.count(PHONE), 2);
    assert_eq!(upstream.count(TOKEN), 1);
}

#[tokio::test]
async fn phone_code_is_not_resent_after_a_lost_response() {
    let upstream = replying(|| Reply::Unfinished(Vec::new())).await;
    let started = Instant::now();
    assert!(is_unavailable(&App::at(upstream.url()).phone("phonecode").await));
    assert!(started.elapsed() < Duration::from_millis(1500) + SLACK, "{:?}", started.elapsed());
    assert_eq!(upstream.count(PHONE), 1);
}

#[tokio::test]
async fn stale_token_is_replaced_and_the_code_sent_again() {
    for errcode in [40001, 40014, 42001] {
        let upstream = Upstream::script([
            body(token("71_old")),
            body(refusal(errcode)),
            body(token("71_new")),
            body(phone_info(FixedClock::default().now())),
        ])
        .await;
        assert!(App::at(upstream.url()).phone("phonecode").await.is_ok(), "{errcode}");
        let tokens: Vec<_> = upstream
            .requests()
            .iter()
            .filter_map(|request| request.param("access_token"))
            .collect();
        assert_eq!(tokens, ["71_old", "71_new"]);
    }
}

#[tokio::test]
async fn second_stale_token_is_misconfigured() {
    let upstream = replying(|| body(refusal(40001))).await;
    let app = App::at(upstream.url());
    assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
    assert_eq!((upstream.count(PHONE), upstream.count(TOKEN)), (2, 2));
}

#[tokio::test]
async fn confirmed_but_refused_token_does_not_loop() {
    let upstream = replying(|| body(refusal(40001))).await;
    let app = App::at(upstream.url());
    for round in 1..=20 {
        assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
        assert_eq!(upstream.count(PHONE), 2 * round);
    }
    assert_eq!(upstream.count(TOKEN), 2, "one fetch, and one that confirmed the token");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.count(TOKEN), 3, "the token is fetched again after a second");
}

#[tokio::test]
async fn phone_timeout_includes_the_token_fetch() {
    let upstream = Upstream::start(|request| match request.path() {
        TOKEN => Reply::Late(Duration::from_millis(700), Box::new(body(token("71_token")))),
        _ => Reply::Late(Duration::from_millis(900), Box::new(success(request))),
    })
    .await;
    let app = App::at(upstream.url());
    let started = Instant::now();
    assert!(is_unavailable(&app.phone("phonecode").await));
    assert!(started.elapsed() < Duration::from_millis(1500) + SLACK, "{:?}", started.elapsed());
    assert!(app.phone("phonecode").await.is_ok(), "the token is cached by now");
    assert_eq!(upstream.count(TOKEN), 1);
}
