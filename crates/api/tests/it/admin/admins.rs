//! Member administration, administrators, audit log and statistics.

use std::time::Duration;

use domain::model::admin::Role;
use domain::model::audit::AuditKind;
use domain::model::rate_limit::Quota;
use domain::use_cases::rate_limits::Quotas;
use salvo::http::Method;
use serde_json::{Value, json};

use crate::admin::AdminFixture;
use crate::call::{Call, delete, get, patch, post, put};
use crate::harness::{ADMIN_PASSWORD, TestApp};

const OPEN_ID: &str = "oAlice4567890abcdefghijklmnop";

impl AdminFixture<'_> {
    /// Returns the members found by this query.
    async fn search(&self, query: &str) -> Vec<Value> {
        let body = json!({ "query": query });
        let data = self.data(post("/admin/api/search").json(&body)).await;
        data["members"].as_array().unwrap().clone()
    }

    /// Returns the kinds of the member's audit events, latest first.
    async fn history(&self, member: &str) -> Vec<Value> {
        let events = self.data(get(&format!("/admin/api/audit?member={member}"))).await;
        events["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect()
    }
}

/// Logs the member in and returns its id.
async fn log_in_alice(app: &TestApp) -> String {
    let phone = app.phone_code(OPEN_ID, "13812345678");
    let body = json!({ "code": app.login_code(OPEN_ID), "phoneCode": phone });
    app.clock.advance(Duration::from_millis(1));
    let answer = post("/login").json(&body).send(app).await;
    answer.json()["data"]["memberId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn admin_session_cookie_is_http_only_secure_and_same_site_strict() {
    let app = TestApp::new();
    app.admin("ann", Role::Viewer).await;
    let credentials = json!({ "name": "ann", "password": ADMIN_PASSWORD });
    let answer = post("/admin/api/session").json(&credentials).send(&app).await;
    let cookie = answer.header("set-cookie");
    let name = cookie.split('=').next().unwrap();
    let attributes = cookie.split_once("; ").unwrap().1;
    assert_eq!(name, "__Host-menshen-admin");
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Strict");
    assert_eq!(answer.json()["data"]["role"], "viewer");
    assert!(!answer.body.contains(cookie.split(['=', ';']).nth(1).unwrap()));

    let admin = AdminFixture { app: &app, cookie: cookie.split(';').next().unwrap().to_owned() };
    assert_eq!(admin.data(get("/admin/api/session")).await["name"], "ann");
    let signed_out = admin.send(delete("/admin/api/session")).await;
    assert!(signed_out.header("set-cookie").ends_with("; Max-Age=0"));
    assert_eq!(
        admin.send(get("/admin/api/session")).await.failure(),
        (401, "unauthenticated".into())
    );
}

#[tokio::test]
async fn member_search_by_id_phone_masked_phone_and_openid_returns_masked_phone() {
    let app = TestApp::new();
    let id = log_in_alice(&app).await;
    let admin = AdminFixture::new(Role::Viewer, &app).await;
    for query in ["", &id, "13812345678", "+86 138 1234 5678", "138******78", OPEN_ID] {
        let found = admin.search(query).await;
        assert_eq!(found.len(), 1, "{query}");
        assert_eq!(found[0]["profile"]["memberId"], id.as_str());
        assert_eq!(found[0]["profile"]["phone"], "138******78");
        assert_eq!(found[0]["status"], "active");
    }
    for query in ["13812345679", "138******79", "oalice", "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"] {
        assert_eq!(admin.search(query).await.len(), 0, "{query}");
    }
    let details = admin.data(get(&format!("/admin/api/members/{id}"))).await;
    assert_eq!(details["identities"][0]["value"], OPEN_ID);
    assert_eq!(details["sessions"][0]["app"], "main");
}

#[tokio::test]
async fn ban_and_unban_require_a_reason_and_are_audited() {
    let app = TestApp::new();
    let id = log_in_alice(&app).await;
    let admin = AdminFixture::new(Role::Operator, &app).await;
    let path = |action: &str| format!("/admin/api/members/{id}{action}");
    let unexplained = admin.send(post(&path("/ban")).json(&json!({ "reason": " " }))).await;
    assert_eq!(unexplained.failure().0, 400);
    admin.data(post(&path("/ban")).json(&json!({ "reason": "刷单" }))).await;
    let details = admin.data(get(&path(""))).await;
    assert_eq!(details["member"]["status"], "banned");
    assert_eq!(details["member"]["statusReason"], "刷单");
    assert_eq!(details["sessions"], json!([]));
    let body = json!({ "code": app.login_code(OPEN_ID) });
    app.clock.advance(Duration::from_millis(1));
    let refused = post("/login").json(&body).send(&app).await;
    assert_eq!(refused.failure(), (403, "member_banned".into()));
    admin.data(post(&path("/unban")).json(&json!({ "reason": "申诉通过" }))).await;
    log_in_alice(&app).await;
    let kinds = admin.history(&id).await;
    assert_eq!(kinds, ["logged_in", "unbanned", "login_refused", "banned", "registered"]);
    let mut events = app.store.audit().into_iter();
    let banned = events.find(|event| event.kind == AuditKind::Banned).unwrap();
    assert_eq!(banned.actor, Some(app.store.all_admins()[0].id));
    assert_eq!(banned.request.unwrap().as_str(), "test-request");
}

#[tokio::test]
async fn unmasking_a_phone_number_is_audited() {
    let app = TestApp::new();
    let id = log_in_alice(&app).await;
    let admin = AdminFixture::new(Role::Operator, &app).await;
    let path = format!("/admin/api/members/{id}/phone");
    assert_eq!(admin.data(post(&path)).await["phone"], "+8613812345678");
    assert_eq!(admin.history(&id).await[0], "phone_unmasked");
}

#[tokio::test]
async fn admin_ends_one_or_all_sessions_of_a_member() {
    let app = TestApp::new();
    let id = log_in_alice(&app).await;
    log_in_alice(&app).await;
    let admin = AdminFixture::new(Role::Operator, &app).await;
    let path = format!("/admin/api/members/{id}");
    let sessions = admin.data(get(&path)).await["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let one = sessions[0]["id"].as_str().unwrap();
    admin.data(delete(&format!("{path}/sessions/{one}"))).await;
    let left = admin.data(get(&path)).await["sessions"].clone();
    assert_eq!(left, json!([sessions[1]]));
    assert_eq!(admin.send(delete(&format!("{path}/sessions/{one}"))).await.status, 404);
    admin.data(delete(&format!("{path}/sessions"))).await;
    assert_eq!(admin.data(get(&path)).await["sessions"], json!([]));
}

#[tokio::test]
async fn erasing_a_member_is_audited_with_the_actor() {
    let app = TestApp::new();
    let id = log_in_alice(&app).await;
    let admin = AdminFixture::new(Role::Admin, &app).await;
    let path = format!("/admin/api/members/{id}");
    admin.data(delete(&path)).await;
    assert!(app.store.members().is_empty());
    assert_eq!(admin.send(get(&path)).await.status, 404);
    assert_eq!(admin.send(delete(&path)).await.status, 404);
    let erased = app.store.audit().into_iter().find(|event| event.kind == AuditKind::Erased);
    assert_eq!(erased.unwrap().actor, Some(app.store.all_admins()[0].id));
}

#[tokio::test]
async fn invited_admin_can_sign_in_and_disabled_admin_cannot() {
    let app = TestApp::new();
    let admin = AdminFixture::new(Role::Admin, &app).await;
    let invitation = json!({ "name": "bob@example.com", "role": "operator" });
    let invited = admin.data(post("/admin/api/admins").json(&invitation)).await;
    let accept = |password: &str| json!({ "name": "bob@example.com", "code": invited["code"], "password": password });
    let short = post("/admin/api/invitation").json(&accept("short")).send(&app).await;
    assert_eq!(short.json()["fields"].as_object().unwrap().len(), 1);
    let path = "/admin/api/invitation";
    assert_eq!(post(path).json(&accept(ADMIN_PASSWORD)).send(&app).await.status, 200);
    let again = post(path).json(&accept(ADMIN_PASSWORD)).send(&app).await;
    assert_eq!(again.failure(), (401, "unauthenticated".into()));
    let bob = AdminFixture { app: &app, cookie: app.sign_in("bob@example.com").await };
    assert_eq!(bob.data(get("/admin/api/session")).await["role"], "operator");

    let id = invited["admin"]["adminId"].as_str().unwrap();
    let disable = patch(&format!("/admin/api/admins/{id}")).json(&json!({ "active": false }));
    assert_eq!(admin.data(disable).await["active"], false);
    assert_eq!(bob.send(get("/admin/api/session")).await.status, 401);
    let own = admin.data(get("/admin/api/session")).await["adminId"].as_str().unwrap().to_owned();
    let step_down = patch(&format!("/admin/api/admins/{own}")).json(&json!({ "role": "viewer" }));
    assert_eq!(admin.send(step_down).await.failure(), (403, "forbidden".into()));
    let all = admin.data(get("/admin/api/admins")).await["admins"].clone();
    let names: Vec<_> = all.as_array().unwrap().iter().map(|admin| &admin["name"]).collect();
    assert_eq!(names, ["admin", "bob@example.com"]);
}

#[tokio::test]
async fn password_change_requires_the_current_password() {
    let app = TestApp::new();
    let admin = AdminFixture::new(Role::Viewer, &app).await;
    let change = |current: &str| {
        put("/admin/api/password")
            .json(&json!({ "current": current, "password": "a new long password" }))
    };
    let refused = admin.send(change("a wrong long password")).await;
    assert_eq!(refused.failure(), (403, "forbidden".into()));
    admin.data(change(ADMIN_PASSWORD)).await;
    assert_eq!(admin.send(get("/admin/api/session")).await.status, 401);
}

#[tokio::test]
async fn audit_log_is_paginated_and_filtered() {
    let app = TestApp::new();
    for nth in 0..3 {
        app.log_in(&format!("o{nth}")).await;
        app.clock.advance(Duration::from_secs(1));
    }
    let admin = AdminFixture::new(Role::Viewer, &app).await;
    let page = admin.data(get("/admin/api/audit?kind=registered&limit=2")).await;
    let page = page["events"].as_array().unwrap().clone();
    assert_eq!(page.len(), 2);
    assert_eq!((&page[0]["app"], &page[0]["requestId"]), (&json!("main"), &json!("test-request")));
    let last = page[1]["id"].as_str().unwrap();
    let rest = get(&format!("/admin/api/audit?kind=registered&limit=2&before={last}"));
    assert_eq!(admin.data(rest).await["events"].as_array().unwrap().len(), 1);
    for faulty in ["kind=rained", "limit=0", "limit=101", "member=x", "limit=2&limit=2"] {
        let answer = admin.send(get(&format!("/admin/api/audit?{faulty}"))).await;
        assert_eq!(answer.failure().0, 400, "{faulty}");
    }
}

#[tokio::test]
async fn statistics_are_counted_by_local_day() {
    let app = TestApp::new();
    app.log_in("o1").await;
    // 10:00 UTC is 18:00 in Shanghai, so the next local day has begun six hours later.
    app.clock.advance(Duration::from_hours(6));
    app.log_in("o1").await;
    let wrong = json!({ "code": "nonsense" });
    post("/login").json(&wrong).send(&app).await;
    app.record_refusals.flush().await.unwrap();
    let admin = AdminFixture::new(Role::Viewer, &app).await;
    let data = admin.data(get("/admin/api/statistics?days=2")).await;
    assert_eq!(data["from"], "2026-11-19T16:00:00Z");
    assert_eq!(data["to"], "2026-11-21T16:00:00Z");
    let of = |kind: &str| {
        let counts = data["counts"].as_array().unwrap().iter();
        let of_kind = counts.filter(|count| count["kind"] == kind);
        of_kind.map(|it| (it["day"].clone(), it["detail"].clone(), it["count"].clone())).collect()
    };
    let day = |day: &str, detail: Value| vec![(json!(day), detail, json!(1))];
    let counted: Vec<_> = of("registered");
    assert_eq!(counted, day("2026-11-19T16:00:00Z", Value::Null));
    let counted: Vec<_> = of("logged_in");
    assert_eq!(counted, day("2026-11-20T16:00:00Z", Value::Null));
    let counted: Vec<_> = of("login_refused");
    assert_eq!(counted, day("2026-11-20T16:00:00Z", json!("code_invalid")));
}

#[tokio::test]
async fn admin_sign_in_is_rate_limited_separately() {
    let sign_in = Quota::new(3, 1);
    let app =
        TestApp::build_with(|builder| builder.quotas = Quotas { sign_in, ..Quotas::default() });
    let guess = || post("/admin/api/session").json(&json!({ "name": "ann", "password": "guess" }));
    for _ in 0..3 {
        assert_eq!(guess().send(&app).await.failure(), (401, "unauthenticated".into()));
    }
    assert_eq!(guess().send(&app).await.failure(), (429, "rate_limited".into()));
    let invitation = json!({ "name": "ann", "code": "guess", "password": ADMIN_PASSWORD });
    let invitation = post("/admin/api/invitation").json(&invitation).send(&app).await;
    assert_eq!(invitation.failure().0, 429, "invitation codes share the limit");
    assert_eq!(guess().send_from("192.0.2.1", &app).await.failure().0, 401);
    assert_eq!(Call::new(Method::GET, "/admin/api/session").send(&app).await.status, 401);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(guess().send(&app).await.failure().0, 401);
}
