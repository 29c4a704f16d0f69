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
#[derive(Clone, Copy)]
struct File {
    kind: &'static str,
    contents: &'static [u8],
}

const PAGE: File =
    File { kind: "text/html; charset=utf-8", contents: include_bytes!("../console/index.html") };

const SCRIPT: File = File {
    kind: "text/javascript; charset=utf-8",
    contents: include_bytes!("../console/console.js"),
};

const STYLE: File =
    File { kind: "text/css; charset=utf-8", contents: include_bytes!("../console/console.css") };

const ICON: File = File { kind: "image/svg+xml", contents: include_bytes!("../console/icon.svg") };

#[async_trait]
impl Handler for File {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut salvo::Depot,
        res: &mut Response,
        _ctrl: &mut salvo::FlowCtrl,
    ) {
        let tag = self.tag();
        let known = req.headers().get_all(IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
        let fresh = known.flat_map(|it| it.split(',')).any(|it| it.trim().ends_with(tag.as_str()));
        let headers = res.headers_mut();
        headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
        if fresh {
            res.status_code(StatusCode::NOT_MODIFIED);
        } else if let Err(error) = res.write_body(self.contents) {
            tracing::error!(%error, "a file of the console was not sent");
        }
    }
}

impl File {
    /// Another one for other contents; the same in every process of this program.
    fn tag(self) -> String {
        let mut hasher = DefaultHasher::new();
        self.contents.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

/// `GET /admin`, and the files it names.
pub(crate) fn console() -> Router {
    Router::with_path("admin")
        .get(PAGE)
        .push(Router::with_path("console.js").get(SCRIPT))
        .push(Router::with_path("console.css").get(STYLE))
        .push(Router::with_path("icon.svg").get(ICON))
}
