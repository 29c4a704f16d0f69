//! A phone code is redeemed: for its owner only, in its app and time, and with one other token at most.

use std::time::Instant;

use super::upstream::Upstream;
use super::*;

/// A WeChat that gives a token and answers phone calls so.
async fn answering(answer: impl Fn() -> Reply + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |request| match request.path() {
        TOKEN => body(token("71_token")),
        _ => answer(),
    })
    .await
}

#[tokio::test]
async fn a_phone_code_is_sent_with_its_owner_and_an_escaped_token() {
    let upstream = Upstream::start(|request| match request.path() {
        TOKEN => body(token("71_a+b/c=d&e%20f#g")),
        _ => well(request),
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
async fn only_an_openid_of_this_app_can_own_a_phone_code() {
    let upstream = Upstream::start(well).await;
    let app = App::at(upstream.url());
    let code = PhoneCode::parse("phonecode").unwrap();
    for stranger in [
        Subject { namespace: "wechat:app:wx0000000000000000".into(), ..owner() },
        Subject { kind: SubjectKind::UnionId, ..owner() },
    ] {
        let outcome = app.program.redeem_phone_code(&stranger, &code).await;
        assert_eq!(failure(outcome), ProviderFailure::Misconfigured, "{stranger:?}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_watermark_of_another_app_or_time_is_not_trusted() {
    let now = FixedClock::default().now().unix_seconds();
    let stamped = |app: &'static str, seconds: i64| async move {
        let mut answer = phone_info(Timestamp::from_unix_millis(seconds * 1000));
        answer["phone_info"]["watermark"]["appid"] = app.into();
        let upstream = answering(move || body(&answer)).await;
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
async fn a_busy_wechat_is_asked_once_more_and_no_more() {
    let upstream = answering(|| body(refusal(-1))).await;
    assert!(is_unavailable(&App::at(upstream.url()).phone("phonecode").await));
    assert_eq!(upstream.count(PHONE), 2);
    assert_eq!(upstream.count(TOKEN), 1);
}

#[tokio::test]
async fn a_phone_code_is_not_sent_again_after_a_lost_answer() {
    let upstream = answering(|| Reply::Unfinished(Vec::new())).await;
    let started = Instant::now();
    assert!(is_unavailable(&App::at(upstream.url()).phone("phonecode").await));
    assert!(started.elapsed() < Duration::from_millis(1500) + SLACK, "{:?}", started.elapsed());
    assert_eq!(upstream.count(PHONE), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_code_sent_once_more() {
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
async fn a_second_refused_token_is_the_operators_trouble() {
    let upstream = answering(|| body(refusal(40001))).await;
    let app = App::at(upstream.url());
    assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
    assert_eq!((upstream.count(PHONE), upstream.count(TOKEN)), (2, 2));
}

#[tokio::test]
async fn a_token_that_wechat_confirms_and_still_refuses_is_no_storm() {
    let upstream = answering(|| body(refusal(40001))).await;
    let app = App::at(upstream.url());
    for round in 1..=20 {
        assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
        assert_eq!(upstream.count(PHONE), 2 * round);
    }
    assert_eq!(upstream.count(TOKEN), 2, "the first, and the one that confirmed it");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.count(TOKEN), 3, "a second later it is asked for again");
}

#[tokio::test]
async fn a_phone_number_waits_for_the_token_within_its_own_deadline() {
    let upstream = Upstream::start(|request| match request.path() {
        TOKEN => Reply::Late(Duration::from_millis(700), Box::new(body(token("71_token")))),
        _ => Reply::Late(Duration::from_millis(900), Box::new(well(request))),
    })
    .await;
    let app = App::at(upstream.url());
    let started = Instant::now();
    assert!(is_unavailable(&app.phone("phonecode").await));
    assert!(started.elapsed() < Duration::from_millis(1500) + SLACK, "{:?}", started.elapsed());
    assert!(app.phone("phonecode").await.is_ok(), "the token is there by now");
    assert_eq!(upstream.count(TOKEN), 1);
}
