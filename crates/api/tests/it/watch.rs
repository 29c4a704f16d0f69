//! What administrators see of the service itself, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::Role;
use domain::model::clock::Clock;
use domain::model::provider::call_stats::CallStats;
use domain::model::signing_key::SigningKey;
use domain::ports::store::Store;
use serde_json::{Value, json};
use testkit::fake::clock::FixedClock;

use crate::call::get;
use crate::house::House;
use crate::house::mocks::watching;

async fn told(house: &House, path: &str) -> Value {
    let cookie = house.admin("vera", Role::Viewer).await;
    let call = get(path).header("cookie", &cookie).header("x-requested-with", "fetch");
    let answer = call.send(house).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"].clone()
}

#[tokio::test]
async fn keys_are_told_with_where_they_stand_and_nothing_secret() {
    let house = House::new();
    let now = house.clock.now();
    let key = |number, active_from| SigningKey {
        number,
        id: format!("kid-{number}"),
        sealed: b"canary".into(),
        created_at: now,
        active_from,
    };
    let work = house.store.begin().await.unwrap();
    work.signing_keys().add(&key(1, Some(now))).await.unwrap();
    work.signing_keys().add(&key(2, None)).await.unwrap();
    work.commit().await.unwrap();
    let expected = json!({ "keys": [
        { "number": 1, "kid": "kid-1", "state": "current", "createdAt": "2026-11-20T10:00:00Z",
          "activeFrom": "2026-11-20T10:00:00Z", "endsAt": "2026-12-20T10:00:00Z" },
        { "number": 2, "kid": "kid-2", "state": "next", "createdAt": "2026-11-20T10:00:00Z",
          "activeFrom": null, "endsAt": null },
    ] });
    assert_eq!(told(&house, "/admin/api/keys").await, expected);
}

#[tokio::test]
async fn calls_to_wechat_are_told_by_hour_outcome_and_duration() {
    let now = FixedClock::default().now();
    let mut calls = CallStats::new(now);
    for (outcome, millis) in [("ok", 30), ("ok", 40), ("busy", 9_000)] {
        calls.record(now, "/sns/jscode2session", outcome, Duration::from_millis(millis));
    }
    let house = House::planned(|plan| plan.ports.provider_stats = Arc::new(watching(calls)));
    let expected = json!({ "since": "2026-11-20T10:00:00Z", "hours": [{
        "hour": "2026-11-20T10:00:00Z",
        "path": "/sns/jscode2session",
        "outcomes": [{ "class": "busy", "count": 1 }, { "class": "ok", "count": 2 }],
        "medianMs": 50,
        "p95Ms": null,
    }] });
    assert_eq!(told(&house, "/admin/api/wechat").await, expected);
}
