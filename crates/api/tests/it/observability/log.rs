//! Log output of requests.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::model::identity::ProviderIdentity;
use domain::model::secret::LoginCode;
use domain::ports::provider::{IdentityProvider, ProviderError, ProviderFailure};
use domain::ports::store::MockStore;
use domain::ports::store::MockStoreHealth;
use domain::ports::store::error::StoreError;
use salvo::async_trait;
use serde_json::{Value, json};
use testkit::fake::provider::MemoryUser;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::Level;
use tracing::subscriber::{DefaultGuard, set_default};

use crate::call::{delete, get, patch, post};
use crate::harness::{SERVICE_KEY, TestApp};

/// Log output of this thread, as lines of JSON.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn at(level: Level) -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().json().with_max_level(level);
        let guard = set_default(subscriber.with_writer(move || writer.clone()).finish());
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn internal_error_is_logged_once_with_its_cause_chain() {
    let (log, _guard) = Log::at(Level::TRACE);
    let app = TestApp::build_with(|builder| {
        let mut store = MockStore::new();
        store.expect_begin().returning(|| Err(StoreError::new(io::Error::other("disk full"))));
        builder.ports.store = Arc::new(store);
    });
    post("/login").json(&json!({ "code": app.login_code("o1") })).send(&app).await;
    let lines = log.lines();
    let causes: Vec<&Value> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(causes.len(), 1, "{lines:?}");
    assert_eq!(causes[0]["fields"]["cause"], "the store failed: disk full");
    assert_eq!(causes[0]["fields"]["error"], "internal");
    assert_eq!(causes[0]["span"]["request_id"], "test-request");
}

#[tokio::test]
async fn log_level_of_login_failures() {
    let levels = async |failure: Option<ProviderFailure>, union_ids: &[&str]| {
        let (log, _guard) = Log::at(Level::DEBUG);
        let app = TestApp::new();
        for union_id in union_ids {
            if let Some(failure) = failure {
                app.provider.fail_next(failure);
            }
            let user = MemoryUser::person("o1").with_union_id(union_id);
            let body = json!({ "code": app.provider.login_code(&user).expose() });
            post("/login").json(&body).send(&app).await;
        }
        let lines = log.lines();
        let line = lines.iter().find(|line| line["fields"]["cause"].is_string()).unwrap();
        line["level"].as_str().unwrap().to_owned()
    };
    let retry_after = Duration::from_secs(1);
    assert_eq!(levels(Some(ProviderFailure::Misconfigured), &["u1"]).await, "ERROR");
    assert_eq!(levels(Some(ProviderFailure::Unavailable { retry_after }), &["u1"]).await, "WARN");
    assert_eq!(levels(Some(ProviderFailure::CodeInvalid), &["u1"]).await, "DEBUG");
    assert_eq!(levels(None, &["u1", "u2"]).await, "ERROR", "a changed union id");
}

#[tokio::test]
async fn refresh_token_reuse_is_logged_as_a_warning() {
    let (log, _guard) = Log::at(Level::INFO);
    let app = TestApp::new();
    let tokens = app.log_in("o1").await;
    app.refresh(&tokens.refresh).await;
    app.clock.advance(Duration::from_secs(10));
    app.refresh(&tokens.refresh).await;
    let lines = log.lines();
    let cause = "a refresh token was reused, so the session was ended";
    assert_eq!((&lines[0]["level"], &lines[0]["fields"]["cause"]), (&json!("WARN"), &json!(cause)));
}

