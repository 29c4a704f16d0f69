//! Metrics of WeChat calls, database, sessions and rate limits.

use serde_json::json;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::fault::Fault;

use crate::harness::{Answer, Program, SERVICE_KEY};

pub(super) async fn metrics(program: &Program) -> String {
    let answer = Answer::of(program.get("/metrics").bearer_auth(SERVICE_KEY)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// Returns the value of a series, or `None` if the page does not contain it.
pub(super) fn value(page: &str, series: &str) -> Option<f64> {
    let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn metrics_cover_wechat_calls_database_and_sessions() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let more = [
        ("MENSHEN_METRICS__PUBLIC", "false"),
        ("MENSHEN_LIMITS__MEMBER_BURST", "2"),
        ("MENSHEN_LIMITS__MEMBER_PER_MINUTE", "1"),
    ];
    let program = Program::start_with(&sandbox, &more).await;
    assert_eq!(Answer::of(program.get("/metrics")).await.failure(), (401, "unauthenticated"));
    let codes = || {
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        json!({ "code": code, "phoneCode": sandbox.phone_code("alice", MAIN_APP).unwrap() })
    };
    let mut token = String::new();
    for _ in 0..2 {
        let login = Answer::of(program.post("/login", &codes())).await;
        token = login.body["data"]["token"].as_str().unwrap().to_owned();
    }
    let path = "/sns/jscode2session".to_owned();
    for fault in [
        Fault { errcode: Some(40125), ..Fault::default() },
        Fault { delay_ms: Some(60_000), ..Fault::default() },
        Fault { status: Some(502), ..Fault::default() },
        Fault { drop: true, ..Fault::default() },
    ] {
        sandbox.inject_fault(Fault { path: path.clone(), ..fault }).unwrap();
        assert_ne!(Answer::of(program.post("/login", &codes())).await.status, 200);
    }
    for path in ["/logout", "/me", "/me"] {
        let call = if path == "/me" { program.get(path) } else { program.post(path, &json!({})) };
        Answer::of(call.bearer_auth(&token)).await;
    }

    let page = metrics(&program).await;
    let call = |path: &str, class: &str| {
        let series = format!("menshen_wechat_calls_total{{path=\"{path}\",class=\"{class}\"}}");
        value(&page, &series)
    };
    for class in ["misconfigured", "timeout", "http_status", "transport_error"] {
        assert_eq!(call("/sns/jscode2session", class), Some(1.0), "{class} in\n{page}");
    }
    assert_eq!(call("/sns/jscode2session", "ok"), Some(2.0));
    assert_eq!(call("/wxa/business/getuserphonenumber", "ok"), Some(2.0));
    for (series, expected) in [
        (r#"menshen_wechat_call_duration_seconds_count{path="/sns/jscode2session"}"#, 6.0),
        (
            r#"menshen_wechat_call_duration_seconds_bucket{le="1.6",path="/sns/jscode2session"}"#,
            5.0,
        ),
        (r#"menshen_wechat_access_token_lookups_total{outcome="miss"}"#, 1.0),
        (r#"menshen_wechat_access_token_lookups_total{outcome="hit"}"#, 1.0),
        (r#"menshen_wechat_access_token_fetches_total{outcome="ok"}"#, 1.0),
        (r#"menshen_cleanup_backlog_seconds{duty="sessions"}"#, 0.0),
        ("menshen_sessions_opened_total", 2.0),
        ("menshen_sessions_ended_total", 1.0),
        (r#"menshen_rate_limit_refusals_total{limit="member"}"#, 1.0),
        (r#"menshen_database_connections{pool="writer",state="in_use"}"#, 0.0),
        (r#"menshen_database_connections{pool="writer",state="idle"}"#, 1.0),
        ("menshen_purge_oldest_pending_seconds", 0.0),
        (r#"menshen_logins_total{outcome="new"}"#, 1.0),
        (r#"menshen_logins_total{outcome="provider_unavailable"}"#, 3.0),
    ] {
        assert_eq!(value(&page, series), Some(expected), "{series} in\n{page}");
    }
}
