//! What load balancers and operators ask.

use std::sync::Arc;
use std::time::Duration;

use api::server::drain::Drain;
use domain::ports::store::error::StoreError;
use domain::ports::store::{MockStoreHealth, StoreHealth};
use salvo::async_trait;
use tokio::time::timeout;

use crate::call::get;
use crate::house::House;

#[tokio::test]
async fn a_service_over_a_store_that_answers_is_live_and_ready() {
    let house = House::new();
    let answer = get("/health/live").send(&house).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"live"}"#));
    let answer = get("/health/ready").send(&house).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ready"}"#));
}

#[tokio::test]
async fn a_service_over_a_broken_store_is_live_but_not_ready() {
    let mut store = MockStoreHealth::new();
    store.expect_ready().returning(|| Err(StoreError::new("disk-canary")));
    let house = House::planned(|plan| plan.store_health = Arc::new(store));
    assert_eq!(get("/health/live").send(&house).await.status, 200);
    let answer = get("/health/ready").send(&house).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"status":"unavailable"}"#));
}

#[tokio::test]
async fn a_service_that_is_about_to_stop_serves_on_but_is_not_ready_and_keeps_no_connection() {
    let drain = Drain::default();
    let house = House::planned(|plan| plan.drain = drain.clone());
    assert!(!get("/health/live").send(&house).await.headers.contains_key("connection"));
    drain.begin();
    let ready = get("/health/ready").send(&house).await;
    assert_eq!((ready.status, ready.body.as_str()), (503, r#"{"status":"unavailable"}"#));
    let token = house.token_of("alice").await;
    for answer in [get("/me").bearer(&token).send(&house).await, get("/none").send(&house).await] {
        assert_eq!(answer.header("connection"), "close", "{}", answer.body);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for() {
    struct Silent;
    #[async_trait]
    impl StoreHealth for Silent {
        async fn ready(&self) -> Result<(), StoreError> {
            std::future::pending().await
        }
    }
    let house = House::planned(|plan| plan.store_health = Arc::new(Silent));
    let answer = timeout(Duration::from_secs(10), get("/health/ready").send(&house)).await;
    assert_eq!(answer.unwrap().status, 503);
}
