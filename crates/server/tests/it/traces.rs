//! Traces of the running program: what arrives at a collector, and what a dead one costs.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::collector::Collector;
use crate::program::{Answer, Program};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Logs alice in, as a client that is traced itself.
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
    let Value::StringValue(text) = value else { panic!("{key} is no text: {value:?}") };
    Some(text.clone())
}

/// The id of a trace, as a header has it.
fn hex(trace: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(trace.try_into().unwrap()))
}

#[tokio::test]
async fn a_login_is_one_trace_with_its_calls_and_its_unit_of_work() {
    let (sandbox, collector) =
        (Sandbox::start(Config::default()).await.unwrap(), Collector::start());
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
    let inside = |name: &str| {
        let inside = spans.iter().filter(move |span| span.name == name);
        let inside: Vec<&Span> =
            inside.filter(|span| span.parent_span_id == request.span_id).collect();
        assert!(inside.iter().all(|span| span.trace_id == request.trace_id));
        inside
    };
    let calls: Vec<_> =
        inside("wechat").into_iter().filter_map(|span| text(span, "path")).collect();
    assert_eq!(calls, ["/sns/jscode2session", "/wxa/business/getuserphonenumber"]);
    assert!(inside("wechat").iter().all(|call| text(call, "class").as_deref() == Some("ok")));
    let work = inside("unit of work");
    assert_eq!(work.len(), 1);
    assert_eq!(attribute(work[0], "committed"), Some(&Value::BoolValue(true)));
    assert!(inside("statement").len() > 3);
    // The fetch of an access token belongs to all who wait for it.
    let path = |span: &&Span| text(span, "path").as_deref() == Some("/cgi-bin/stable_token");
    assert!(spans.iter().find(path).unwrap().parent_span_id.is_empty());

    assert_ne!(hex(&request.trace_id), TRACEPARENT[3..35], "it is a trace of its own");
    let links: Vec<_> = request.links.iter().map(|link| hex(&link.trace_id)).collect();
    assert_eq!(links, [&TRACEPARENT[3..35]]);
}

#[tokio::test]
async fn no_client_has_a_say_in_what_is_traced() {
    let (sandbox, collector) =
        (Sandbox::start(Config::default()).await.unwrap(), Collector::start());
    let none = [
        ("MENSHEN_TELEMETRY__OTLP_ENDPOINT", collector.url()),
        ("MENSHEN_TELEMETRY__SAMPLE_RATIO", "0"),
    ];
    let program = Program::start_with(&sandbox, &none).await;
    assert_eq!(log_in(&program, &sandbox).await.status, 200);
    program.terminate().await;
    assert_eq!(collector.spans(), []);
}

#[tokio::test]
async fn a_dead_collector_neither_slows_nor_fails_requests() {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let mut took = Vec::new();
    let dead = Collector::dead();
    for endpoint in ["", dead.url(), "http://127.0.0.1:9"] {
        let program =
            Program::start_with(&sandbox, &[("MENSHEN_TELEMETRY__OTLP_ENDPOINT", endpoint)]).await;
        let begun = Instant::now();
        for _ in 0..20 {
            assert_eq!(log_in(&program, &sandbox).await.status, 200);
        }
        // More spans than wait at most, so that the queue is full in the end.
        for _ in 0..2_100 {
            assert_eq!(Answer::of(program.get("/health/live")).await.status, 200);
        }
        took.push(begun.elapsed());
        if endpoint.ends_with(":9") {
            assert!(program.output().contains("traces do not arrive"), "{}", program.output());
        }
        let stopping = Instant::now();
        assert!(program.terminate().await.0.success());
        assert!(stopping.elapsed() < Duration::from_secs(8), "{:?}", stopping.elapsed());
    }
    // A wait for the collector would be two seconds at once; the machine may be busy with other things.
    let slowest = took[0] * 3 + Duration::from_secs(5);
    assert!(took.iter().all(|took| *took < slowest), "{took:?}");
}
