//! Alternative spellings of paths reach no route.

use std::collections::BTreeSet;

use domain::model::admin::Role;
use domain::model::rate_limit::Quota;
use domain::use_cases::rate_limits::Quotas;
use serde_json::json;

use crate::call::{Call, get, post, put};
use crate::harness::{SERVICE_KEY, TestApp};
use crate::openapi::{document, operations};

/// Returns spellings of a path that a lenient router accepts: with other slashes, with escapes and with
/// path parameters. Clients remove dot segments themselves.
fn alternative_spellings(path: &str) -> Vec<String> {
    let mut spellings =
        vec![format!("{path}/"), format!("{path}//"), format!("{path};x"), format!("{path}%20")];
    for (at, character) in path.char_indices() {
        let before = &path[..at];
        let after = &path[at + 1..];
        spellings.push(format!("{before}%{:02X}{after}", u32::from(character)));
        if character == '/' {
            spellings.push(format!("{before}//{after}"));
            spellings.push(format!("{before}/%2F{after}"));
            spellings.push(format!("{before};x/{after}"));
        } else {
            spellings.push(format!("{before}%{:02x}{after}", u32::from(character)));
        }
    }
    let escape = |segment: &str| segment.bytes().map(|b| format!("%{b:02x}")).collect::<Vec<_>>();
    let escaped: Vec<_> = path.split('/').map(|segment| escape(segment).concat()).collect();
    spellings.push(escaped.join("/"));
    // A path that begins with an escaped slash is no absolute path.
    spellings.retain(|spelling| spelling.starts_with('/'));
    spellings
}

#[tokio::test]
async fn alternative_spellings_of_a_route_are_not_found_and_run_no_handler() {
    let app = TestApp::new();
    let member = app.token_of("o1").await;
    let cookie = app.admin("ann", Role::Admin).await;
    let document = document();
    let before = get("/metrics").bearer(SERVICE_KEY).send(&app).await.body;
    let mut count = 0;
    for (method, path, _) in operations(&document) {
        let path = path.replace("{id}", "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f");
        let path = path.replace("{session}", "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f");
        let path = path.replace("{app}", "main");
        for spelling in alternative_spellings(&path) {
            let token = if path.starts_with("/me") { &member } else { SERVICE_KEY };
            let call = Call::new(method.clone(), &spelling).bearer(token);
            let call = call.header("cookie", &cookie).header("x-requested-with", "fetch");
            let answer = call.json(&json!({})).send(&app).await;
            assert_eq!(answer.status, 404, "{method} {spelling}: {}", answer.body);
            count += 1;
        }
    }
    assert!(count > 2_000, "{count}");
    let after = get("/metrics").bearer(SERVICE_KEY).send(&app).await.body;
    let routes = |page: &str| {
        let requests = page.lines().filter(|line| line.starts_with("menshen_http_requests_total"));
        let known = requests.filter(|line| !line.contains("route=\"\""));
        let known = known.filter(|line| !line.contains("route=\"metrics\""));
        known.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(routes(&after), routes(&before), "they are counted as unknown paths");
}

#[tokio::test]
async fn passwords_and_invitation_codes_are_limited_per_network_on_every_route() {
    let quotas = Quotas { sign_in: Quota::new(10, 60), ..Quotas::default() };
    let app = TestApp::build_with(|builder| builder.quotas = quotas);
    let cookie = app.admin("ann", Role::Viewer).await;
    let password = "a guessed password";
    let sign_in =
        || post("/admin/api/session").json(&json!({ "name": "ann", "password": password }));
    let accept = || {
        let body = json!({ "name": "ann", "code": "0f".repeat(32), "password": password });
        post("/admin/api/invitation").json(&body)
    };
    let change = || {
        let body = json!({ "current": password, "password": password });
        let call = put("/admin/api/password").json(&body);
        call.header("cookie", &cookie).header("x-requested-with", "fetch")
    };
    let mut accepted = 1;
    for number in 0..30 {
        let call = match number % 3 {
            0 => sign_in(),
            1 => accept(),
            _ => change(),
        };
        accepted += u32::from(call.send(&app).await.status != 429);
    }
    assert_eq!(accepted, 10, "the sign-in of the test counts, too");
    // A service key does not lift the limit.
    assert_eq!(sign_in().bearer(SERVICE_KEY).send(&app).await.status, 429);
    let signed_in = get("/admin/api/session").header("cookie", &cookie);
    let signed_in = signed_in.header("x-requested-with", "fetch").send(&app).await;
    assert_eq!(signed_in.status, 200, "other routes are not limited");
}

#[tokio::test]
async fn passwords_of_one_administrator_are_limited_across_networks() {
    let quotas = Quotas { admin_account: Quota::new(10, 60), ..Quotas::default() };
    let app = TestApp::build_with(|builder| builder.quotas = quotas);
    let mut accepted = 0;
    for number in 0..30 {
        let body = json!({ "name": "ann", "password": "a guessed password" });
        let from = format!("198.51.100.{number}");
        let answer = post("/admin/api/session").json(&body).send_from(&from, &app).await;
        accepted += u32::from(answer.status == 401);
    }
    assert_eq!(accepted, 10);
    let body = json!({ "name": "bob", "password": "a guessed password" });
    assert_eq!(post("/admin/api/session").json(&body).send(&app).await.status, 401);
}

#[tokio::test]
async fn wrong_password_in_a_session_is_in_the_audit_log() {
    let app = TestApp::new();
    let cookie = app.admin("ann", Role::Viewer).await;
    let body = json!({ "current": "a guessed password", "password": "another long password" });
    let call = put("/admin/api/password").json(&body);
    let call = call.header("cookie", &cookie).header("x-requested-with", "fetch");
    assert_eq!(call.send(&app).await.failure(), (403, "forbidden".into()));
    let events = app.store.audit();
    let last = events.last().unwrap();
    assert_eq!(
        (last.kind.name(), last.detail.as_deref()),
        ("admin_refused", Some("wrong_password"))
    );
    assert_eq!(last.target_admin, Some(app.store.all_admins()[0].id));
}
