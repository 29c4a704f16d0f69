//! `GET /health/live` and `GET /health/ready`.

use std::sync::Arc;
use std::time::Duration;

use api::server::drain::Drain;
use domain::ports::store::error::StoreError;
use domain::ports::store::{MockStoreHealth, StoreHealth};
use salvo::async_trait;
use tokio::time::timeout;

use crate::call::get;
use crate::harness::TestApp;

#[tokio::test]
async fn service_with_a_working_store_is_live_and_ready() {
    let app = TestApp::new();
    let answer = get("/health/live").send(&app).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"live"}"#));
    let answer = get("/health/ready").send(&app).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ready"}"#));
}

#[tokio::test]
async fn service_with_a_broken_store_is_live_but_not_ready() {
    let mut store = MockStoreHealth::new();
    store.expect_ready().returning(|| Err(StoreError::new("disk-canary")));
    let app = TestApp::build_with(|builder| builder.store_health = Arc::new(store));
    assert_eq!(get("/health/live").send(&app).await.status, 200);
    let answer = get("/health/ready").send(&app).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"status":"unavailable"}"#));
}

#[tokio::test]
async fn draining_service_serves_requests_but_is_not_ready() {
    let drain = Drain::default();
    let app = TestApp::build_with(|builder| builder.drain = drain.clone());
    assert!(!get("/health/live").send(&app).await.headers.contains_key("connection"));
    drain.begin();
    let ready = get("/health/ready").send(&app).await;
    assert_eq!((ready.status, ready.body.as_str()), (503, r#"{"status":"unavailable"}"#));
    let token = app.token_of("alice").await;
    for answer in [get("/me").bearer(&token).send(&app).await, get("/none").send(&app).await] {
        assert_eq!(answer.header("connection"), "close", "{}", answer.body);
    }
}

#[tokio::test]
async fn readiness_check_times_out() {
    struct Silent;
    #[async_trait]
    impl StoreHealth for Silent {
        async fn ready(&self) -> Result<(), StoreError> {
            std::future::pending().await
        }
    }
    let app = TestApp::build_with(|builder| builder.store_health = Arc::new(Silent));
    let answer = timeout(Duration::from_secs(10), get("/health/ready").send(&app)).await;
    assert_eq!(answer.unwrap().status, 503);
}
