//! What administrators see and do, over HTTP.

use std::time::Duration;

use domain::model::admin::Role;
use domain::model::audit::AuditKind;
use domain::model::rate_limit::Quota;
use domain::use_cases::rate_limits::Quotas;
use salvo::http::Method;
use serde_json::{Value, json};

use crate::call::{Answer, Call, delete, get, patch, post, put};
use crate::house::{ADMIN_PASSWORD, House};

const OPEN_ID: &str = "oAlice4567890abcdefghijklmnop";

/// An administrator at their desk.
struct Desk<'a> {
    house: &'a House,
    cookie: String,
}

impl<'a> Desk<'a> {
    async fn of(role: Role, house: &'a House) -> Self {
        Self { house, cookie: house.admin(role.name(), role).await }
    }

    /// Sends a request; a moment later than the one before, for the record to tell them apart.
    async fn send(&self, call: Call) -> Answer {
        self.house.clock.advance(Duration::from_millis(1));
        let call = call.header("cookie", &self.cookie).header("x-requested-with", "fetch");
        call.send(self.house).await
    }

    async fn data(&self, call: Call) -> Value {
        let answer = self.send(call).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"].clone()
    }

    async fn found(&self, query: &str) -> Vec<Value> {
        let body = json!({ "query": query });
        let data = self.data(post("/admin/api/search").json(&body)).await;
        data["members"].as_array().unwrap().clone()
    }

