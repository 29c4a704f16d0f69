//! An answer as WeChat writes it: the content types, the shapes of errors.

use salvo::Response;
use salvo::http::header::CONTENT_TYPE;
use salvo::http::{HeaderValue, ResBody, StatusCode};
use salvo::hyper::body::Bytes;
use serde::Serialize;

use crate::errcode::Errcode;
use crate::ids;
use crate::state::Moment;

/// An answer: status, content type and body.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: HeaderValue,
    pub(crate) body: Bytes,
}

impl Answer {
    /// What WeChat answers, well or ill: business errors arrive with HTTP 200 as well.
    pub(crate) fn new(family: Family, body: String) -> Self {
        Self { status: StatusCode::OK, content_type: family.content_type(), body: body.into() }
    }

    /// A refusal in WeChat's words.
    pub(crate) fn refusal(family: Family, errcode: Errcode, now: Moment) -> Self {
        Self::new(family, family.refusal(errcode, None, now))
    }

    /// A text of the sandbox's own.
    pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
        Self { status, content_type, body: text.into() }
    }

    /// Writes it. The body is set even when empty: salvo would put an error page there.
    pub(crate) fn write(self, res: &mut Response) {
        res.status_code(self.status);
        res.headers_mut().insert(CONTENT_TYPE, self.content_type);
        res.body(ResBody::Once(self.body));
    }
}

/// Endpoints that word their answers alike.
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
    /// Observed for `/sns/*` and `/cgi-bin/token`; `/wxa/*` is assumed to be like the latter.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Sns => "text/plain",
            Self::Api | Self::Phone => "application/json; encoding=utf-8",
        })
    }

    /// The body of a refusal; `words` replaces the usual text.
    pub(crate) fn refusal(self, errcode: Errcode, words: Option<&str>, now: Moment) -> String {
        let (text, rid) = (words.unwrap_or_else(|| errcode.text()), ids::rid(now));
        // The hint comes from the phone service itself, not from the gateway that checks tokens.
        let hinted = [Errcode::INVALID_CODE, Errcode::INVALID_APPID].contains(&errcode);
        let errmsg = match self {
            Self::Sns => format!("{text}, rid: {rid}"),
            Self::Phone if hinted => format!("{text} hint: [{}] rid: {rid}", ids::hint()),
            Self::Api | Self::Phone => format!("{text} rid: {rid}"),
        };
        json(&Verdict { errcode: errcode.0, errmsg: &errmsg })
    }
}

/// `errcode` and `errmsg`; on success only where the endpoint is known to send them.
#[derive(Serialize)]
pub(crate) struct Verdict<'a> {
    pub(crate) errcode: i64,
    pub(crate) errmsg: &'a str,
}

/// The verdict of a call that went well.
pub(crate) const OK: Verdict<'static> = Verdict { errcode: 0, errmsg: "ok" };

/// Compact JSON, fields in the order of the struct.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Structs of strings and numbers always serialise; if not, WeChat's word for its own trouble.
    serde_json::to_string(value)
        .unwrap_or_else(|error| format!(r#"{{"errcode":-1,"errmsg":"system error: {error}"}}"#))
}
