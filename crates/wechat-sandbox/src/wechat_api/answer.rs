//! Answers of the WeChat API: content types and error bodies.

use salvo::Response;
use salvo::http::header::CONTENT_TYPE;
use salvo::http::{HeaderValue, ResBody, StatusCode};
use salvo::hyper::body::Bytes;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::errcode::Errcode;
use crate::ids;

/// Answer to a call: status, content type and body.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: HeaderValue,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Answer of an endpoint. WeChat sends business errors with HTTP 200 too.
    pub(crate) fn new(family: Family, body: String) -> Self {
        Self { status: StatusCode::OK, content_type: family.content_type(), body: body.into() }
    }

    /// Error answer with WeChat's usual `errmsg`.
    pub(crate) fn error(family: Family, errcode: Errcode, now: Timestamp) -> Self {
        Self::new(family, family.error_body(errcode, None, now))
    }

    /// Plain text that WeChat does not send.
    pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
        Self { status, content_type, body: text.into() }
    }

    /// Writes the answer. An empty body is set explicitly, because salvo would otherwise insert an
    /// error page.
    pub(crate) fn write(self, res: &mut Response) {
        res.status_code(self.status);
        res.headers_mut().insert(CONTENT_TYPE, self.content_type);
        res.body(ResBody::Once(self.body));
    }
}

/// Group of endpoints with the same content type and error format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `/sns/*`: `text/plain`, and a comma before the request id.
    Sns,
    /// `/cgi-bin/*` and `/wxa/*`.
    Api,
    /// `/wxa/business/getuserphonenumber`: a hint before the request id.
    Phone,
}

impl Family {
    /// Content type, as observed for `/sns/*` and `/cgi-bin/token`. `/wxa/*` is assumed to equal
    /// the latter.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Sns => "text/plain",
            Self::Api | Self::Phone => "application/json; encoding=utf-8",
        })
    }

    /// Body of an error answer; `errmsg` replaces the usual text.
    pub(crate) fn error_body(
        self,
        errcode: Errcode,
        errmsg: Option<&str>,
        now: Timestamp,
    ) -> String {
        let text = errmsg.unwrap_or_else(|| errcode.message());
        let rid = ids::request_id(now);
        // The hint comes from the phone service itself, not from the gateway that checks tokens.
        let has_hint = [Errcode::INVALID_CODE, Errcode::INVALID_APPID].contains(&errcode);
        let errmsg = match self {
            Self::Sns => format!("{text}, rid: {rid}"),
            Self::Phone if has_hint => format!("{text} hint: [{}] rid: {rid}", ids::hint()),
            Self::Api | Self::Phone => format!("{text} rid: {rid}"),
        };
        json(&ErrorBody { errcode: errcode.0, errmsg: &errmsg })
    }
}

/// `errcode` and `errmsg`. On success they are present only at endpoints known to send them.
#[derive(Serialize)]
pub(crate) struct ErrorBody<'a> {
    pub(crate) errcode: i64,
    pub(crate) errmsg: &'a str,
}

/// `errcode` and `errmsg` of a successful call.
pub(crate) const OK: ErrorBody<'static> = ErrorBody { errcode: 0, errmsg: "ok" };

/// Compact JSON with fields in the order of the struct.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Structs of strings and numbers always serialise; a failure would be WeChat's system error.
    serde_json::to_string(value)
        .unwrap_or_else(|error| format!(r#"{{"errcode":-1,"errmsg":"system error: {error}"}}"#))
}
