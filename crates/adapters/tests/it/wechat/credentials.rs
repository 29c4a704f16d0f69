//! Two secrets of one app, of which WeChat takes one: whichever that is, nobody notices.

use super::upstream::Upstream;
use super::*;

const NEW: &str = "new-secret-canary-0123456789abcd";
const OLD: &str = "old-secret-canary-0123456789abcd";

/// A WeChat that takes this secret only, and answers another one as the real one does.
async fn taking(good: &'static str) -> Upstream {
    Upstream::start(move |request| match request.path() {
        LOGIN if request.param("secret").as_deref() == Some(good) => body(session()),
        LOGIN => body(refusal(40125)),
        TOKEN if request.json()["secret"] == good => body(token("71_token")),
        TOKEN => body(refusal(40001)),
        _ => well(request),
    })
    .await
}

fn rotating(upstream: &Upstream) -> App {
    let app = WechatApp { secret: NEW.into(), former_secret: Some(OLD.into()), ..app() };
    App::new(app, upstream.url(), FixedClock::default())
}

#[tokio::test]
async fn a_login_is_let_in_by_either_secret_and_the_code_is_sent_again_only_where_it_was_refused() {
    for (good, tries) in [(NEW, 1), (OLD, 2)] {
        let upstream = taking(good).await;
        let app = rotating(&upstream);
        assert_eq!(app.login("code").await.unwrap().subject, owner());
        assert_eq!(upstream.count(LOGIN), tries, "{good}");
        app.login("another").await.unwrap();
        assert_eq!(upstream.count(LOGIN), tries + 1, "the good one is known now");
    }
}

#[tokio::test]
async fn an_access_token_is_fetched_by_either_secret() {
    for (good, tries) in [(NEW, 1), (OLD, 2)] {
        let upstream = taking(good).await;
        let app = rotating(&upstream);
        app.phone("code").await.unwrap();
        assert_eq!((upstream.count(TOKEN), upstream.count(PHONE)), (tries, 1), "{good}");
        app.login("code").await.unwrap();
        assert_eq!(upstream.count(LOGIN), 1, "what the token has taught holds for logins");
    }
}

#[tokio::test]
async fn the_secret_is_changed_back_as_soon_as_wechat_takes_the_other_one() {
    let upstream = Upstream::script([
        // WeChat has the old one, then the new one.
        body(refusal(40125)),
        body(session()),
        body(session()),
        body(refusal(40125)),
        body(session()),
        body(session()),
    ])
    .await;
    let app = rotating(&upstream);
    for code in ["code1", "code2", "code3", "code4"] {
        app.login(code).await.unwrap();
    }
    let shown = upstream.requests().iter().map(|it| it.param("secret")).collect::<Vec<_>>();
    let [new, old] = [NEW, OLD].map(|it| Some(it.to_owned()));
    assert_eq!(shown, [new.clone(), old.clone(), old.clone(), old, new.clone(), new]);
}

#[tokio::test]
async fn where_neither_is_good_it_is_tried_twice_and_told_to_the_operator() {
    let upstream = Upstream::always(|| body(refusal(40125))).await;
    let app = rotating(&upstream);
    assert_eq!(failure(app.login("code").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.requests().len(), 2);
    let error = app.login("code").await.unwrap_err();
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn another_refusal_is_no_reason_to_show_the_other_secret() {
    for errcode in [40029, 40163, 40013, 45011, 40243] {
        let upstream = Upstream::always(move || body(refusal(errcode))).await;
        let app = rotating(&upstream);
        app.login("code").await.unwrap_err();
        assert_eq!(upstream.requests().len(), 1, "{errcode}");
    }
}

#[tokio::test]
async fn without_a_former_secret_a_wrong_one_is_not_shown_again() {
    let upstream = Upstream::always(|| body(refusal(40125))).await;
    let app = App::at(upstream.url());
    assert_eq!(failure(app.login("code").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.requests().len(), 1);
}
