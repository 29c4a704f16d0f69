//! `PUT /me/phone`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use domain::model::audit::AuditKind;
use domain::model::member::phone::PhoneNumber;
use domain::model::provider::session_key::EncryptedData;
use domain::ports::provider::ProviderFailure;
use serde_json::{Value, json};
use testkit::fake::provider::MemoryUser;

use crate::call::{Answer, get, post, put};
use crate::harness::TestApp;

/// Returns encrypted phone data of WeChat's phone button, as older clients send it.
fn encrypted_phone(app: &TestApp, open_id: &str, national: &str) -> Value {
    let phone = PhoneNumber::new(86, national).unwrap();
    body(&app.provider.encrypted_phone(&MemoryUser::person(open_id), &phone))
}

fn body(data: &EncryptedData) -> Value {
    let text = BASE64_STANDARD.encode(&data.ciphertext);
    let iv = BASE64_STANDARD.encode(data.iv);
    json!({ "encryptedData": text, "iv": iv })
}

async fn bind(app: &TestApp, token: &str, body: &Value) -> Answer {
    put("/me/phone").bearer(token).json(body).send(app).await
}

async fn phone(app: &TestApp, token: &str) -> Value {
    get("/me").bearer(token).send(app).await.json()["data"]["phone"].clone()
}

#[tokio::test]
async fn phone_is_bound_by_code_or_encrypted_data() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let code = json!({ "phoneCode": app.phone_code("o1", "13800138915") });
    let bound = bind(&app, &token, &code).await.json();
    assert_eq!(bound["data"]["phone"], "138******15");
    let data = encrypted_phone(&app, "o1", "13900139016");
    let bound = bind(&app, &token, &data).await.json();
    assert_eq!(bound["data"]["phone"], "139******16");
    assert_eq!(phone(&app, &token).await, "139******16");
    // The same number again is no change.
    bind(&app, &token, &data).await;
    let kinds: Vec<AuditKind> =
        app.store.audit_without_logins().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditKind::PhoneChanged; 2]);
}

#[tokio::test]
async fn phone_code_takes_precedence_over_encrypted_data() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let mut all = encrypted_phone(&app, "o1", "13900139016");
    all["phoneCode"] = app.phone_code("o1", "13800138915").into();
    assert_eq!(bind(&app, &token, &all).await.json()["data"]["phone"], "138******15");
}

#[tokio::test]
async fn phone_of_another_member_is_a_conflict() {
    let app = TestApp::new();
    let owner = app.token_of("o1").await;
    let other = app.token_of("o2").await;
    let code = json!({ "phoneCode": app.phone_code("o1", "13800138915") });
    assert_eq!(bind(&app, &owner, &code).await.status, 200);
    for body in [
        json!({ "phoneCode": app.phone_code("o2", "13800138915") }),
        encrypted_phone(&app, "o2", "13800138915"),
    ] {
        let taken = bind(&app, &other, &body).await;
        assert_eq!(taken.failure(), (409, "conflict".into()));
        let conflict = json!({ "reason": "phone_taken", "choices": ["another_phone"] });
        assert_eq!(taken.json()["conflict"], conflict);
    }
    assert_eq!(phone(&app, &owner).await, "138******15");
    assert_eq!(phone(&app, &other).await, Value::Null);
}

/// Returns the parts of a failure that must not depend on its cause.
fn shape(answer: &Answer) -> Value {
    let mut body = answer.json();
    body["operationTime"].take();
    let headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    json!({ "status": answer.status, "body": body, "headers": headers })
}

#[tokio::test]
async fn encrypted_data_failures_are_indistinguishable() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let sound = encrypted_phone(&app, "o1", "13800138915");
    let other_member = {
        app.token_of("o2").await;
        encrypted_phone(&app, "o2", "13800138915")
    };
    let nonsense = body(&EncryptedData { ciphertext: vec![7; 33], iv: [7; 16] });
    let mut shapes = Vec::new();
    for body in [&other_member, &nonsense] {
        shapes.push(shape(&bind(&app, &token, body).await));
    }
    // An outdated session key, and an app without stored session keys.
    app.provider.rotate_key(&MemoryUser::person("o1").login);
    let late = encrypted_phone(&app, "o1", "13800138915");
    shapes.push(shape(&bind(&app, &token, &late).await));
    let without_keys = TestApp::build_with(|builder| builder.session_keys = None);
    let other = without_keys.token_of("o1").await;
    shapes.push(shape(&bind(&without_keys, &other, &sound).await));
    // A refused phone code.
    let code = json!({ "phoneCode": app.phone_code("o2", "13800138915") });
    shapes.push(shape(&bind(&app, &token, &code).await));
    assert_eq!(shapes[0]["body"]["error"], "phone_code_invalid");
    assert_eq!(shapes[0]["status"], 400);
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:#?}");
    assert_eq!(phone(&app, &token).await, Value::Null);
    assert_eq!(bind(&app, &token, &sound).await.status, 200, "the same data is valid otherwise");
}

#[tokio::test]
async fn phone_code_must_belong_to_the_caller() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let stolen = json!({ "phoneCode": app.phone_code("o2", "13800138915") });
    assert_eq!(bind(&app, &token, &stolen).await.failure(), (400, "phone_code_invalid".into()));
    let code = json!({ "phoneCode": app.phone_code("o1", "13800138915") });
    let retry_after = std::time::Duration::from_secs(3);
    app.phones.fail_next(ProviderFailure::Unavailable { retry_after });
    let down = bind(&app, &token, &code).await;
    assert_eq!(down.failure(), (503, "provider_unavailable".into()));
    assert_eq!(down.header("retry-after"), "3");
    assert_eq!(bind(&app, &token, &code).await.status, 200);
    assert_eq!(bind(&app, &token, &code).await.failure(), (400, "phone_code_invalid".into()));
}

#[tokio::test]
async fn malformed_phone_request_redeems_no_code() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let sound = encrypted_phone(&app, "o1", "13800138915");
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
        let answer = bind(&app, &token, &body).await;
        assert!(!answer.fault(field).is_empty(), "{body}: {}", answer.body);
    }
    assert!(app.phones.calls().is_empty());
    assert_eq!(bind(&app, &token, &sound).await.status, 200);
}

#[tokio::test]
async fn latest_login_session_key_decrypts_phone_data() {
    let app = TestApp::new();
    let token = app.token_of("o1").await;
    let before = encrypted_phone(&app, "o1", "13800138915");
    let user =
        MemoryUser { session_key: Some("another-session-key".into()), ..MemoryUser::person("o1") };
    let code = json!({ "code": app.provider.login_code(&user).expose() });
    assert_eq!(post("/login").json(&code).send(&app).await.status, 200);
    assert_eq!(bind(&app, &token, &before).await.failure(), (400, "phone_code_invalid".into()));
    let after = encrypted_phone(&app, "o1", "13800138915");
    assert_eq!(bind(&app, &token, &after).await.status, 200);
}
