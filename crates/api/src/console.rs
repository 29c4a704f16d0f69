//! The console of administrators: a page, and what it consists of.
//!
//! It is built from `clients/console` and embedded, so that the server needs no file and no build step.

use std::hash::{DefaultHasher, Hash, Hasher};

use salvo::http::StatusCode;
use salvo::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use salvo::{Handler, Request, Response, Router, async_trait};

/// What the page may do: run and look as its own files say, talk to this server, show pictures. No
/// script or style inside of the page counts, nothing is sent elsewhere, and nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// What goes with every file. Pictures of members come from elsewhere, and no place is told from where
/// they are looked at.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // Asked for each time, and sent again only when it changed: after an update nobody sees half of it.
    (CACHE_CONTROL, "no-cache"),
];

/// A file that is embedded.
struct File {
    kind: &'static str,
    contents: &'static [u8],
    /// Another one for other contents; the same in every process of this program.
    tag: String,
}

impl File {
    fn new(kind: &'static str, contents: &'static [u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        contents.hash(&mut hasher);
        Self { kind, contents, tag: format!("\"{:016x}\"", hasher.finish()) }
    }
}

#[async_trait]
impl Handler for File {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut salvo::Depot,
        res: &mut Response,
        _ctrl: &mut salvo::FlowCtrl,
    ) {
        let tag = self.tag.as_str();
        let known = req.headers().get_all(IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
        let fresh = known.flat_map(|it| it.split(',')).any(|it| it.trim().ends_with(tag));
        let headers = res.headers_mut();
        headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.extend(HeaderValue::from_str(tag).ok().map(|tag| (ETAG, tag)));
        if fresh {
            res.status_code(StatusCode::NOT_MODIFIED);
        } else if let Err(error) = res.write_body(self.contents) {
            tracing::error!(%error, "a file of the console was not sent");
        }
    }
}

/// `GET /admin`, and the files it names.
pub(crate) fn console() -> Router {
    let page = include_bytes!("../console/index.html");
    let script = include_bytes!("../console/console.js");
    let style = include_bytes!("../console/console.css");
    let icon = include_bytes!("../console/icon.svg");
    let at = |name: &str, file| Router::with_path(name).get(file);
    at("admin", File::new("text/html; charset=utf-8", page))
        .push(at("console.js", File::new("text/javascript; charset=utf-8", script)))
        .push(at("console.css", File::new("text/css; charset=utf-8", style)))
        .push(at("icon.svg", File::new("image/svg+xml", icon)))
}