    /// The kinds of the member's history, the latest first.
    async fn history(&self, member: &str) -> Vec<Value> {
        let events = self.data(get(&format!("/admin/api/audit?member={member}"))).await;
        events["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect()
    }
}

/// Logs alice in, and tells her id.
async fn alice(house: &House) -> String {
    let phone = house.phone_code(OPEN_ID, "13812345678");
    let body = json!({ "code": house.login_code(OPEN_ID), "phoneCode": phone });
    house.clock.advance(Duration::from_millis(1));
    let answer = post("/login").json(&body).send(house).await;
    answer.json()["data"]["memberId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_links_and_other_hosts() {
    let house = House::new();
    house.admin("ann", Role::Viewer).await;
    let credentials = json!({ "name": "ann", "password": ADMIN_PASSWORD });
    let answer = post("/admin/api/session").json(&credentials).send(&house).await;
    let cookie = answer.header("set-cookie");
    let name = cookie.split('=').next().unwrap();
    let attributes = cookie.split_once("; ").unwrap().1;
    assert_eq!(name, "__Host-menshen-admin");
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Strict");
    assert_eq!(answer.json()["data"]["role"], "viewer");
    assert!(!answer.body.contains(cookie.split(['=', ';']).nth(1).unwrap()));

    let desk = Desk { house: &house, cookie: cookie.split(';').next().unwrap().to_owned() };
    assert_eq!(desk.data(get("/admin/api/session")).await["name"], "ann");
    let gone = desk.send(delete("/admin/api/session")).await;
    assert!(gone.header("set-cookie").ends_with("; Max-Age=0"));
    assert_eq!(
        desk.send(get("/admin/api/session")).await.failure(),
        (401, "unauthenticated".into())
    );
}

#[tokio::test]
async fn members_are_found_by_id_number_mask_and_openid_and_shown_masked() {
    let house = House::new();
    let id = alice(&house).await;
    let desk = Desk::of(Role::Viewer, &house).await;
    for query in ["", &id, "13812345678", "+86 138 1234 5678", "138******78", OPEN_ID] {
        let found = desk.found(query).await;
        assert_eq!(found.len(), 1, "{query}");
        assert_eq!(found[0]["profile"]["memberId"], id.as_str());
        assert_eq!(found[0]["profile"]["phone"], "138******78");
        assert_eq!(found[0]["status"], "active");
    }
    for query in ["13812345679", "138******79", "oalice", "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"] {
        assert_eq!(desk.found(query).await.len(), 0, "{query}");
    }
    let sheet = desk.data(get(&format!("/admin/api/members/{id}"))).await;
    assert_eq!(sheet["identities"][0]["value"], OPEN_ID);
    assert_eq!(sheet["sessions"][0]["app"], "main");
}

#[tokio::test]
async fn a_ban_and_its_end_have_a_reason_and_are_on_record() {
    let house = House::new();
    let id = alice(&house).await;
    let desk = Desk::of(Role::Operator, &house).await;
    let path = |what: &str| format!("/admin/api/members/{id}{what}");
    let unexplained = desk.send(post(&path("/ban")).json(&json!({ "reason": " " }))).await;
    assert_eq!(unexplained.failure().0, 400);
    desk.data(post(&path("/ban")).json(&json!({ "reason": "刷单" }))).await;
    let sheet = desk.data(get(&path(""))).await;
    assert_eq!(sheet["member"]["status"], "banned");
    assert_eq!(sheet["member"]["statusReason"], "刷单");
    assert_eq!(sheet["sessions"], json!([]));
    let body = json!({ "code": house.login_code(OPEN_ID) });
    house.clock.advance(Duration::from_millis(1));
    let refused = post("/login").json(&body).send(&house).await;
    assert_eq!(refused.failure(), (403, "member_banned".into()));
    desk.data(post(&path("/unban")).json(&json!({ "reason": "申诉通过" }))).await;
    alice(&house).await;
    let kinds = desk.history(&id).await;
    assert_eq!(kinds, ["logged_in", "unbanned", "login_refused", "banned", "registered"]);
    let by = house.store.admins_now()[0].id;
    let banned = house.store.audit().into_iter().find(|event| event.kind == AuditKind::Banned);
    let banned = banned.unwrap();
    assert_eq!(banned.actor, Some(by));
    assert_eq!(banned.request.unwrap().as_str(), "test-request");
}

#[tokio::test]
async fn a_whole_number_is_told_once_it_is_on_record_who_asked() {
    let house = House::new();
    let id = alice(&house).await;
    let desk = Desk::of(Role::Operator, &house).await;
    let path = format!("/admin/api/members/{id}/phone");
    assert_eq!(desk.data(post(&path)).await["phone"], "+8613812345678");
    assert_eq!(desk.history(&id).await[0], "phone_unmasked");
}

#[tokio::test]
async fn sessions_end_one_by_one_or_all() {
    let house = House::new();
    let id = alice(&house).await;
    alice(&house).await;
    let desk = Desk::of(Role::Operator, &house).await;
    let path = format!("/admin/api/members/{id}");
    let sessions = desk.data(get(&path)).await["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let one = sessions[0]["id"].as_str().unwrap();
    desk.data(delete(&format!("{path}/sessions/{one}"))).await;
    let left = desk.data(get(&path)).await["sessions"].clone();
    assert_eq!(left, json!([sessions[1]]));
    assert_eq!(desk.send(delete(&format!("{path}/sessions/{one}"))).await.status, 404);
    desk.data(delete(&format!("{path}/sessions"))).await;
    assert_eq!(desk.data(get(&path)).await["sessions"], json!([]));
}

#[tokio::test]
async fn an_erased_member_is_gone_and_the_record_says_who_did_it() {
    let house = House::new();
    let id = alice(&house).await;
    let desk = Desk::of(Role::Admin, &house).await;
    let path = format!("/admin/api/members/{id}");
    desk.data(delete(&path)).await;
    assert!(house.store.members().is_empty());
    assert_eq!(desk.send(get(&path)).await.status, 404);
    assert_eq!(desk.send(delete(&path)).await.status, 404);
    let erased = house.store.audit().into_iter().find(|event| event.kind == AuditKind::Erased);
    assert_eq!(erased.unwrap().actor, Some(house.store.admins_now()[0].id));
}

#[tokio::test]
async fn who_is_invited_over_http_comes_in_and_who_is_shut_out_does_not() {
    let house = House::new();
    let desk = Desk::of(Role::Admin, &house).await;
    let invitation = json!({ "name": "bob@example.com", "role": "operator" });
    let invited = desk.data(post("/admin/api/admins").json(&invitation)).await;
    let accept = |password: &str| json!({ "name": "bob@example.com", "code": invited["code"], "password": password });
    let short = post("/admin/api/invitation").json(&accept("short")).send(&house).await;
    assert_eq!(short.json()["fields"].as_object().unwrap().len(), 1);
    let path = "/admin/api/invitation";
    assert_eq!(post(path).json(&accept(ADMIN_PASSWORD)).send(&house).await.status, 200);
    let again = post(path).json(&accept(ADMIN_PASSWORD)).send(&house).await;
    assert_eq!(again.failure(), (401, "unauthenticated".into()));
    let bob = Desk { house: &house, cookie: house.sign_in("bob@example.com").await };
    assert_eq!(bob.data(get("/admin/api/session")).await["role"], "operator");

    let id = invited["admin"]["adminId"].as_str().unwrap();
    let shut_out = patch(&format!("/admin/api/admins/{id}")).json(&json!({ "active": false }));
    assert_eq!(desk.data(shut_out).await["active"], false);
    assert_eq!(bob.send(get("/admin/api/session")).await.status, 401);
    let own = desk.data(get("/admin/api/session")).await["adminId"].as_str().unwrap().to_owned();
    let step_down = patch(&format!("/admin/api/admins/{own}")).json(&json!({ "role": "viewer" }));
    assert_eq!(desk.send(step_down).await.failure(), (403, "forbidden".into()));
    let all = desk.data(get("/admin/api/admins")).await["admins"].clone();
    let names: Vec<_> = all.as_array().unwrap().iter().map(|admin| &admin["name"]).collect();
    assert_eq!(names, ["admin", "bob@example.com"]);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_the_one_before() {
    let house = House::new();
    let desk = Desk::of(Role::Viewer, &house).await;
    let change = |current: &str| {
        put("/admin/api/password")
            .json(&json!({ "current": current, "password": "a new long password" }))
    };
    let refused = desk.send(change("a wrong long password")).await;
    assert_eq!(refused.failure(), (403, "forbidden".into()));
    desk.data(change(ADMIN_PASSWORD)).await;
    assert_eq!(desk.send(get("/admin/api/session")).await.status, 401);
}

#[tokio::test]
async fn the_record_is_read_page_by_page_and_filtered() {
    let house = House::new();
    for nth in 0..3 {
        house.log_in(&format!("o{nth}")).await;
        house.clock.advance(Duration::from_secs(1));
    }
    let desk = Desk::of(Role::Viewer, &house).await;
    let page = desk.data(get("/admin/api/audit?kind=registered&limit=2")).await;
    let page = page["events"].as_array().unwrap().clone();
    assert_eq!(page.len(), 2);
    assert_eq!((&page[0]["app"], &page[0]["requestId"]), (&json!("main"), &json!("test-request")));
    let last = page[1]["id"].as_str().unwrap();
    let rest = get(&format!("/admin/api/audit?kind=registered&limit=2&before={last}"));
    assert_eq!(desk.data(rest).await["events"].as_array().unwrap().len(), 1);
    for faulty in ["kind=rained", "limit=0", "limit=101", "member=x", "limit=2&limit=2"] {
        let answer = desk.send(get(&format!("/admin/api/audit?{faulty}"))).await;
        assert_eq!(answer.failure().0, 400, "{faulty}");
    }
}

#[tokio::test]
async fn statistics_count_days_as_the_operator_does() {
    let house = House::new();
    house.log_in("o1").await;
    // 10:00 in Greenwich is 18:00 in Shanghai, so six hours later another day has begun there.
    house.clock.advance(Duration::from_hours(6));
    house.log_in("o1").await;
    let wrong = json!({ "code": "nonsense" });
    post("/login").json(&wrong).send(&house).await;
    let desk = Desk::of(Role::Viewer, &house).await;
    let data = desk.data(get("/admin/api/statistics?days=2")).await;
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
async fn passwords_are_guessed_slowly_and_nobody_else_waits_for_it() {
    let sign_in = Quota::new(3, 1);
    let house = House::planned(|plan| plan.quotas = Quotas { sign_in, ..Quotas::default() });
    let guess = || post("/admin/api/session").json(&json!({ "name": "ann", "password": "guess" }));
    for _ in 0..3 {
        assert_eq!(guess().send(&house).await.failure(), (401, "unauthenticated".into()));
    }
    assert_eq!(guess().send(&house).await.failure(), (429, "rate_limited".into()));
    let invitation = json!({ "name": "ann", "code": "guess", "password": ADMIN_PASSWORD });
    let invitation = post("/admin/api/invitation").json(&invitation).send(&house).await;
    assert_eq!(invitation.failure().0, 429, "an invitation is no way round");
    assert_eq!(guess().send_from("192.0.2.1", &house).await.failure().0, 401);
    assert_eq!(Call::new(Method::GET, "/admin/api/session").send(&house).await.status, 401);
    house.clock.advance(Duration::from_mins(1));
    assert_eq!(guess().send(&house).await.failure().0, 401);
}
