//! OpenAPI document, generated from the types of the handlers.

pub(crate) mod error_responses;
pub(crate) mod handler_source;
pub(crate) mod swagger_ui;

use salvo::oapi::{BasicType, Header, Info, License, Object, OpenApi, RefOr, Response, Tag};

use crate::error::id::ErrorId;
use crate::middleware::request_lifecycle::X_REQUEST_ID;
use crate::openapi::error_responses::document_errors;
use crate::openapi::handler_source::HandlerSource;
use crate::response::error_format::ErrorFormat;
use crate::response::oauth_error;
use crate::routes::routes;

const DESCRIPTION: &str = "\
Login and member service for mini programs.

Responses of the member API and the admin API have a common envelope and the matching HTTP status. Failures carry \
a stable error id in `error`. Request bodies are JSON objects in UTF-8; unknown and repeated fields are rejected. \
Routes under `/oauth` use the request, response and error formats of the OAuth RFCs. Every response has an \
`x-request-id` header: the client's own value if it consists of 8 to 64 letters, digits and hyphens, otherwise a \
new one. Unknown paths return `not_found` (404). Unsupported methods return `invalid_request` (405) with `Allow`.";

/// Returns the document that `GET /openapi.json` serves. It depends on the code only and is the same
/// at each call.
#[must_use]
pub fn openapi() -> OpenApi {
    let info = Info::new("Menshen", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(License::new(env!("CARGO_PKG_LICENSE")));
    let tags = [
        Tag::new("login").description("Login and openid lookup. No authentication."),
        Tag::new("member").description("Profile and personal data of the logged-in member."),
        Tag::new("session").description("Refreshing, listing and ending of sessions."),
        Tag::new("service accounts").description(
            "Routes for your backend services. All but the JSON Web Key Set require the key of a service account.",
        ),
        Tag::new("wechat").description("Message push, called by WeChat and verified by its signature."),
        Tag::new("administrators").description(
            "Admin API for the console. `x-role` is the minimum role for a route. Each role includes the roles before it: `viewer`, `operator`, `admin`.",
        ),
        Tag::new("health").description("Health checks and metrics for load balancers and monitoring."),
    ];
    let routes = routes(HandlerSource::schemas());
    let mut document = OpenApi::with_info(info).tags(tags).merge_router(&routes);
    let OpenApi { paths, components, .. } = &mut document;
    let operations = paths.iter_mut().flat_map(|(path, item)| {
        item.operations.values_mut().map(move |operation| (ErrorFormat::of(path), operation))
    });
    for (error_format, operation) in operations {
        // Middleware can reject a request to any route with these.
        let common = [ErrorId::InvalidRequest, ErrorId::RateLimited, ErrorId::Internal];
        document_errors(components, operation, common);
        if error_format == ErrorFormat::OAuth {
            oauth_error::document(components, operation);
        }
        operation.responses.values_mut().for_each(add_request_id);
    }
    document
}

fn add_request_id(response: &mut RefOr<Response>) {
    let RefOr::Type(response) = response else { return };
    let id = Object::with_type(BasicType::String).min_length(8).max_length(64);
    let header = Header::new(id).description("Id of the request in the log.").required(true);
    response.headers.insert(X_REQUEST_ID.to_string(), header);
}
