//! Conflicts of a login with stored data, and the choices that the client gets.

use domain::model::identity::conflict_policy::ConflictPolicy;
use serde_json::{Value, json};
use testkit::fake::provider::MemoryUser;

use crate::call::{Answer, post};
use crate::harness::TestApp;

async fn log_in(app: &TestApp, user: &MemoryUser, more: Value) -> Answer {
    let mut body = json!({ "code": app.provider.login_code(user).expose() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post("/login").json(&body).send(app).await
}

fn conflict(answer: &Answer) -> Value {
    assert_eq!(answer.failure(), (409, "conflict".into()), "{}", answer.body);
    answer.json()["conflict"].clone()
}

#[tokio::test]
async fn phone_taken_conflict_offers_choices() {
    for (phone_required, choices) in
        [(false, json!(["without_phone", "another_phone"])), (true, json!(["another_phone"]))]
    {
        let app = TestApp::build_with(|builder| builder.phone_required = phone_required);
        let phone = |open_id| json!({ "phoneCode": app.phone_code(open_id, "13800138000") });
        let first = log_in(&app, &MemoryUser::person("o1"), phone("o1")).await;
        assert_eq!(first.status, 200);
        let taken = log_in(&app, &MemoryUser::person("o2"), phone("o2")).await;
        assert_eq!(conflict(&taken), json!({ "reason": "phone_taken", "choices": choices }));
        assert_eq!(taken.json()["msg"], "该手机号已属于其他会员");
    }
}

#[tokio::test]
async fn changed_union_id_conflict_offers_no_choice() {
    let app = TestApp::new();
    let user = |union_id| MemoryUser::person("o1").with_union_id(union_id);
    assert_eq!(log_in(&app, &user("u1"), json!({})).await.status, 200);
    let changed = log_in(&app, &user("u2"), json!({})).await;
    assert_eq!(conflict(&changed), json!({ "reason": "union_id_changed", "choices": [] }));
}

#[tokio::test]
async fn merge_required_conflict_is_resolved_by_on_conflict() {
    let app = TestApp::build_with(|builder| builder.on_conflict = ConflictPolicy::Ask);
    let late = MemoryUser::person("o1");
    let other = MemoryUser::person("o2").with_union_id("u1");
    let mut ids = Vec::new();
    for user in [&late, &other] {
        let logged_in = log_in(&app, user, json!({})).await.json();
        assert_eq!(logged_in["data"]["merged"], Value::Null, "no merge");
        ids.push(logged_in["data"]["memberId"].clone());
        app.clock.advance(std::time::Duration::from_secs(1));
    }
    let revealed = late.with_union_id("u1");
    let asked = log_in(&app, &revealed, json!({})).await;
    let choices = json!(["merge", "separate"]);
    assert_eq!(conflict(&asked), json!({ "reason": "merge_required", "choices": choices }));
    let wrong = log_in(&app, &revealed, json!({ "onConflict": "perhaps" })).await;
    assert_eq!(wrong.fault("onConflict"), "is neither `merge` nor `separate`");
    let merged = log_in(&app, &revealed, json!({ "onConflict": "merge" })).await.json();
    assert_eq!(merged["data"]["memberId"], ids[0]);
    assert_eq!(merged["data"]["merged"], json!([ids[1]]));
}
