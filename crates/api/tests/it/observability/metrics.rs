//! `GET /metrics`, without personal data.

use std::collections::BTreeSet;

use domain::model::rate_limit::Quota;
use domain::use_cases::rate_limits::Quotas;
use salvo::http::Method;
use serde_json::json;

use crate::call::{Answer, Call, get, post};
use crate::harness::{SERVICE_KEY, TestApp};

async fn metrics(app: &TestApp) -> String {
    let answer = get("/metrics").bearer(SERVICE_KEY).send(app).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

#[tokio::test]
async fn metrics_require_a_service_key() {
    let app = TestApp::new();
    let member = app.token_of("o1").await;
    for call in [get("/metrics"), get("/metrics").bearer("wrong"), get("/metrics").bearer(&member)]
    {
        let answer = call.send(&app).await;
        assert_eq!(answer.failure(), (401, "unauthenticated".into()));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let answer = get("/metrics").bearer(SERVICE_KEY).send(&app).await;
    let expected = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!((answer.status, answer.header("content-type")), (200, expected));
    assert!(answer.body.contains("# TYPE menshen_logins_total counter\n"), "{}", answer.body);
}

#[tokio::test]
async fn metrics_can_be_made_public() {
    let app = TestApp::build_with(|builder| builder.config.public_metrics = true);
    assert_eq!(get("/metrics").send(&app).await.status, 200);
}

#[tokio::test]
async fn logins_and_refreshes_are_counted_by_outcome() {
    let app = TestApp::build_with(|builder| {
        builder.quotas = Quotas { session: Quota::new(2, 1), ..Quotas::default() };
    });
    let tokens = app.log_in("o1").await;
    app.log_in("o1").await;
    post("/login").json(&json!({ "code": "unknown" })).send(&app).await;
    for _ in 0..3 {
        app.refresh(&tokens.refresh).await;
    }
    app.refresh("nonsense").await;
    let page = metrics(&app).await;
    for line in [
        r#"menshen_logins_total{outcome="new"} 1"#,
        r#"menshen_logins_total{outcome="returning"} 1"#,
        r#"menshen_logins_total{outcome="login_code_invalid"} 1"#,
        r#"menshen_logins_total{outcome="provider_misconfigured"} 0"#,
        r#"menshen_refreshes_total{outcome="ok"} 2"#,
        r#"menshen_refreshes_total{outcome="rate_limited"} 1"#,
        r#"menshen_refreshes_total{outcome="unauthenticated"} 1"#,
        r#"menshen_refreshes_total{outcome="session_revoked"} 0"#,
        r#"menshen_http_requests_total{method="POST",route="login",status="200"} 2"#,
        r#"menshen_http_requests_total{method="POST",route="login",status="401"} 1"#,
        r#"menshen_http_request_duration_seconds_count{method="POST",route="login"} 3"#,
        concat!(r#"menshen_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
}

/// Returns the names of all series.
fn series(page: &str) -> BTreeSet<String> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[tokio::test]
async fn client_input_never_becomes_a_metric_label() {
    let app = TestApp::new();
    let token = app.token_of("canary-open-id").await;
    let calls = |n: u32| {
        let id = format!("00000000-0000-7000-8000-{n:012x}");
        [
            get(&format!("/canary{n}")),
            get(&format!("/external/code_2_wx_openid?code=canary{n}&app=canary{n}")),
            get(&format!("/docs/canary{n}")),
            get("/me").bearer(&format!("canary{n}")),
            get("/me").header("x-forwarded-for", &format!("canary, 198.51.100.{n}")),
            Call::new(Method::from_bytes(format!("CANARY{n}").as_bytes()).unwrap(), "/me"),
            Call::new(Method::DELETE, &format!("/me/sessions/{id}")).bearer(&token),
            post("/login").json(&json!({ "code": format!("canary{n}"), "app": "canary" })),
        ]
    };
    let mut pages = Vec::new();
    for n in 0..20 {
        for call in calls(n) {
            let _: Answer = call.send(&app).await;
        }
        pages.push(metrics(&app).await);
    }
    let last = pages.last().unwrap();
    assert_eq!(series(&pages[1]), series(last), "the number of series is constant");
    for personal in ["canary", "CANARY", "198.51", "00000000-0000", &token] {
        assert!(!last.contains(personal), "{personal} in\n{last}");
    }
    assert!(last.contains(r#"route="me/sessions/{id}""#), "{last}");
}
