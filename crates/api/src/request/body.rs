//! Bytes of the request body, received within the configured limits.

use salvo::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use salvo::http::{HeaderMap, Mime, ParseError};
use salvo::oapi::{Components, Content, Object, Operation, RequestBody, Required};
use salvo::{Depot, Request};
use tokio::time::timeout;

use crate::error::id::ErrorId;
use crate::error::{ApiError, chain};
use crate::middleware::request_context::RequestContext;
use crate::openapi::error_responses::document_errors;
use crate::request::extracted::{Extracted, Source};

/// Request body as received, regardless of its declared type.
pub(crate) type RawBody = Extracted<RawSource, Vec<u8>>;

/// The undecoded request body.
pub(crate) struct RawSource;

impl Source<Vec<u8>> for RawSource {
    async fn parse(req: &mut Request, depot: &mut Depot) -> Result<Vec<u8>, ApiError> {
        receive(req, depot).await.map(<[u8]>::to_vec)
    }

    fn document(components: &mut Components, operation: &mut Operation) {
        let content = || Content::new(Object::new());
        operation.request_body = Some(
            RequestBody::new()
                .description("A message in WeChat's format.")
                .required(Required::True)
                .add_content("application/json", content())
                .add_content("text/xml", content()),
        );
        document_errors(components, operation, [ErrorId::PayloadTooLarge]);
    }
}

/// Receives the whole body.
///
/// If it does not arrive completely, the connection is closed: the start of a next request on it could
/// not be found.
pub(crate) async fn receive<'a>(req: &'a mut Request, depot: &Depot) -> Result<&'a [u8], ApiError> {
    let limits = RequestContext::of(depot)?.body_limits;
    let too_large = || ApiError::new(ErrorId::PayloadTooLarge).closing_connection();
    let declared = req.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared = declared.and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limits.bytes as u64) {
        return Err(too_large());
    }
    match timeout(limits.timeout, req.payload_with_max_size(limits.bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(ParseError::PayloadTooLarge)) => Err(too_large()),
        Ok(Err(error)) => {
            let incomplete = invalid_body("did not arrive completely");
            Err(incomplete.with_cause(chain(&error)).closing_connection())
        }
        Err(_) => {
            let seconds = limits.timeout.as_secs_f32();
            let late = invalid_body(&format!("did not arrive within {seconds} s"));
            Err(late.closing_connection())
        }
    }
}

/// Returns true if the body is declared as this type in UTF-8, and false if it has no declared type.
/// Only an empty body may go without one.
pub(crate) fn is_declared(headers: &HeaderMap, essence: &str) -> Result<bool, ApiError> {
    let unsupported = || ApiError::new(ErrorId::UnsupportedMediaType).closing_connection();
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Err(unsupported());
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (None, _) => Ok(false),
        (Some(declared), None) => {
            let declared = declared.to_str().ok().and_then(|text| text.parse::<Mime>().ok());
            let fits = |mime: &Mime| mime.essence_str() == essence && is_utf8(mime);
            declared.filter(fits).map(|_| true).ok_or_else(unsupported)
        }
        (Some(_), Some(_)) => Err(unsupported()),
    }
}

fn is_utf8(mime: &Mime) -> bool {
    mime.params().all(|(name, value)| name == "charset" && value == "utf-8")
}

/// Creates the failure of an invalid body.
pub(crate) fn invalid_body(reason: &str) -> ApiError {
    ApiError::invalid_field("body", reason)
}
