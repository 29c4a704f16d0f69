//! Files of the admin console.
//!
//! They are built from `clients/console` and embedded, so that the server needs no files at run time.

use std::hash::{DefaultHasher, Hash, Hasher};

use salvo::http::StatusCode;
use salvo::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use salvo::{Handler, Request, Response, Router, async_trait};

/// Content security policy: scripts and styles from the console's own files, connections to this server,
/// and images. Inline scripts and styles, forms and frames are blocked.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of all files. `Referrer-Policy` keeps the console's address from the servers of the members'
/// avatars.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // Browsers revalidate the files each time, so that they never mix files of two versions.
    (CACHE_CONTROL, "no-cache"),
];

/// Embedded file.
struct File {
    content_type: &'static str,
    contents: &'static [u8],
    /// Entity tag: a hash of the contents, the same in all instances.
    etag: String,
}

impl File {
    fn new(content_type: &'static str, contents: &'static [u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        contents.hash(&mut hasher);
        Self { content_type, contents, etag: format!("\"{:016x}\"", hasher.finish()) }
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
        let etag = self.etag.as_str();
        let known = req.headers().get_all(IF_NONE_MATCH).iter();
        let known = known.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        let is_cached = known.map(str::trim).any(|tag| tag.ends_with(etag));
        let headers = res.headers_mut();
        headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.extend(HeaderValue::from_str(etag).ok().map(|etag| (ETAG, etag)));
        if is_cached {
            res.status_code(StatusCode::NOT_MODIFIED);
        } else if let Err(error) = res.write_body(self.contents) {
            tracing::error!(%error, "could not send a file of the admin console");
        }
    }
}

/// Returns the routes of `GET /admin` and its files.
pub(crate) fn console() -> Router {
    let page = include_bytes!("../console/index.html");
    let script = include_bytes!("../console/console.js");
    let style = include_bytes!("../console/console.css");
    let icon = include_bytes!("../console/icon.svg");
    let file_at = |path: &str, file| Router::with_path(path).get(file);
    file_at("admin", File::new("text/html; charset=utf-8", page))
        .push(file_at("console.js", File::new("text/javascript; charset=utf-8", script)))
        .push(file_at("console.css", File::new("text/css; charset=utf-8", style)))
        .push(file_at("icon.svg", File::new("image/svg+xml", icon)))
}
