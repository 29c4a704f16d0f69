//! Envelope of responses, and its OpenAPI schema.

use salvo::http::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use salvo::oapi::{
    BasicType, Components, Content, EndpointOutRegister, KnownFormat, Object, Operation, Ref,
    RefOr, Response as DocumentedResponse, Schema, SchemaFormat, ToSchema,
};
use salvo::writing::Json;
use salvo::{Depot, Request, Response, Writer, async_trait};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::conflict::Conflict;
use crate::error::id::ErrorId;
use crate::error::{ApiError, FieldErrors};
use crate::middleware::request_context::RequestContext;
use crate::request::language::Language;

/// Response with `data` in the envelope.
pub(crate) struct Envelope<T>(pub(crate) T);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Success<'a, T> {
    code: u16,
    msg: &'a str,
    data: T,
    operation_time: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    code: u16,
    msg: &'a str,
    data: (),
    operation_time: String,
    error: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "FieldErrors::is_empty")]
    fields: &'a FieldErrors,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<Conflict>,
}

#[async_trait]
impl<T: Serialize + Send> Writer for Envelope<T> {
    async fn write(self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        let context = match RequestContext::of(depot) {
            Ok(context) => context,
            Err(error) => return error.write(req, depot, res).await,
        };
        let msg = match context.language {
            Language::Chinese => "操作成功",
            Language::English => "Success",
        };
        let operation_time = context.operation_time();
        res.render(Json(Success { code: 200, msg, data: self.0, operation_time }));
    }
}

/// Renders a failure in the envelope.
pub(crate) fn render_failure(error: &ApiError, context: &RequestContext, res: &mut Response) {
    render_headers(error, res);
    res.render(Json(Failure {
        code: error.status.as_u16(),
        msg: match (error.conflict, context.language) {
            (Some(conflict), language) => conflict.message(language),
            (None, Language::Chinese) => error.id.message_zh(),
            (None, Language::English) => error.id.message_en(),
        },
        data: (),
        operation_time: context.operation_time(),
        error: error.id.id(),
        request_id: context.request_id.as_str(),
        fields: &error.field_errors,
        conflict: error.conflict,
    }));
}

/// Renders status and headers of a failure. They do not depend on the error format.
pub(crate) fn render_headers(error: &ApiError, res: &mut Response) {
    let headers = res.headers_mut();
    if let Some(wait) = error.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if error.closes_connection {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    res.status_code(error.status);
}

impl<T: ToSchema> EndpointOutRegister for Envelope<T> {
    fn register(components: &mut Components, operation: &mut Operation) {
        let envelope = envelope(T::to_schema(components), 200..=200)
            .description("Envelope of a successful response; `data` is the result.");
        let response = DocumentedResponse::new("Success.")
            .add_content("application/json", Content::new(Schema::from(envelope)));
        operation.responses.insert("200", response);
    }
}

/// Adds the schema of failures to the components and returns a reference to it.
pub(crate) fn failure_schema(components: &mut Components) -> RefOr<Schema> {
    let failure = envelope(Object::with_type(BasicType::Null), 400..=599)
        .description("Envelope of a failure.")
        .property("error", text("Stable error id for programs.")
            .enum_values(ErrorId::ALL.iter().map(|id| id.id())))
        .property("requestId", text("Id of the request in the log; also the `x-request-id` header."))
        .property("fields", Object::new()
            .description("With `invalid_request`: reasons by field of the request (`body` for the whole body). For developers, in English.")
            .additional_properties(RefOr::Type(Schema::from(Object::with_type(BasicType::String)))))
        .property("conflict", Conflict::schema())
        .required("error")
        .required("requestId");
    components.schemas.insert("Failure", Schema::from(failure));
    Ref::from_schema_name("Failure").into()
}

/// Returns an example of a failure.
pub(crate) fn failure_example(id: ErrorId) -> Value {
    json!({
        "code": id.status().as_u16(),
        "data": null,
        "error": id.id(),
        "msg": id.message_zh(),
        "operationTime": "2026-11-20T10:00:00Z",
        "requestId": "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f",
    })
}

fn envelope(data: impl Into<RefOr<Schema>>, codes: std::ops::RangeInclusive<u16>) -> Object {
    let code = Object::with_type(BasicType::Integer).minimum(*codes.start()).maximum(*codes.end());
    Object::new()
        .property("code", code.description("HTTP status."))
        .property(
            "msg",
            text(
                "Message for the user: in Chinese, or in English if `Accept-Language` prefers it.",
            ),
        )
        .property("data", data)
        .property(
            "operationTime",
            text("Time of the response, UTC.")
                .format(SchemaFormat::KnownFormat(KnownFormat::DateTime)),
        )
        .required("code")
        .required("msg")
        .required("data")
        .required("operationTime")
}

fn text(description: &str) -> Object {
    Object::with_type(BasicType::String).description(description)
}
