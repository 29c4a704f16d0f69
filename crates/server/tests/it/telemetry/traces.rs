//! Traces: exported spans, sampling, and behaviour with an unresponsive collector.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::harness::otlp_collector::OtlpCollector;
use crate::harness::{Answer, Program};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Logs alice in with a `traceparent` header.
async fn log_in(program: &Program, sandbox: &Sandbox) -> Answer {
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    let phone_code = sandbox.phone_code("alice", MAIN_APP).unwrap();
    let login = program.post("/login", &json!({ "code": code, "phoneCode": phone_code }));
    let login = login.header("x-request-id", "traced-request").header("traceparent", TRACEPARENT);
    Answer::of(login).await
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.as_ref()
}

fn text(span: &Span, key: &str) -> Option<String> {
    let value = attribute(span, key)?;
    let Value::StringValue(text) = value else { panic!("{key} is not a string: {value:?}") };
    Some(text.clone())
}

/// Formats a trace id in the form of the `traceparent` header.
fn hex(trace: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(trace.try_into().unwrap()))
}

#[tokio::test]
async fn login_is_one_trace_with_wechat_calls_and_unit_of_work() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let collector = OtlpCollector::start();
    let endpoint = [("MENSHEN_TELEMETRY__OTLP_ENDPOINT", collector.url())];
    let program = Program::start_with(&sandbox, &endpoint).await;
    assert_eq!(log_in(&program, &sandbox).await.status, 200);
    let (status, _folder) = program.terminate().await;
    assert!(status.success());

    let spans = collector.spans();
    let request = spans.iter().find(|span| span.name == "POST /login").unwrap();
    assert_eq!(text(request, "request_id").as_deref(), Some("traced-request"));
    assert_eq!(text(request, "http.route").as_deref(), Some("/login"));
    assert_eq!(attribute(request, "http.response.status_code"), Some(&Value::IntValue(200)));
    assert_eq!((request.kind(), &request.parent_span_id[..]), (SpanKind::Server, &[][..]));
    let children = |name: &str| {
        let named = spans.iter().filter(move |span| span.name == name);
        let children: Vec<&Span> =
            named.filter(|span| span.parent_span_id == request.span_id).collect();
        assert!(children.iter().all(|span| span.trace_id == request.trace_id));
        children
    };
    let calls: Vec<_> =
        children("wechat").into_iter().filter_map(|span| text(span, "path")).collect();
    assert_eq!(calls, ["/sns/jscode2session", "/wxa/business/getuserphonenumber"]);
    assert!(children("wechat").iter().all(|call| text(call, "class").as_deref() == Some("ok")));
    let work = children("unit of work");
    assert_eq!(work.len(), 1);
    assert_eq!(attribute(work[0], "committed"), Some(&Value::BoolValue(true)));
    assert!(children("statement").len() > 3);
    // All waiting logins share the fetch of the access token, so its span has no parent.
    let path = |span: &&Span| text(span, "path").as_deref() == Some("/cgi-bin/stable_token");
    assert!(spans.iter().find(path).unwrap().parent_span_id.is_empty());

    assert_ne!(hex(&request.trace_id), TRACEPARENT[3..35], "the client's trace was continued");
    let links: Vec<_> = request.links.iter().map(|link| hex(&link.trace_id)).collect();
    assert_eq!(links, [&TRACEPARENT[3..35]]);
}

#[tokio::test]
async fn client_traceparent_does_not_influence_sampling() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let collector = OtlpCollector::start();
    let settings = [
        ("MENSHEN_TELEMETRY__OTLP_ENDPOINT", collector.url()),
        ("MENSHEN_TELEMETRY__SAMPLE_RATIO", "0"),
    ];
    let program = Program::start_with(&sandbox, &settings).await;
    assert_eq!(log_in(&program, &sandbox).await.status, 200);
    program.terminate().await;
    assert_eq!(collector.spans(), []);
}

#[tokio::test]
async fn unresponsive_collector_neither_delays_nor_fails_requests() {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let mut durations = Vec::new();
    let unresponsive = OtlpCollector::start_unresponsive();
    for endpoint in ["", unresponsive.url(), "http://127.0.0.1:9"] {
        let program =
            Program::start_with(&sandbox, &[("MENSHEN_TELEMETRY__OTLP_ENDPOINT", endpoint)]).await;
        let begun = Instant::now();
        for _ in 0..20 {
            assert_eq!(log_in(&program, &sandbox).await.status, 200);
        }
        // More spans than the queue holds, so that it is full at the end.
        for _ in 0..2_100 {
            assert_eq!(Answer::of(program.get("/health/live")).await.status, 200);
        }
        durations.push(begun.elapsed());
        if endpoint.ends_with(":9") {
            assert!(program.output().contains("export of traces failed"), "{}", program.output());
        }
        let stopping = Instant::now();
        assert!(program.terminate().await.0.success());
        assert!(stopping.elapsed() < Duration::from_secs(8), "{:?}", stopping.elapsed());
    }
    // Waiting for the collector would add at least two seconds per export. The limit leaves room for a busy machine.
    let limit = durations[0] * 3 + Duration::from_secs(5);
    assert!(durations.iter().all(|duration| *duration < limit), "{durations:?}");
}
