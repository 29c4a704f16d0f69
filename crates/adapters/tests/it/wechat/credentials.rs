//! App secret rotation: WeChat accepts one of two configured secrets.

use super::upstream::Upstream;
use super::*;

const NEW: &str = "new-secret-canary-0123456789abcd";
const OLD: &str = "old-secret-canary-0123456789abcd";

/// Starts a WeChat that accepts this secret only, and rejects any other one as the real WeChat does.
async fn accepting(accepted: &'static str) -> Upstream {
    Upstream::start(move |request| match request.path() {
        LOGIN if request.param("secret").as_deref() == Some(accepted) => body(session()),
        LOGIN => body(refusal(40125)),
        TOKEN if request.json()["secret"] == accepted => body(token("71_token")),
        TOKEN => body(refusal(40001)),
        _ => success(request),
    })
    .await
}

fn app_in_rotation(upstream: &Upstream) -> App {
    let app = WechatApp { secret: NEW.into(), former_secret: Some(OLD.into()), ..app() };
    App::new(app, upstream.url(), FixedClock::default())
}

#[tokio::test]
async fn login_works_with_either_secret() {
    for (accepted, attempts) in [(NEW, 1), (OLD, 2)] {
        let upstream = accepting(accepted).await;
        let app = app_in_rotation(&upstream);
        assert_eq!(app.login("code").await.unwrap().subject, owner());
        assert_eq!(upstream.count(LOGIN), attempts, "{accepted}");
        app.login("another").await.unwrap();
        assert_eq!(upstream.count(LOGIN), attempts + 1, "the accepted secret is used first");
    }
}

#[tokio::test]
async fn access_token_fetch_works_with_either_secret() {
    for (accepted, attempts) in [(NEW, 1), (OLD, 2)] {
        let upstream = accepting(accepted).await;
        let app = app_in_rotation(&upstream);
        app.phone("code").await.unwrap();
        assert_eq!((upstream.count(TOKEN), upstream.count(PHONE)), (attempts, 1), "{accepted}");
        app.login("code").await.unwrap();
        assert_eq!(upstream.count(LOGIN), 1, "logins use the secret that fetched the token");
    }
}

#[tokio::test]
async fn accepted_secret_is_switched_back_when_wechat_rejects_it() {
    let upstream = Upstream::script([
        // WeChat accepts the old secret first, then the new one.
        body(refusal(40125)),
        body(session()),
        body(session()),
        body(refusal(40125)),
        body(session()),
        body(session()),
    ])
    .await;
    let app = app_in_rotation(&upstream);
    for code in ["code1", "code2", "code3", "code4"] {
        app.login(code).await.unwrap();
    }
    let sent = upstream.requests().iter().map(|it| it.param("secret")).collect::<Vec<_>>();
    let [new, old] = [NEW, OLD].map(|it| Some(it.to_owned()));
    assert_eq!(sent, [new.clone(), old.clone(), old.clone(), old, new.clone(), new]);
}

#[tokio::test]
async fn two_wrong_secrets_are_misconfigured_after_two_attempts() {
    let upstream = Upstream::always(|| body(refusal(40125))).await;
    let app = app_in_rotation(&upstream);
    assert_eq!(failure(app.login("code").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.requests().len(), 2);
    let error = app.login("code").await.unwrap_err();
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn other_refusals_do_not_try_the_other_secret() {
    for errcode in [40029, 40163, 40013, 45011, 40243] {
        let upstream = Upstream::always(move || body(refusal(errcode))).await;
        let app = app_in_rotation(&upstream);
        app.login("code").await.unwrap_err();
        assert_eq!(upstream.requests().len(), 1, "{errcode}");
    }
}

#[tokio::test]
async fn wrong_secret_without_a_former_one_is_not_retried() {
    let upstream = Upstream::always(|| body(refusal(40125))).await;
    let app = App::at(upstream.url());
    assert_eq!(failure(app.login("code").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.requests().len(), 1);
}
