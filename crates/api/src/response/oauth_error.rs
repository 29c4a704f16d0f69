//! Failures in the format of the OAuth RFCs, for the routes under `/oauth`.

use std::collections::BTreeSet;

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

/// Error response by RFC 6749 section 5.2.
#[derive(Serialize)]
struct Failure<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// Renders a failure.
pub(crate) fn render_failure(error: &ApiError, res: &mut Response) {
    let reasons = error.field_errors.iter().map(|(name, reason)| format!("{name}: {reason}"));
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    let error_description = if reasons.is_empty() { describe(error.status) } else { &reasons };
    render_headers(error, res);
    res.render(Json(Failure { error: code(error.status), error_description }));
}

/// Returns the error code for a status. `server_error` and `temporarily_unavailable` are defined in
/// RFC 6749 section 4.1.2.1.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "invalid_client",
        StatusCode::TOO_MANY_REQUESTS => "temporarily_unavailable",
        other if other.is_server_error() => "server_error",
        _ => "invalid_request",
    }
}

/// Returns the description for a status: ASCII without quotation marks, as the RFC requires.
fn describe(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => {
            "send the key of a service account as bearer token, or its name and key with HTTP Basic"
        }
        StatusCode::NOT_FOUND => "unknown path",
        StatusCode::METHOD_NOT_ALLOWED => "only POST is supported",
        StatusCode::PAYLOAD_TOO_LARGE => "the body exceeds the size limit",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "only application/x-www-form-urlencoded in UTF-8 without content coding is supported"
        }
        StatusCode::TOO_MANY_REQUESTS => "too many requests, retry after Retry-After seconds",
        other if other.is_server_error() => {
            "internal error, the cause is in the log under the x-request-id"
        }
        _ => "the request is malformed",
    }
}

/// Replaces the documented failures of an operation by this format.
pub(crate) fn document(components: &mut Components, operation: &mut Operation) {
    components.schemas.insert("OAuthFailure", Schema::from(schema()));
    let statuses: BTreeSet<StatusCode> = ErrorId::ALL.iter().map(|id| id.status()).collect();
    for status in statuses {
        let Some(RefOr::Type(response)) = operation.responses.get_mut(status.as_str()) else {
            continue;
        };
        let error = code(status);
        let description = describe(status);
        let example = serde_json::json!({ "error": error, "error_description": description });
        let content = Content::new(Ref::from_schema_name("OAuthFailure"));
        *response = DocumentedResponse::new(format!("- `{error}`: {description}."));
        let content = content.example(example);
        response.contents.insert("application/json".to_owned(), content);
    }
}

fn schema() -> Object {
    let text = |description: &str| Object::with_type(BasicType::String).description(description);
    let codes = ["invalid_request", "invalid_client", "temporarily_unavailable", "server_error"];
    Object::new()
        .description("Error response by RFC 6749 section 5.2.")
        .property("error", text("Error code.").enum_values(codes))
        .property("error_description", text("Reason. For developers, in English."))
        .required("error")
        .required("error_description")
}
