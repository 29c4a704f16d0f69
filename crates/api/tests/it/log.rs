//! What is logged of a request, and what never is.

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
use crate::house::{House, SERVICE_KEY};

/// The log of this thread, as lines of JSON.
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
async fn the_cause_of_an_internal_failure_is_logged_once_with_its_chain() {
    let (log, _guard) = Log::at(Level::TRACE);
    let house = House::planned(|plan| {
        let mut store = MockStore::new();
        store.expect_begin().returning(|| Err(StoreError::new(io::Error::other("disk full"))));
        plan.ports.store = Arc::new(store);
    });
    post("/login").json(&json!({ "code": house.login_code("o1") })).send(&house).await;
    let lines = log.lines();
    let causes: Vec<&Value> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(causes.len(), 1, "{lines:?}");
    assert_eq!(causes[0]["fields"]["cause"], "the store failed: disk full");
    assert_eq!(causes[0]["fields"]["error"], "internal");
    assert_eq!(causes[0]["span"]["request_id"], "test-request");
}

#[tokio::test]
async fn how_loud_a_failure_is_depends_on_who_must_act() {
    let levels = async |failure: Option<ProviderFailure>, union_ids: &[&str]| {
        let (log, _guard) = Log::at(Level::DEBUG);
        let house = House::new();
        for union_id in union_ids {
            if let Some(failure) = failure {
                house.provider.fail_next(failure);
            }
            let user = MemoryUser::person("o1").with_union_id(union_id);
            let body = json!({ "code": house.provider.login_code(&user).expose() });
            post("/login").json(&body).send(&house).await;
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
async fn a_replayed_refresh_token_is_loud_enough_for_the_operator() {
    let (log, _guard) = Log::at(Level::INFO);
    let house = House::new();
    let tokens = house.log_in("o1").await;
    house.refresh(&tokens.refresh).await;
    house.clock.advance(Duration::from_secs(10));
    house.refresh(&tokens.refresh).await;
    let lines = log.lines();
    let cause = "a refresh token was replayed, so the session was ended";
    assert_eq!((&lines[0]["level"], &lines[0]["fields"]["cause"]), (&json!("WARN"), &json!(cause)));
}

#[tokio::test]
async fn a_failed_request_is_one_line_and_a_good_one_is_none_by_default() {
    let (log, _guard) = Log::at(Level::INFO);
    let house = House::new();
    let token = house.token_of("o1").await;
    get("/me").bearer(&token).send(&house).await;
    get("/health/live").send(&house).await;
    assert_eq!(log.text(), "");
    get("/external/code_2_wx_openid?code=canary").send(&house).await;
    get("/canary").send(&house).await;
    let lines = log.lines();
    let told: Vec<String> = lines
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
    assert_eq!(told, expected);
    assert!(!log.text().contains("canary"), "{}", log.text());
}

#[tokio::test]
async fn nothing_secret_or_personal_is_logged_even_at_the_lowest_level() {
    let (log, _guard) = Log::at(Level::TRACE);
    let house = House::new();
    let code = house.login_code("o-canary");
    let phone = house.phone_code("o-canary", "13800138915");
    let body = json!({ "code": code, "phoneCode": phone, "nickName": "canary-name" });
    let login = post("/login").json(&body).send(&house).await.json();
    let token = login["data"]["token"].as_str().unwrap();
    let refresh = login["data"]["refreshToken"].as_str().unwrap();
    get("/me").bearer(token).send(&house).await;
    get("/me").bearer("canary-wrong-token").send(&house).await;
    let change = json!({ "nickName": "canary\r\n\u{1b}[31m", "avatar": "https://canary.example/", "canary": 1 });
    patch("/me").bearer(token).json(&change).send(&house).await;
    post("/login").json(&body).send(&house).await;
    post("/login").raw_json("{canary").send(&house).await;
    get("/external/code_2_wx_openid?code=canary&app=canary").send(&house).await;
    get("/canary%0d%0acanary")
        .header("user-agent", "canary")
        .header("accept-language", "canary")
        .send(&house)
        .await;
    get("/docs/canary").send(&house).await;
    let exchange = json!({ "code": house.login_code("o-canary") });
    post("/code2session").bearer("canary-key").json(&exchange).send(&house).await;
    post("/code2session").bearer(SERVICE_KEY).json(&exchange).send(&house).await;
    let next = house.refresh(refresh).await.json();
    let next = next["data"]["refreshToken"].as_str().unwrap();
    for token in [token, refresh, next, "canary-token", "canary-%0d%0a"] {
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            let call = post(path).form(format!("token={token}&canary=canary"));
            call.basic("canary-name", "canary-key").send(&house).await;
            let call = post(path).form(format!("token={token}&token={token}"));
            call.basic("orders", SERVICE_KEY).send(&house).await;
            let call = post(path).form(format!("token={token}"));
            call.bearer(SERVICE_KEY).send(&house).await;
        }
        house.refresh(token).await;
    }
    delete("/me/sessions/canary").bearer(token).send(&house).await;
    post("/logout").bearer(token).json(&json!({ "canary": "canary" })).send(&house).await;
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
async fn a_panic_is_logged_with_what_it_said() {
    let (log, _guard) = Log::at(Level::INFO);
    let house = House::planned(|plan| {
        let mut store = MockStoreHealth::new();
        store.expect_ready().returning(|| panic!("the roof is on fire"));
        plan.store_health = Arc::new(store);
    });
    get("/health/ready").send(&house).await;
    let lines = log.lines();
    assert_eq!(lines[0]["fields"]["cause"], "panicked: the roof is on fire");
    assert_eq!(lines[0]["level"], "ERROR");
}

#[tokio::test]
async fn what_becomes_of_a_login_that_nobody_waits_for_is_logged() {
    struct Late(Notify);
    #[async_trait]
    impl IdentityProvider for Late {
        async fn redeem_login_code(
            &self,
            _code: &LoginCode,
        ) -> Result<ProviderIdentity, ProviderError> {
            self.0.notified().await;
            Err(ProviderError::new(ProviderFailure::Misconfigured, "the secret is wrong"))
        }
    }
    let (log, _guard) = Log::at(Level::INFO);
    let late = Arc::new(Late(Notify::new()));
    let house = House::planned(|plan| {
        plan.identity = late.clone();
        plan.config.login_deadline = Duration::from_millis(20);
    });
    let answer = post("/login").json(&json!({ "code": "any" })).send(&house).await;
    assert_eq!(answer.failure(), (503, "provider_unavailable".into()));
    late.0.notify_one();
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
