//! Refuses requests that two programs on the way could read as different ones.

use salvo::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use salvo::http::{HeaderMap, Version};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::error::ApiError;

/// Lets only requests pass that say in one way whom they are for and where they end.
pub(crate) struct RequestFraming;

#[async_trait]
impl Handler for RequestFraming {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        match ambiguity(req.version(), req.headers()) {
            None => {
                ctrl.call_next(req, depot, res).await;
            }
            Some((header, reason)) => {
                ctrl.skip_rest();
                ApiError::invalid_field(header, reason)
                    .closing_connection()
                    .write(req, depot, res)
                    .await;
            }
        }
    }
}

/// RFC 9112 sections 3.2 and 6.1: one Host, except before HTTP/1.1; one of length and chunks.
///
/// hyper takes the length out of a request that has both and closes the connection behind it, so the
/// second rule speaks only where something else reads the head.
fn ambiguity(version: Version, headers: &HeaderMap) -> Option<(&'static str, &'static str)> {
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        return Some(("host", "stands in the head exactly once"));
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Some(("content-length", "does not go with transfer-encoding"));
    }
    None
}
