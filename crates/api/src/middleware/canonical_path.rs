//! Guard against alternative spellings of a path.

use salvo::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::error::ApiError;
use crate::error::id::ErrorId;

/// Only path with a trailing slash. The relative links of the page need it.
const DOCS_PAGE: &str = "/docs/";

/// Middleware that answers `not_found` to every path that is not in its canonical form.
///
/// The router ignores empty segments and decodes percent-escapes. A proxy, a firewall or a rate limit
/// that compares paths would not recognize such a spelling. Behind this middleware, a path has one
/// spelling.
pub(crate) struct CanonicalPath;

#[async_trait]
impl Handler for CanonicalPath {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        if is_canonical(req.uri().path()) {
            ctrl.call_next(req, depot, res).await;
            return;
        }
        // The request counts as one for an unknown path, whatever route the router has found.
        req.matched_path_mut().clear();
        ctrl.skip_rest();
        ApiError::new(ErrorId::NotFound).write(req, depot, res).await;
    }
}

/// Returns true for `/` and for non-empty segments of unreserved characters (RFC 3986 section 2.3) that
/// are neither `.` nor `..`. The routes and the values of their parameters need no other characters.
fn is_canonical(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else { return false };
    segments.is_empty() || path == DOCS_PAGE || segments.split('/').all(is_segment)
}

fn is_segment(segment: &str) -> bool {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_path_has_non_empty_segments_of_unreserved_characters() {
        for path in
            ["/", "/login", "/.well-known/jwks.json", "/me/sessions/0-9", "/docs/", "/a~_/b"]
        {
            assert!(is_canonical(path), "{path}");
        }
        for path in [
            "",
            "*",
            "login",
            "//",
            "//login",
            "/login/",
            "/me//phone",
            "/./me",
            "/me/..",
            "/m%65",
            "/me%2Fphone",
            "/me;x",
            "/me,",
            "/docs//",
            "/健康",
            "/me\\phone",
            "/%20",
            "/a b",
        ] {
            assert!(!is_canonical(path), "{path}");
        }
    }
}
