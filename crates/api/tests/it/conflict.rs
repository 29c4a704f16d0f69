//! What a client is told when its login contradicts what is known, and what it can do then.

use domain::model::identity::conflict_policy::ConflictPolicy;
use serde_json::{Value, json};
use testkit::fake::provider::MemoryUser;

use crate::call::{Answer, post};
use crate::house::House;

async fn log_in(house: &House, user: &MemoryUser, more: Value) -> Answer {
    let mut body = json!({ "code": house.provider.login_code(user).expose() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post("/login").json(&body).send(house).await
}

fn conflict(answer: &Answer) -> Value {
    assert_eq!(answer.failure(), (409, "conflict".into()), "{}", answer.body);
    answer.json()["conflict"].clone()
}

#[tokio::test]
async fn a_phone_number_of_another_member_can_be_left_out_or_replaced() {
    for (phone_required, choices) in
        [(false, json!(["without_phone", "another_phone"])), (true, json!(["another_phone"]))]
    {
        let house = House::planned(|plan| plan.phone_required = phone_required);
        let phone = |open_id| json!({ "phoneCode": house.phone_code(open_id, "13800138000") });
        let first = log_in(&house, &MemoryUser::person("o1"), phone("o1")).await;
        assert_eq!(first.status, 200);
        let taken = log_in(&house, &MemoryUser::person("o2"), phone("o2")).await;
        assert_eq!(conflict(&taken), json!({ "reason": "phone_taken", "choices": choices }));
        assert_eq!(taken.json()["msg"], "该手机号已属于其他会员");
    }
}

#[tokio::test]
async fn a_changed_union_id_is_nothing_a_client_can_mend() {
    let house = House::new();
    let user = |union_id| MemoryUser::person("o1").with_union_id(union_id);
    assert_eq!(log_in(&house, &user("u1"), json!({})).await.status, 200);
    let changed = log_in(&house, &user("u2"), json!({})).await;
    assert_eq!(conflict(&changed), json!({ "reason": "union_id_changed", "choices": [] }));
}

#[tokio::test]
async fn who_is_two_members_is_asked_and_told_who_they_were() {
    let house = House::planned(|plan| plan.on_conflict = ConflictPolicy::Ask);
    let late = MemoryUser::person("o1");
    let other = MemoryUser::person("o2").with_union_id("u1");
    let mut ids = Vec::new();
    for user in [&late, &other] {
        let logged_in = log_in(&house, user, json!({})).await.json();
        assert_eq!(logged_in["data"]["merged"], Value::Null, "nobody was");
        ids.push(logged_in["data"]["memberId"].clone());
        house.clock.advance(std::time::Duration::from_secs(1));
    }
    let revealed = late.with_union_id("u1");
    let asked = log_in(&house, &revealed, json!({})).await;
    let choices = json!(["merge", "separate"]);
    assert_eq!(conflict(&asked), json!({ "reason": "merge_required", "choices": choices }));
    let wrong = log_in(&house, &revealed, json!({ "onConflict": "perhaps" })).await;
    assert_eq!(wrong.fault("onConflict"), "is neither `merge` nor `separate`");
    let merged = log_in(&house, &revealed, json!({ "onConflict": "merge" })).await.json();
    assert_eq!(merged["data"]["memberId"], ids[0]);
    assert_eq!(merged["data"]["merged"], json!([ids[1]]));
}
