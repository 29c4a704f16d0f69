//! The OpenAPI document, from the types of the handlers.

pub(crate) mod error_responses;
pub(crate) mod handler_source;
pub(crate) mod swagger_ui;

use salvo::oapi::{BasicType, Header, Info, License, Object, OpenApi, RefOr, Response, Tag};

use crate::error::id::ErrorId;
use crate::middleware::request_lifecycle::X_REQUEST_ID;
use crate::openapi::error_responses as failures;
use crate::openapi::handler_source::HandlerSource;
use crate::response::error_format::ErrorFormat;
use crate::response::oauth_error;
use crate::routes::routes;

const DESCRIPTION: &str = "\
Logs the users of mini programs in, and keeps them as members.

Answers of the member API come in one envelope with the true HTTP status; a failure names itself in `error`. \
Bodies are JSON in UTF-8, objects without unknown or repeated fields; under `/oauth` requests, answers and failures are as the RFCs of OAuth have them. Every answer has an `x-request-id`, the caller's own \
when it is 8 to 64 letters, digits and hyphens. An unknown address is `not_found` with 404; a wrong method is `invalid_request` with 405 and `Allow`.";

/// The document, as `GET /openapi.json` serves it. Needs nothing but the code, and is the same every
/// time.
#[must_use]
pub fn openapi() -> OpenApi {
    let info = Info::new("Menshen", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(License::new(env!("CARGO_PKG_LICENSE")));
    let tags = [
        Tag::new("login").description("The way in, open to all."),
        Tag::new("member").description("For members who are logged in."),
        Tag::new("session").description("How logins last and end."),
        Tag::new("back ends").description("For trusted back ends, most of it with a service key."),
        Tag::new("wechat").description("For WeChat itself, which signs what it sends."),
        Tag::new("administrators").description(
            "For those who look after members, in a role: each route that demands one names it in `x-role`, and every role may all that the ones before may: `viewer`, `operator`, `admin`.",
        ),
        Tag::new("health").description("For load balancers and operators."),
    ];
    let mut document =
        OpenApi::with_info(info).tags(tags).merge_router(&routes(HandlerSource(None)));
    let OpenApi { paths, components, .. } = &mut document;
    let operations = paths.iter_mut().flat_map(|(path, item)| {
        item.operations.values_mut().map(move |operation| (ErrorFormat::of(path), operation))
    });
    for (error_format, operation) in operations {
        // What the way to any route can end in.
        let anywhere = [ErrorId::InvalidRequest, ErrorId::RateLimited, ErrorId::Internal];
        failures::document(components, operation, &anywhere);
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
    let header = Header::new(id).description("Names the request in the log.").required(true);
    response.headers.insert(X_REQUEST_ID.to_string(), header);
}
