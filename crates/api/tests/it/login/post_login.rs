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
use crate::harness::TestApp;

#[tokio::test]
async fn first_login_registers_a_member_and_second_login_finds_it() {
    let test_app = TestApp::new();
    let body = json!({ "code": test_app.login_code("o1"), "phoneCode": test_app.phone_code("o1", "13800138915") });
    let first = post("/login").json(&body).send(&test_app).await;
    assert_snapshot!(first.body, @r#"{"code":200,"msg":"操作成功","data":{"token":"access-01a1f866-0d7b-7bc9-9618-4de7f13d3812","refreshToken":"refresh-01a1f866-0d7b-7d56-b4a5-808e6bfea553-0","expiresIn":7200,"nickName":"好柿开花8915","memberId":"01a1f866-0d7b-7eaf-92fe-be706064c02d","isNew":true},"operationTime":"2026-11-20T10:00:00Z"}"#);

    let second =
        post("/login").json(&json!({ "code": test_app.login_code("o1") })).send(&test_app).await;
    let first = first.json();
    let second = second.json();
    assert_eq!(second["data"]["isNew"], false);
    assert_eq!(second["data"]["memberId"], first["data"]["memberId"]);
    assert_eq!(second["data"]["nickName"], "好柿开花8915");
    assert_ne!(second["data"]["token"], first["data"]["token"]);
}

#[tokio::test]
async fn app_is_selected_by_name_or_id_and_null_means_absent() {
    let test_app = TestApp::new();
    for app in [json!("main"), json!("wx5e8d6c0a4b2f1e37"), json!(null)] {
        let body = json!({ "code": test_app.login_code("o1"), "app": app, "phoneCode": null, "nickName": null });
        let answer = post("/login").json(&body).send(&test_app).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for app in ["other", "MAIN"] {
        let body = json!({ "code": test_app.login_code("o1"), "app": app });
        let answer = post("/login").json(&body).send(&test_app).await;
        assert_eq!(answer.fault("app"), "no app of that name or id is served here");
    }
}

#[tokio::test]
async fn placeholder_nickname_counts_as_absent() {
    let test_app = TestApp::new();
    for (open_id, nickname, kept) in [
        ("o1", "微信用户", false),
        ("o2", "", false),
        ("o3", " \u{3000}", false),
        ("o4", "小明 🍅", true),
    ] {
        let body = json!({ "code": test_app.login_code(open_id), "nickName": nickname });
        let answer = post("/login").json(&body).send(&test_app).await;
        let name = answer.json()["data"]["nickName"].as_str().unwrap().to_owned();
        assert_eq!(name == nickname, kept, "{name}");
        assert_eq!(name.starts_with("好柿开花"), !kept, "{name}");
    }
}

#[tokio::test]
async fn all_invalid_fields_are_reported_before_redeeming_the_code() {
    let test_app = TestApp::new();
    let body = json!({ "code": "a b", "phoneCode": 7, "nickName": "x".repeat(65), "app": "", "nickname": "x" });
    let answer = post("/login").json(&body).send(&test_app).await;
    assert_snapshot!(answer.body, @r#"{"code":400,"msg":"请求参数有误","data":null,"operationTime":"2026-11-20T10:00:00Z","error":"invalid_request","requestId":"test-request","fields":{"app":"is not 1 to 64 characters long","body":"has unknown fields","code":"a code is 1 to 512 visible ASCII characters","nickName":"a nickname has at most 64 characters","nickname":"is unknown","phoneCode":"is not a text"}}"#);
    assert_eq!(test_app.provider.calls(), []);
}

#[tokio::test]
async fn guest_unregistered_and_phoneless_logins_are_refused() {
    let visitor = MemoryUser { account_kind: AccountKind::Guest, ..MemoryUser::person("o1") };
    let test_app = TestApp::new();
    let body = json!({ "code": test_app.provider.login_code(&visitor).expose() });
    let answer = post("/login").json(&body).send(&test_app).await;
    assert_eq!(answer.failure(), (403, "forbidden".into()));

    let test_app = TestApp::build_with(|builder| builder.auto_register = false);
    let answer =
        post("/login").json(&json!({ "code": test_app.login_code("o1") })).send(&test_app).await;
    assert_eq!(answer.failure(), (403, "forbidden".into()));

    let test_app = TestApp::build_with(|builder| builder.phone_required = true);
    let answer =
        post("/login").json(&json!({ "code": test_app.login_code("o1") })).send(&test_app).await;
    assert_eq!(answer.fault("phoneCode"), "the app requires a phone number");
    assert!(test_app.store.members().is_empty());
}

#[tokio::test]
async fn phone_code_is_not_redeemed_after_an_invalid_login_code() {
    let test_app = TestApp::new();
    let body = json!({ "code": "unknown", "phoneCode": test_app.phone_code("o1", "13800138000") });
    let answer = post("/login").json(&body).send(&test_app).await;
    assert_eq!(answer.failure(), (401, "login_code_invalid".into()));
    assert_eq!(test_app.provider.calls(), [MemoryCall::Login]);
    assert_eq!(test_app.phones.calls(), []);
}

/// Provider that responds when the test notifies it.
#[derive(Default)]
struct SlowProvider {
    called: Notify,
    respond: Notify,
}

#[async_trait]
impl IdentityProvider for SlowProvider {
    async fn redeem_login_code(
        &self,
        _code: &LoginCode,
    ) -> Result<ProviderIdentity, ProviderError> {
        self.called.notify_one();
        self.respond.notified().await;
        let user = MemoryUser::person("o1");
        Ok(ProviderIdentity {
            subject: user.login,
            aliases: vec![],
            account_kind: user.account_kind,
            session_key: None,
        })
    }
}

/// Token issuer that notifies the test at the last step of a login.
struct RecordingIssuer(Arc<Notify>);

impl TokenIssuer for RecordingIssuer {
    fn access_token(&self, _claims: &AccessClaims) -> Result<AccessToken, SigningError> {
        Ok(AccessToken::new("access".into()))
    }

    fn refresh_token(&self, _session: &Session) -> RefreshToken {
        self.0.notify_one();
        RefreshToken::new("refresh".into())
    }
}

fn slow_app(deadline: Duration) -> (TestApp, Arc<SlowProvider>, Arc<Notify>) {
    let provider = Arc::<SlowProvider>::default();
    let done = Arc::<Notify>::default();
    let test_app = TestApp::build_with(|builder| {
        builder.identity = provider.clone();
        builder.ports.token_issuer = Arc::new(RecordingIssuer(done.clone()));
        builder.config.login_deadline = deadline;
    });
    (test_app, provider, done)
}

#[tokio::test]
async fn login_past_its_deadline_returns_503_and_completes_in_background() {
    let (test_app, provider, done) = slow_app(Duration::from_millis(20));
    let answer = post("/login").json(&json!({ "code": "any" })).send(&test_app).await;
    assert_eq!(answer.failure(), (503, "provider_unavailable".into()));
    assert_eq!(answer.header("retry-after"), "2");
    assert!(test_app.store.members().is_empty());
    provider.respond.notify_one();
    timeout(Duration::from_secs(10), done.notified()).await.unwrap();
    assert_eq!(test_app.store.members().len(), 1);
}

#[tokio::test]
async fn client_disconnect_does_not_interrupt_login() {
    let (test_app, provider, done) = slow_app(Duration::from_secs(10));
    let call = post("/login").json(&json!({ "code": "any" })).send(&test_app);
    tokio::select! {
        answer = call => panic!("answered {}", answer.body),
        () = provider.called.notified() => {}
    }
    provider.respond.notify_one();
    timeout(Duration::from_secs(10), done.notified()).await.unwrap();
    assert_eq!(test_app.store.members().len(), 1);
}

#[tokio::test]
async fn login_token_authenticates_the_member() {
    let test_app = TestApp::new();
    let token = test_app.token_of("o1").await;
    assert_eq!(get("/me").bearer(&token).send(&test_app).await.status, 200);
    assert_eq!(get("/me").header("authorization", &token).send(&test_app).await.status, 200);
}
