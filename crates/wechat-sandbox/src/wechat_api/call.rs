//! Calls of the WeChat API as received.

use salvo::Request;
use salvo::http::{HeaderMap, Method, StatusCode};
use salvo::hyper::body::Bytes;
use serde::de::DeserializeOwned;

use crate::errcode::Errcode;
use crate::wechat_api::answer::Answer;

/// Maximum size of a body in bytes; more than any documented call needs.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Call as received.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Path and query, percent-encoded.
    pub(crate) url: String,
    /// Query parameters, decoded.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// Reads a call, or returns the answer for a body that is too large.
    pub(crate) async fn read(req: &mut Request) -> Result<Self, Answer> {
        let Ok(body) = req.payload_with_max_size(MAX_BODY_BYTES).await.cloned() else {
            return Err(Answer::plain(StatusCode::PAYLOAD_TOO_LARGE, "body too large or cut off"));
        };
        let params = req.queries().flat_iter();
        Ok(Self {
            params: params.map(|(name, value)| (name.clone(), value.clone())).collect(),
            method: req.method().clone(),
            path: req.uri().path().to_owned(),
            url: req.uri().path_and_query().map_or_else(String::new, ToString::to_string),
            headers: req.headers().clone(),
            body,
        })
    }

    /// Query parameter; an empty one counts as missing.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let mut all = self.params.iter().filter(|(key, value)| key == name && !value.is_empty());
        all.next().map(|(_, value)| value.as_str())
    }

    /// Query parameter of a GET endpoint. WeChat ignores the query of calls by other methods.
    pub(crate) fn get_param(&self, name: &str) -> Option<&str> {
        if self.method == Method::GET || self.method == Method::HEAD {
            self.param(name)
        } else {
            None
        }
    }

    /// Body of a POST endpoint, which accepts JSON only.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Errcode> {
        if self.body.is_empty() {
            return Err(Errcode::EMPTY_BODY);
        }
        // The cause is dropped, because WeChat does not report the fault in the JSON either.
        serde_json::from_slice(&self.body).or(Err(Errcode::BAD_JSON))
    }
}

/// Field of a JSON body; an empty one counts as missing.
pub(crate) fn non_empty(field: Option<&str>) -> Option<&str> {
    field.filter(|text| !text.is_empty())
}