#[tokio::test]
async fn only_failed_requests_are_logged_by_default() {
    let (log, _guard) = Log::at(Level::INFO);
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    get("/me").bearer(&token).send(&app).await;
    get("/health/live").send(&app).await;
    assert_eq!(log.text(), "");
    get("/external/code_2_wx_openid?code=canary").send(&app).await;
    get("/canary").send(&app).await;
    let lines = log.lines();
    let summaries: Vec<String> = lines
        .iter()
        .map(|line| {
            let fields = &line["fields"];
            assert!(fields["ms"].as_f64().unwrap() >= 0.0);
            format!(
                "{} {} {} {}",
                line["level"], fields["method"], fields["route"], fields["status"]
            )
        })
        .collect();
    let expected = [r#""INFO" "GET" "external/code_2_wx_openid" 401"#, r#""INFO" "GET" "" 404"#];
    assert_eq!(summaries, expected);
    assert!(!log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn secrets_and_personal_data_are_never_logged() {
    let (log, _guard) = Log::at(Level::TRACE);
    let app = TestApp::new();
    let code = app.login_code("o-canary");
    let phone = app.phone_code("o-canary", "13800138915");
    let body = json!({ "code": code, "phoneCode": phone, "nickName": "canary-name" });
    let login = post("/login").json(&body).send(&app).await.json();
    let token = login["data"]["token"].as_str().unwrap();
    let refresh = login["data"]["refreshToken"].as_str().unwrap();
    get("/me").bearer(token).send(&app).await;
    get("/me").bearer("canary-wrong-token").send(&app).await;
    let change = json!({ "nickName": "canary\r\n\u{1b}[31m", "avatar": "https://canary.example/", "canary": 1 });
    patch("/me").bearer(token).json(&change).send(&app).await;
    post("/login").json(&body).send(&app).await;
    post("/login").raw_json("{canary").send(&app).await;
    get("/external/code_2_wx_openid?code=canary&app=canary").send(&app).await;
    get("/canary%0d%0acanary")
        .header("user-agent", "canary")
        .header("accept-language", "canary")
        .send(&app)
        .await;
    get("/docs/canary").send(&app).await;
    let exchange = json!({ "code": app.login_code("o-canary") });
    post("/code2session").bearer("canary-key").json(&exchange).send(&app).await;
    post("/code2session").bearer(SERVICE_KEY).json(&exchange).send(&app).await;
    let next = app.refresh(refresh).await.json();
    let next = next["data"]["refreshToken"].as_str().unwrap();
    for token in [token, refresh, next, "canary-token", "canary-%0d%0a"] {
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            let call = post(path).form(format!("token={token}&canary=canary"));
            call.basic("canary-name", "canary-key").send(&app).await;
            let call = post(path).form(format!("token={token}&token={token}"));
            call.basic("orders", SERVICE_KEY).send(&app).await;
            let call = post(path).form(format!("token={token}"));
            call.bearer(SERVICE_KEY).send(&app).await;
        }
        app.refresh(token).await;
    }
    delete("/me/sessions/canary").bearer(token).send(&app).await;
    post("/logout").bearer(token).json(&json!({ "canary": "canary" })).send(&app).await;
    let text = log.text();
    let lines = log.lines();
    assert!(lines.len() > 10, "{text}");
    for secret in
        ["canary", &code, &phone, "13800138915", "38001389", token, refresh, next, SERVICE_KEY]
    {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn panic_message_is_logged() {
    let (log, _guard) = Log::at(Level::INFO);
    let app = TestApp::build_with(|builder| {
        let mut store = MockStoreHealth::new();
        store.expect_ready().returning(|| panic!("the disk is broken"));
        builder.store_health = Arc::new(store);
    });
    get("/health/ready").send(&app).await;
    let lines = log.lines();
    assert_eq!(lines[0]["fields"]["cause"], "panicked: the disk is broken");
    assert_eq!(lines[0]["level"], "ERROR");
}

#[tokio::test]
async fn outcome_of_a_timed_out_login_is_logged() {
    struct BlockedProvider(Notify);
    #[async_trait]
    impl IdentityProvider for BlockedProvider {
        async fn redeem_login_code(
            &self,
            _code: &LoginCode,
        ) -> Result<ProviderIdentity, ProviderError> {
            self.0.notified().await;
            Err(ProviderError::new(ProviderFailure::Misconfigured, "the secret is wrong"))
        }
    }
    let (log, _guard) = Log::at(Level::INFO);
    let provider = Arc::new(BlockedProvider(Notify::new()));
    let app = TestApp::build_with(|builder| {
        builder.identity = provider.clone();
        builder.config.login_deadline = Duration::from_millis(20);
    });
    let answer = post("/login").json(&json!({ "code": "any" })).send(&app).await;
    assert_eq!(answer.failure(), (503, "provider_unavailable".into()));
    provider.0.notify_one();
    let logged = async {
        while !log.text().contains("the secret is wrong") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), logged).await.unwrap();
    let lines = log.lines();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["level"], &last["span"]["request_id"]),
        (&json!("ERROR"), &json!("test-request"))
    );
}
