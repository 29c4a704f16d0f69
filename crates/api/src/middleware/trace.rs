//! What of a request goes into its trace. Nothing that a client sent does, except the id of a request.

use opentelemetry::KeyValue;
use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use salvo::http::{HeaderMap, StatusCode};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Notes which trace of others the request belongs to, if it says so (`traceparent` of W3C Trace Context).
///
/// It is linked and not continued: whoever chose the id of our trace would decide by it what is sampled,
/// and could mix their requests into the traces of others.
pub(crate) fn link(span: &Span, headers: &HeaderMap) {
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok());
    if let Some(theirs) = given.and_then(parse) {
        span.add_link(theirs);
    }
}

/// Notes what became of the request.
pub(crate) fn answered(span: &Span, method: &str, route: &str, status: StatusCode) {
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

/// A trace and a span in it, from version 00 of the header. What else it says does not count.
fn parse(traceparent: &str) -> Option<SpanContext> {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let &["00", trace, span, flags] = parts.as_slice() else { return None };
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !(hex(trace, 32) && hex(span, 16) && hex(flags, 2)) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let theirs = SpanContext::new(trace, span, TraceFlags::default(), true, TraceState::NONE);
    theirs.is_valid().then_some(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_in_its_one_form_or_not_at_all() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let theirs = parse(good).unwrap();
        assert_eq!(theirs.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(theirs.span_id().to_string(), "b7ad6b7169203331");
        assert!(!theirs.is_sampled(), "whether they sample does not count");
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
