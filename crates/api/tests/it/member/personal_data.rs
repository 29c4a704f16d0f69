//! `GET /me/export` and `DELETE /me`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::call::{delete, get, post};
use crate::harness::TestApp;

async fn log_in(app: &TestApp, open_id: &str, national: &str) -> String {
    let code = app.login_code(open_id);
    let body = json!({ "code": code, "phoneCode": app.phone_code(open_id, national) });
    let login = post("/login").json(&body).send(app).await.json();
    login["data"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn export_contains_all_unmasked_data_of_the_member() {
    let app = TestApp::new();
    let token = log_in(&app, "o1", "13800138915").await;
    log_in(&app, "o2", "13900139000").await;
    let export = get("/me/export").bearer(&token).send(&app).await;
    assert_eq!(export.status, 200, "{}", export.body);
    let data = &export.json()["data"];
    let kinds: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["auditEvent", "identity", "member", "outbox", "session"]);
    assert_eq!(data["member"][0]["phone"], "+8613800138915", "in full");
    assert_eq!(data["member"][0]["createdAt"], 1_795_168_800_123_i64);
    assert_eq!(data["identity"][0]["value"], "o1");
    assert_eq!(data["session"].as_array().unwrap().len(), 1);
    for foreign in ["o2", "13900139000"] {
        assert!(!export.body.contains(foreign), "{}", export.body);
    }
}

#[tokio::test]
async fn erased_member_loses_all_tokens() {
    let app = TestApp::new();
    let first = app.token_of("o1").await;
    let second = app.token_of("o1").await;
    let bystander = app.token_of("o2").await;
    let before = get("/me").bearer(&bystander).send(&app).await.body;
    let erased = delete("/me").bearer(&first).send(&app).await;
    assert_snapshot!(erased.body, @r#"{"code":200,"msg":"操作成功","data":null,"operationTime":"2026-11-20T10:00:00Z"}"#);
    for token in [&first, &second] {
        for call in [get("/me"), delete("/me"), get("/me/export")] {
            let answer = call.bearer(token).send(&app).await;
            assert_eq!(answer.failure(), (401, "session_revoked".into()));
        }
    }
    assert_eq!(get("/me").bearer(&bystander).send(&app).await.body, before);
    let again = post("/login").json(&json!({ "code": app.login_code("o1") }));
    assert_eq!(again.send(&app).await.json()["data"]["isNew"], Value::Bool(true));
}
