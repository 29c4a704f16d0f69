//! `PUT /me/phone`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use domain::model::audit::AuditKind;
use domain::model::member::phone::PhoneNumber;
use domain::model::provider::session_key::EncryptedData;
use domain::ports::provider::ProviderFailure;
use serde_json::{Value, json};
use testkit::fake::provider::MemoryUser;

use crate::call::{Answer, get, post, put};
use crate::house::House;

/// What the phone button gave before there were codes.
fn encrypted(house: &House, open_id: &str, national: &str) -> Value {
    let phone = PhoneNumber::new(86, national).unwrap();
    body(&house.provider.encrypted_phone(&MemoryUser::person(open_id), &phone))
}

fn body(data: &EncryptedData) -> Value {
    let text = BASE64_STANDARD.encode(&data.ciphertext);
    let iv = BASE64_STANDARD.encode(data.iv);
    json!({ "encryptedData": text, "iv": iv })
}

async fn bind(house: &House, token: &str, body: &Value) -> Answer {
    put("/me/phone").bearer(token).json(body).send(house).await
}

async fn phone(house: &House, token: &str) -> Value {
    get("/me").bearer(token).send(house).await.json()["data"]["phone"].clone()
}

#[tokio::test]
async fn a_member_binds_a_number_by_code_and_by_encrypted_data() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let code = json!({ "phoneCode": house.phone_code("o1", "13800138915") });
    let bound = bind(&house, &token, &code).await.json();
    assert_eq!(bound["data"]["phone"], "138******15");
    let data = encrypted(&house, "o1", "13900139016");
    let bound = bind(&house, &token, &data).await.json();
    assert_eq!(bound["data"]["phone"], "139******16");
    assert_eq!(phone(&house, &token).await, "139******16");
    // The same again is no change.
    bind(&house, &token, &data).await;
    let kinds: Vec<AuditKind> =
        house.store.audit_besides_logins().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::PhoneChanged; 2]);
}

#[tokio::test]
async fn all_that_the_button_gives_may_be_sent_and_the_code_counts() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let mut all = encrypted(&house, "o1", "13900139016");
    all["phoneCode"] = house.phone_code("o1", "13800138915").into();
    assert_eq!(bind(&house, &token, &all).await.json()["data"]["phone"], "138******15");
}

#[tokio::test]
async fn a_number_of_another_member_stays_theirs() {
    let house = House::new();
    let owner = house.token_of("o1").await;
    let other = house.token_of("o2").await;
    let code = json!({ "phoneCode": house.phone_code("o1", "13800138915") });
    assert_eq!(bind(&house, &owner, &code).await.status, 200);
    for body in [
        json!({ "phoneCode": house.phone_code("o2", "13800138915") }),
        encrypted(&house, "o2", "13800138915"),
    ] {
        let taken = bind(&house, &other, &body).await;
        assert_eq!(taken.failure(), (409, "conflict".into()));
        let told = json!({ "reason": "phone_taken", "choices": ["another_phone"] });
        assert_eq!(taken.json()["conflict"], told);
    }
    assert_eq!(phone(&house, &owner).await, "138******15");
    assert_eq!(phone(&house, &other).await, Value::Null);
}

/// What is told of a failure that must not depend on what went wrong.
fn shape(answer: &Answer) -> Value {
    let mut told = answer.json();
    told["operationTime"].take();
    let headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    json!({ "status": answer.status, "body": told, "headers": headers })
}

