//! Requests of tests, and checks that hold for every response.

use std::net::SocketAddr;
use std::sync::LazyLock;

use api::openapi::openapi;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use salvo::http::header::{HeaderName, HeaderValue};
use salvo::http::{HeaderMap, Method};
use salvo::test::{RequestBuilder, ResponseExt};
use serde_json::{Value, json};

use crate::harness::TestApp;

/// Builder of a request.
pub(crate) struct Call {
    method: Method,
    path: String,
    builder: RequestBuilder,
}

/// A response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Percent-encodes every byte.
pub(crate) fn escape(bytes: impl AsRef<[u8]>) -> String {
    let escaped = bytes.as_ref().iter().map(|b| format!("%{b:02x}"));
    escaped.collect::<Vec<_>>().concat()
}

pub(crate) fn get(path: &str) -> Call {
    Call::new(Method::GET, path)
}

pub(crate) fn post(path: &str) -> Call {
    Call::new(Method::POST, path)
}

pub(crate) fn delete(path: &str) -> Call {
    Call::new(Method::DELETE, path)
}

pub(crate) fn put(path: &str) -> Call {
    Call::new(Method::PUT, path)
}

pub(crate) fn patch(path: &str) -> Call {
    Call::new(Method::PATCH, path)
}

impl Call {
    /// Returns a request with one `Host` header and a constant request id.
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let builder = RequestBuilder::new(format!("http://localhost{path}"), method.clone());
        let call = Self { method, path: path.to_owned(), builder };
        call.header("host", "localhost").header("x-request-id", "test-request")
    }

    /// Sets a header.
    pub(crate) fn header(self, name: &'static str, value: &str) -> Self {
        self.raw_header(name, value.as_bytes(), true)
    }

    /// Adds a header beside existing ones of the same name.
    pub(crate) fn another_header(self, name: &'static str, value: &str) -> Self {
        self.raw_header(name, value.as_bytes(), false)
    }

    pub(crate) fn raw_header(self, name: &'static str, value: &[u8], replace: bool) -> Self {
        let value = HeaderValue::from_bytes(value).unwrap();
        let builder = self.builder.add_header(HeaderName::from_static(name), value, replace);
        Self { builder, ..self }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets HTTP Basic credentials.
    pub(crate) fn basic(self, name: &str, key: &str) -> Self {
        let credentials = BASE64_STANDARD.encode(format!("{name}:{key}"));
        self.header("authorization", &format!("Basic {credentials}"))
    }

    pub(crate) fn form(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw_json(body.to_string())
    }

    pub(crate) fn raw_json(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { builder: self.builder.body(body.into()), ..self }
    }

    /// Sends the request from the loopback address.
    pub(crate) async fn send(self, app: &TestApp) -> Answer {
        self.send_from("127.0.0.1", app).await
    }

    /// Sends the request from this address and checks the properties of every response.
    pub(crate) async fn send_from(self, address: &str, app: &TestApp) -> Answer {
        let mut request = self.builder.build();
        *request.remote_addr_mut() = SocketAddr::new(address.parse().unwrap(), 4711).into();
        let mut response = app.service.handle(request).await;
        let answer = Answer {
            status: response.status_code.unwrap().as_u16(),
            headers: response.headers().clone(),
            body: response.take_string().await.unwrap(),
        };
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let address = self.path.split('?').next().unwrap();
        let is_key_set = address == "/.well-known/jwks.json" && answer.status == 200;
        let is_console_file = address.starts_with("/admin") && !address.starts_with("/admin/api");
        let caching = match answer.status {
            200 if is_key_set => "public, max-age=300",
            200 | 304 if is_console_file => "no-cache",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), caching);
        let id = answer.header("x-request-id");
        assert!((8..=64).contains(&id.len()), "{id}");
        if answer.status >= 400 && self.path.starts_with("/oauth/") {
            assert_is_oauth_failure(&answer);
        } else if answer.status >= 400 && !answer.body.contains(r#"{"status":"unavailable"}"#) {
            let failure = answer.json();
            assert_eq!(failure["code"], answer.status);
            assert_eq!(failure["data"], Value::Null);
            assert_eq!(failure["requestId"], id);
        }
        assert_documented(&self.method, &self.path, answer.status);
        answer
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Returns the value of a header that is present exactly once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(values.next(), None, "{name}");
        value.to_str().unwrap()
    }

    /// Returns status and error id of a failure.
    pub(crate) fn failure(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    /// Returns the message about this field of a malformed request.
    pub(crate) fn fault(&self, field: &str) -> String {
        assert_eq!(self.failure(), (400, "invalid_request".into()), "{}", self.body);
        self.json()["fields"][field].as_str().unwrap_or_default().to_owned()
    }
}

/// Asserts the error format of RFC 6749, section 5.2.
fn assert_is_oauth_failure(answer: &Answer) {
    let failure = answer.json();
    let error = match answer.status {
        401 => "invalid_client",
        429 => "temporarily_unavailable",
        500.. => "server_error",
        _ => "invalid_request",
    };
    let description = failure["error_description"].as_str().unwrap();
    assert!(!description.is_empty());
    assert!(description.chars().all(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')));
    assert_eq!(failure, json!({ "error": error, "error_description": description }));
}

/// Asserts that the OpenAPI document lists this status if it lists the route.
fn assert_documented(method: &Method, path: &str, status: u16) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(openapi()).unwrap());
    let path = path.split('?').next().unwrap();
    let is_template = |template: &str| {
        let template = template.split('/');
        let path = path.split('/');
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(expected, actual)| {
                expected == actual || expected.starts_with('{') && !actual.is_empty()
            })
    };
    let mut paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let Some((_, item)) = paths.find(|(template, _)| is_template(template)) else { return };
    let operation = &item[method.as_str().to_lowercase()];
    if operation.is_object() {
        let documented = &operation["responses"][status.to_string()];
        assert!(documented.is_object(), "{method} {path} returned {status}");
    }
}
