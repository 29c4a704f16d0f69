//! Signing keys and WeChat call statistics in the administration API.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::Role;
use domain::model::clock::Clock;
use domain::model::provider::call_stats::CallStats;
use domain::model::signing_key::SigningKey;
use domain::ports::store::Store;
use serde_json::json;
use testkit::fake::clock::FixedClock;

use crate::admin::AdminFixture;
use crate::call::get;
use crate::harness::TestApp;
use crate::harness::mocks::provider_stats;

#[tokio::test]
async fn signing_keys_are_listed_with_state_and_without_secrets() {
    let app = TestApp::new();
    let now = app.clock.now();
    let key = |number, active_from| SigningKey {
        number,
        id: format!("kid-{number}"),
        sealed: b"canary".into(),
        created_at: now,
        active_from,
    };
    let work = app.store.begin().await.unwrap();
    work.signing_keys().add(&key(1, Some(now))).await.unwrap();
    work.signing_keys().add(&key(2, None)).await.unwrap();
    work.commit().await.unwrap();
    let expected = json!({ "keys": [
        { "number": 1, "kid": "kid-1", "state": "current", "createdAt": "2026-11-20T10:00:00Z",
          "activeFrom": "2026-11-20T10:00:00Z", "endsAt": "2026-12-20T10:00:00Z" },
        { "number": 2, "kid": "kid-2", "state": "next", "createdAt": "2026-11-20T10:00:00Z",
          "activeFrom": null, "endsAt": null },
    ] });
    let viewer = AdminFixture::new(Role::Viewer, &app).await;
    assert_eq!(viewer.data(get("/admin/api/keys")).await, expected);
}

#[tokio::test]
async fn wechat_call_statistics_by_hour_outcome_and_latency() {
    let now = FixedClock::default().now();
    let mut calls = CallStats::new(now);
    for (outcome, millis) in [("ok", 30), ("ok", 40), ("busy", 9_000)] {
        calls.record(now, "/sns/jscode2session", outcome, Duration::from_millis(millis));
    }
    let app = TestApp::build_with(|builder| {
        builder.ports.provider_stats = Arc::new(provider_stats(calls));
    });
    let expected = json!({ "since": "2026-11-20T10:00:00Z", "hours": [{
        "hour": "2026-11-20T10:00:00Z",
        "path": "/sns/jscode2session",
        "outcomes": [{ "class": "busy", "count": 1 }, { "class": "ok", "count": 2 }],
        "medianMs": 50,
        "p95Ms": null,
    }] });
    let viewer = AdminFixture::new(Role::Viewer, &app).await;
    assert_eq!(viewer.data(get("/admin/api/wechat")).await, expected);
}
