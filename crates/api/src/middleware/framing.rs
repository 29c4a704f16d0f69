//! Guard against request smuggling: rejects requests with ambiguous framing.

use salvo::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use salvo::http::{HeaderMap, Version};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::error::ApiError;

/// Middleware that rejects requests whose host or end is ambiguous, since two programs on the way could
/// parse them differently.
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

/// Returns the ambiguous header and the reason, by RFC 9112 sections 3.2 and 6.1: exactly one `Host`
/// from HTTP/1.1 on, and not both `Content-Length` and `Transfer-Encoding`.
///
/// hyper removes `Content-Length` from a request with both and closes the connection after it. The
/// second rule applies if another server parses the head.
fn ambiguity(version: Version, headers: &HeaderMap) -> Option<(&'static str, &'static str)> {
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        return Some(("host", "must be present exactly once"));
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Some(("content-length", "must not be combined with transfer-encoding"));
    }
    None
}