#[tokio::test]
async fn whatever_is_wrong_with_encrypted_data_looks_the_same() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let sound = encrypted(&house, "o1", "13800138915");
    let theirs = {
        house.token_of("o2").await;
        encrypted(&house, "o2", "13800138915")
    };
    let nonsense = body(&EncryptedData { ciphertext: vec![7; 33], iv: [7; 16] });
    let mut shapes = Vec::new();
    for body in [&theirs, &nonsense] {
        shapes.push(shape(&bind(&house, &token, body).await));
    }
    // A key that was replaced elsewhere, and an app that keeps none.
    house.provider.rotate_key(&MemoryUser::person("o1").login);
    let late = encrypted(&house, "o1", "13800138915");
    shapes.push(shape(&bind(&house, &token, &late).await));
    let keeps_none = House::planned(|plan| plan.session_keys = None);
    let other = keeps_none.token_of("o1").await;
    shapes.push(shape(&bind(&keeps_none, &other, &sound).await));
    // And a phone code that is refused.
    let code = json!({ "phoneCode": house.phone_code("o2", "13800138915") });
    shapes.push(shape(&bind(&house, &token, &code).await));
    assert_eq!(shapes[0]["body"]["error"], "phone_code_invalid");
    assert_eq!(shapes[0]["status"], 400);
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:#?}");
    assert_eq!(phone(&house, &token).await, Value::Null);
    assert_eq!(bind(&house, &token, &sound).await.status, 200, "all else was in order");
}

#[tokio::test]
async fn a_phone_code_is_redeemed_for_the_caller_and_its_failures_are_told() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let stolen = json!({ "phoneCode": house.phone_code("o2", "13800138915") });
    assert_eq!(bind(&house, &token, &stolen).await.failure(), (400, "phone_code_invalid".into()));
    let code = json!({ "phoneCode": house.phone_code("o1", "13800138915") });
    let retry_after = std::time::Duration::from_secs(3);
    house.phones.fail_next(ProviderFailure::Unavailable { retry_after });
    let down = bind(&house, &token, &code).await;
    assert_eq!(down.failure(), (503, "provider_unavailable".into()));
    assert_eq!(down.header("retry-after"), "3");
    assert_eq!(bind(&house, &token, &code).await.status, 200);
    assert_eq!(bind(&house, &token, &code).await.failure(), (400, "phone_code_invalid".into()));
}

#[tokio::test]
async fn a_malformed_request_says_what_is_wrong_and_spends_nothing() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let sound = encrypted(&house, "o1", "13800138915");
    let with = |field: &str, value: Value| {
        let mut body = sound.clone();
        body[field] = value;
        body
    };
    for (body, field) in [
        (json!({}), "body"),
        (json!({ "iv": sound["iv"] }), "body"),
        (json!({ "encryptedData": sound["encryptedData"] }), "body"),
        (with("iv", json!("")), "iv"),
        (with("iv", json!("MDEyMzQ1Njc4OWFiY2Rl")), "iv"),
        (with("iv", json!("MDEyMzQ1Njc4OWFiY2RlZmc=")), "iv"),
        (with("encryptedData", json!("not Base64")), "encryptedData"),
        (with("encryptedData", json!("a+b=".replace('+', " "))), "encryptedData"),
        (with("encryptedData", json!("AAAA".repeat(1025))), "encryptedData"),
        (with("phoneCode", json!("a b")), "phoneCode"),
        (with("phoneNumber", json!("13800138915")), "phoneNumber"),
    ] {
        let answer = bind(&house, &token, &body).await;
        assert!(!answer.fault(field).is_empty(), "{body}: {}", answer.body);
    }
    assert!(house.phones.calls().is_empty());
    assert_eq!(bind(&house, &token, &sound).await.status, 200);
}

#[tokio::test]
async fn the_key_of_the_last_login_is_the_one_that_counts() {
    let house = House::new();
    let token = house.token_of("o1").await;
    let before = encrypted(&house, "o1", "13800138915");
    let user =
        MemoryUser { session_key: Some("another-session-key".into()), ..MemoryUser::person("o1") };
    let code = json!({ "code": house.provider.login_code(&user).expose() });
    assert_eq!(post("/login").json(&code).send(&house).await.status, 200);
    assert_eq!(bind(&house, &token, &before).await.failure(), (400, "phone_code_invalid".into()));
    let after = encrypted(&house, "o1", "13800138915");
    assert_eq!(bind(&house, &token, &after).await.status, 200);
}
