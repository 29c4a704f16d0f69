//! `POST /login`.

use std::sync::Arc;
use std::time::Duration;

use domain::model::identity::{AccountKind, ProviderIdentity};
use domain::model::secret::{AccessToken, LoginCode, RefreshToken};
use domain::model::session::Session;
use domain::model::session::claims::AccessClaims;
use domain::ports::provider::{IdentityProvider, ProviderError};
use domain::ports::tokens::{SigningError, TokenIssuer};
use insta::assert_snapshot;
use salvo::async_trait;
use serde_json::json;
use testkit::fake::provider::{MemoryCall, MemoryUser};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::call::{get, post};
use crate::house::House;

#[tokio::test]
async fn a_first_login_makes_a_member_and_a_second_one_finds_them() {
    let house = House::new();
    let body = json!({ "code": house.login_code("o1"), "phoneCode": house.phone_code("o1", "13800138915") });
    let first = post("/login").json(&body).send(&house).await;
    assert_snapshot!(first.body, @r#"{"code":200,"msg":"操作成功","data":{"token":"access-01a1f866-0d7b-7bc9-9618-4de7f13d3812","refreshToken":"refresh-01a1f866-0d7b-7d56-b4a5-808e6bfea553-0","expiresIn":7200,"nickName":"好柿开花8915","memberId":"01a1f866-0d7b-702d-8a5e-87afea6243ec","isNew":true},"operationTime":"2026-11-20T10:00:00Z"}"#);

    let second = post("/login").json(&json!({ "code": house.login_code("o1") })).send(&house).await;
    let first = first.json();
    let second = second.json();
    assert_eq!(second["data"]["isNew"], false);
    assert_eq!(second["data"]["memberId"], first["data"]["memberId"]);
    assert_eq!(second["data"]["nickName"], "好柿开花8915");
    assert_ne!(second["data"]["token"], first["data"]["token"]);
}

#[tokio::test]
async fn the_app_is_chosen_by_name_or_id_and_null_is_absent() {
    let house = House::new();
    for app in [json!("main"), json!("wx5e8d6c0a4b2f1e37"), json!(null)] {
        let body = json!({ "code": house.login_code("o1"), "app": app, "phoneCode": null, "nickName": null });
        let answer = post("/login").json(&body).send(&house).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for app in ["other", "MAIN"] {
        let body = json!({ "code": house.login_code("o1"), "app": app });
        let answer = post("/login").json(&body).send(&house).await;
        assert_eq!(answer.fault("app"), "no app of that name or id is served here");
    }
}

#[tokio::test]
async fn a_nickname_left_at_the_placeholder_counts_as_absent() {
    let house = House::new();
    for (open_id, nickname, kept) in [
        ("o1", "微信用户", false),
        ("o2", "", false),
        ("o3", " \u{3000}", false),
        ("o4", "小明 🍅", true),
    ] {
        let body = json!({ "code": house.login_code(open_id), "nickName": nickname });
        let answer = post("/login").json(&body).send(&house).await;
        let name = answer.json()["data"]["nickName"].as_str().unwrap().to_owned();
        assert_eq!(name == nickname, kept, "{name}");
        assert_eq!(name.starts_with("好柿开花"), !kept, "{name}");
    }
}

#[tokio::test]
async fn every_faulty_field_is_told_at_once_and_no_code_is_spent() {
    let house = House::new();
    let body = json!({ "code": "a b", "phoneCode": 7, "nickName": "x".repeat(65), "app": "", "nickname": "x" });
    let answer = post("/login").json(&body).send(&house).await;
    assert_snapshot!(answer.body, @r#"{"code":400,"msg":"请求参数有误","data":null,"operationTime":"2026-11-20T10:00:00Z","error":"invalid_request","requestId":"test-request","fields":{"app":"is not 1 to 64 characters long","body":"has unknown fields","code":"a code is 1 to 512 visible ASCII characters","nickName":"a nickname has at most 64 characters","nickname":"is unknown","phoneCode":"is not a text"}}"#);
    assert_eq!(house.provider.calls(), []);
}

#[tokio::test]
async fn a_visitor_a_stranger_and_one_without_phone_are_told_why() {
    let visitor = MemoryUser { standing: AccountKind::Guest, ..MemoryUser::person("o1") };
    let house = House::new();
    let body = json!({ "code": house.provider.login_code(&visitor).expose() });
    let answer = post("/login").json(&body).send(&house).await;
    assert_eq!(answer.failure(), (403, "forbidden".into()));

    let house = House::planned(|plan| plan.auto_register = false);
    let answer = post("/login").json(&json!({ "code": house.login_code("o1") })).send(&house).await;
    assert_eq!(answer.failure(), (403, "forbidden".into()));

    let house = House::planned(|plan| plan.phone_required = true);
    let answer = post("/login").json(&json!({ "code": house.login_code("o1") })).send(&house).await;
    assert_eq!(answer.fault("phoneCode"), "the app requires a phone number");
    assert!(house.store.members().is_empty());
}

#[tokio::test]
async fn a_phone_code_is_not_spent_on_a_bad_login_code() {
    let house = House::new();
    let body = json!({ "code": "unknown", "phoneCode": house.phone_code("o1", "13800138000") });
    let answer = post("/login").json(&body).send(&house).await;
    assert_eq!(answer.failure(), (401, "login_code_invalid".into()));
    assert_eq!(house.provider.calls(), [MemoryCall::Login]);
    assert_eq!(house.phones.calls(), []);
}

/// A provider that answers when it is told to.
#[derive(Default)]
struct SlowProvider {
    asked: Notify,
    answer: Notify,
}

#[async_trait]
impl IdentityProvider for SlowProvider {
    async fn redeem_login_code(
        &self,
        _code: &LoginCode,
    ) -> Result<ProviderIdentity, ProviderError> {
        self.asked.notify_one();
        self.answer.notified().await;
        let user = MemoryUser::person("o1");
        Ok(ProviderIdentity {
            subject: user.login,
            aliases: vec![],
            standing: user.standing,
            session_key: None,
        })
    }
}

/// Tells when the last thing a login does is done.
struct Witness(Arc<Notify>);

impl TokenIssuer for Witness {
    fn access_token(&self, _claims: &AccessClaims) -> Result<AccessToken, SigningError> {
        Ok(AccessToken::new("access".into()))
    }

    fn refresh_token(&self, _session: &Session) -> RefreshToken {
        self.0.notify_one();
        RefreshToken::new("refresh".into())
    }
}

fn slow_house(deadline: Duration) -> (House, Arc<SlowProvider>, Arc<Notify>) {
    let provider = Arc::<SlowProvider>::default();
    let done = Arc::<Notify>::default();
    let house = House::planned(|plan| {
        plan.identity = provider.clone();
        plan.ports.token_issuer = Arc::new(Witness(done.clone()));
        plan.config.login_deadline = deadline;
    });
    (house, provider, done)
}

#[tokio::test]
async fn a_login_that_outlasts_its_deadline_is_answered_and_ends_by_itself() {
    let (house, provider, done) = slow_house(Duration::from_millis(20));
    let answer = post("/login").json(&json!({ "code": "any" })).send(&house).await;
    assert_eq!(answer.failure(), (503, "provider_unavailable".into()));
    assert_eq!(answer.header("retry-after"), "2");
    assert!(house.store.members().is_empty());
    provider.answer.notify_one();
    timeout(Duration::from_secs(10), done.notified()).await.unwrap();
    assert_eq!(house.store.members().len(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_a_login_half_way() {
    let (house, provider, done) = slow_house(Duration::from_secs(10));
    let call = post("/login").json(&json!({ "code": "any" })).send(&house);
    tokio::select! {
        answer = call => panic!("answered {}", answer.body),
        () = provider.asked.notified() => {}
    }
    provider.answer.notify_one();
    timeout(Duration::from_secs(10), done.notified()).await.unwrap();
    assert_eq!(house.store.members().len(), 1);
}

#[tokio::test]
async fn the_token_of_a_login_opens_the_members_own_data() {
    let house = House::new();
    let token = house.token_of("o1").await;
    assert_eq!(get("/me").bearer(&token).send(&house).await.status, 200);
    assert_eq!(get("/me").header("authorization", &token).send(&house).await.status, 200);
}
