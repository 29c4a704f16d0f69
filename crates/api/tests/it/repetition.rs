//! `Idempotency-Key` on the way in.

use serde_json::json;
use testkit::fake::provider::MemoryCall;

use crate::call::post;
use crate::house::House;

#[tokio::test]
async fn the_same_request_with_the_same_key_gets_the_same_answer() {
    let house = House::new();
    let body = json!({ "code": house.login_code("o1") });
    let send = |key: &'static str| post("/login").header("idempotency-key", key).json(&body);
    let first = send("attempt-1").send(&house).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(send("attempt-1").send(&house).await.body, first.body);
    assert_eq!(house.provider.calls(), [MemoryCall::Login]);
    let other = send("attempt-2").send(&house).await;
    assert_eq!(other.failure(), (401, "login_code_used".into()));
}

#[tokio::test]
async fn a_key_is_visible_ascii_of_bounded_length_and_given_once() {
    let house = House::new();
    let body = json!({ "code": house.login_code("o1") });
    let long = "x".repeat(256);
    for key in ["", "a b", "\u{e9}", &long] {
        let call = post("/login").raw_header("idempotency-key", key.as_bytes(), true).json(&body);
        let fault = call.send(&house).await.fault("Idempotency-Key");
        assert_eq!(fault, "an idempotency key is 1 to 255 visible ASCII characters", "{key:?}");
    }
    let twice = post("/login").header("idempotency-key", "a");
    let twice = twice.another_header("idempotency-key", "a").json(&body).send(&house).await;
    assert_eq!(twice.fault("Idempotency-Key"), "is given more than once");
    assert_eq!(house.provider.calls(), [], "the code is not spent on them");
}
