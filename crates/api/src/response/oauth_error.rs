//! Failures as the RFCs of OAuth have them, for the routes that other services call by these RFCs.

use salvo::Response;
use salvo::http::StatusCode;
use salvo::oapi::{
    BasicType, Components, Content, Object, Operation, Ref, RefOr, Response as DocumentedResponse,
    Schema,
};
use salvo::writing::Json;
use serde::Serialize;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::response::envelope::render_headers;

/// RFC 6749 section 5.2.
#[derive(Serialize)]
struct Failure<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// Answers with a failure.
pub(crate) fn render_failure(error: &ApiError, res: &mut Response) {
    let told = error.field_errors.iter().map(|(name, reason)| format!("{name}: {reason}"));
    let told = told.collect::<Vec<_>>().join("; ");
    let described = if told.is_empty() { describe(error.status) } else { &told };
    render_headers(error, res);
    res.render(Json(Failure { error: code(error.status), error_description: described }));
}

/// The code for failures of this status; `server_error` and `temporarily_unavailable` stand in RFC 6749
/// section 4.1.2.1.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "invalid_client",
        StatusCode::TOO_MANY_REQUESTS => "temporarily_unavailable",
        other if other.is_server_error() => "server_error",
        _ => "invalid_request",
    }
}

/// What a developer is told where nothing more is known: ASCII without quotation marks.
fn describe(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => {
            "show the key of a service, as bearer or with the service's name by HTTP Basic"
        }
        StatusCode::NOT_FOUND => "there is no such address",
        StatusCode::METHOD_NOT_ALLOWED => "only POST is understood here",
        StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than the limit",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "only application/x-www-form-urlencoded in UTF-8 without content coding is understood"
        }
        StatusCode::TOO_MANY_REQUESTS => "too many requests, come again after Retry-After seconds",
        other if other.is_server_error() => {
            "something broke in here, the cause is in the log under the x-request-id"
        }
        _ => "the request is malformed",
    }
}

/// Has the document tell of an operation's failures in this form instead of the envelope.
pub(crate) fn document(components: &mut Components, operation: &mut Operation) {
    components.schemas.insert("OAuthFailure", Schema::from(schema()));
    let mut statuses: Vec<StatusCode> = ErrorId::ALL.map(ErrorId::status).into();
    statuses.sort();
    statuses.dedup();
    for status in statuses {
        let Some(RefOr::Type(response)) = operation.responses.get_mut(status.as_str()) else {
            continue;
        };
        let (error, about) = (code(status), describe(status));
        let example = serde_json::json!({ "error": error, "error_description": about });
        let content = Content::new(Ref::from_schema_name("OAuthFailure"));
        *response = DocumentedResponse::new(format!("- `{error}`: {about}."));
        let content = content.example(example);
        response.contents.insert("application/json".to_owned(), content);
    }
}

fn schema() -> Object {
    let text = |about: &str| Object::with_type(BasicType::String).description(about);
    let codes = ["invalid_request", "invalid_client", "temporarily_unavailable", "server_error"];
    Object::new()
        .description("A failure, by RFC 6749 section 5.2.")
        .property("error", text("Which failure it is.").enum_values(codes))
        .property("error_description", text("What is wrong. For developers, in English."))
        .required("error")
        .required("error_description")
}
