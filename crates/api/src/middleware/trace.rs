//! Trace data of a request. The request id is the only client input in it.

use opentelemetry::KeyValue;
use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use salvo::http::{HeaderMap, StatusCode};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Links the span to the client's trace, if the request has a `traceparent` (W3C Trace Context).
///
/// The client's trace is not continued: the choice of the trace id would let clients decide which
/// requests are sampled, and add their requests to the traces of other clients.
pub(crate) fn link(span: &Span, headers: &HeaderMap) {
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok());
    if let Some(remote) = given.and_then(parse) {
        span.add_link(remote);
    }
}

/// Records the response in the span.
pub(crate) fn record_response(span: &Span, method: &str, route: &str, status: StatusCode) {
    let context = span.context();
    let trace = context.span();
    if !trace.is_recording() {
        return;
    }
    trace.update_name(format!("{method} /{route}"));
    trace.set_attributes([
        KeyValue::new("http.request.method", method.to_owned()),
        KeyValue::new("http.route", format!("/{route}")),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
    ]);
    if status.is_server_error() {
        trace.set_status(Status::error(""));
    }
}

/// Parses trace id and span id from version 00 of `traceparent`. Its flags are ignored.
fn parse(traceparent: &str) -> Option<SpanContext> {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let &["00", trace, span, flags] = parts.as_slice() else { return None };
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !(hex(trace, 32) && hex(span, 16) && hex(flags, 2)) {
        return None;
    }
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    let remote = SpanContext::new(trace, span, TraceFlags::default(), true, TraceState::NONE);
    remote.is_valid().then_some(remote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_is_parsed_strictly() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let remote = parse(good).unwrap();
        assert_eq!(remote.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(remote.span_id().to_string(), "b7ad6b7169203331");
        assert!(!remote.is_sampled(), "the flags are ignored");
        for bad in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-+7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
