//! A call as it came over the wire.

use salvo::Request;
use salvo::http::{HeaderMap, Method, StatusCode};
use salvo::hyper::body::Bytes;
use serde::de::DeserializeOwned;

use crate::errcode::Errcode;
use crate::face::answer::Answer;

/// More than any documented call needs.
const MAX_BODY: usize = 1 << 20;

/// A call as it came over the wire.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Path and query, still percent-encoded.
    pub(crate) url: String,
    /// The query, decoded.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// Reads the whole call, or says that it is too large.
    pub(crate) async fn read(req: &mut Request) -> Result<Self, Answer> {
        let Ok(body) = req.payload_with_max_size(MAX_BODY).await.cloned() else {
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

    /// A parameter of the query; an empty one counts as missing.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let mut all = self.params.iter().filter(|(key, value)| key == name && !value.is_empty());
        all.next().map(|(_, value)| value.as_str())
    }

    /// The parameters of a GET endpoint. WeChat: a call by another method loses them.
    pub(crate) fn get_param(&self, name: &str) -> Option<&str> {
        if self.method == Method::GET || self.method == Method::HEAD {
            self.param(name)
        } else {
            None
        }
    }

    /// The body of a POST endpoint, which takes JSON and nothing else.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Errcode> {
        if self.body.is_empty() {
            return Err(Errcode::EMPTY_BODY);
        }
        // WeChat does not say what is wrong with the JSON, and neither may its double.
        serde_json::from_slice(&self.body).or(Err(Errcode::BAD_JSON))
    }
}

/// A field of a JSON body; an empty one counts as missing.
pub(crate) fn given(field: Option<&str>) -> Option<&str> {
    field.filter(|text| !text.is_empty())
}
