//! The Big List of Naughty Strings in every text field and header. The fields come from the OpenAPI document, so
//! that the test covers new routes automatically.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use naughty_strings::BLNS;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};
use testkit::iterations::iterations;
use tokio::task::JoinSet;
use uuid::Uuid;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, NewUser};

use crate::harness::{Answer, Program, SERVICE_KEY};

const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Headers that the server reads and that are not parameters of the OpenAPI document.
const HEADERS: [&str; 7] = [
    "accept-language",
    "authorization",
    "content-encoding",
    "content-type",
    "origin",
    "x-forwarded-for",
    "x-request-id",
];

const SETTINGS: [(&str, &str); 4] = [
    ("MENSHEN_LOG__FORMAT", "json"),
    ("MENSHEN_LOG__FILTER", "debug"),
    ("MENSHEN_HTTP__TRUSTED_PROXIES", "127.0.0.0/8"),
    ("MENSHEN_HTTP__CORS_ORIGINS", "https://console.example"),
];

/// Location of a field in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Location {
    Json,
    Form,
    Query,
    Path,
    Header,
}

/// One field of a route.
#[derive(Clone, Debug)]
struct Field {
    location: Location,
    name: String,
    is_text: bool,
    is_required: bool,
    example: Value,
}

impl Field {
    fn new(location: Location, name: &str, schema: &Value, is_required: bool) -> Self {
        let types = &schema["type"];
        let is_text = *types == "string" || types[0] == "string";
        let example = schema["examples"][0].clone();
        Self { location, name: name.to_owned(), is_text, is_required, example }
    }

    fn of_parameter(parameter: &Value) -> Self {
        let location = match parameter["in"].as_str().unwrap() {
            "query" => Location::Query,
            "path" => Location::Path,
            "header" => Location::Header,
            other => panic!("unexpected location {other}"),
        };
        let name = parameter["name"].as_str().unwrap();
        Self::new(location, name, &parameter["schema"], parameter["required"] == true)
    }

    /// Returns the fields of a body of this content type.
    fn of_body(document: &Value, content_type: &str, content: &Value) -> Vec<Self> {
        let location =
            if content_type == "application/json" { Location::Json } else { Location::Form };
        // A body without a named schema is WeChat's push message, which has no fields of this API.
        let Some(name) = content["schema"]["$ref"].as_str() else { return Vec::new() };
        let schema = document.pointer(&name[1..]).unwrap();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let field = |(name, schema): (&String, &Value)| {
            Self::new(location, name, schema, required.contains(&json!(name)))
        };
        properties.map(field).collect()
    }

    /// Returns true if both fields have the same location and name.
    fn is_same(&self, other: &Self) -> bool {
        (self.location, &self.name) == (other.location, &other.name)
    }

    fn of_header(name: &&str) -> Self {
        Self::new(Location::Header, name, &json!({ "type": "string" }), false)
    }
}

/// A route with its fields.
struct Route {
    method: Method,
    path: String,
    security_scheme: Option<String>,
    documented_statuses: Vec<String>,
    has_json: bool,
    fields: Vec<Field>,
}

impl Route {
    fn all(document: &Value) -> Vec<Arc<Self>> {
        let mut routes = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                routes.push(Arc::new(Self::new(document, method, path, operation)));
            }
        }
        routes
    }

    fn new(document: &Value, method: &str, path: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let mut fields: Vec<_> = parameters.map(Field::of_parameter).collect();
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
        for (content_type, content) in bodies {
            fields.extend(Field::of_body(document, content_type, content));
        }
        if (method, path) == ("patch", "/me") {
            fields.extend(HEADERS.iter().map(Field::of_header));
        }
        let schemes = operation["security"][0].as_object();
        Self {
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            security_scheme: schemes.and_then(|schemes| schemes.keys().next()).cloned(),
            documented_statuses: operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect(),
            has_json: operation["requestBody"]["content"]["application/json"].is_object(),
            fields,
        }
    }

    fn documents(&self, status: StatusCode) -> bool {
        self.documented_statuses.iter().any(|documented| documented == status.as_str())
    }
}

/// The program with its sandbox and an administrator's cookie.
struct Fixture {
    program: Program,
    sandbox: Sandbox,
    cookie: String,
}

impl Fixture {
    fn login_code(&self) -> String {
        let user = self.sandbox.add_user(NewUser::default()).unwrap().user;
        self.sandbox.login_code(&user, MAIN_APP).unwrap()
    }

    async fn credential(&self, security_scheme: Option<&str>) -> Option<String> {
        match security_scheme {
            None => None,
            Some("memberToken") => {
                let login = self.program.log_in(&self.login_code(), None).await;
                Some(login["token"].as_str().unwrap().to_owned())
            }
            Some("adminCookie") => Some(self.cookie.clone()),
            Some(_) => Some(SERVICE_KEY.to_owned()),
        }
    }

    /// Sends a request with `text` in this field and valid values in the other required fields. Returns `None`
    /// if HTTP cannot transport the text in this location.
    async fn send(
        &self,
        route: &Route,
        field: &Field,
        text: &str,
        token: Option<&String>,
    ) -> Option<Answer> {
        let others = route.fields.iter().filter(|other| other.is_required && !other.is_same(field));
        let mut values: Vec<_> = others.map(|other| (other, self.valid_value(other))).collect();
        values.push((field, text.to_owned()));
        let of = |location| {
            let located = values.iter().filter(move |(field, _)| field.location == location);
            located.map(|(field, value)| (field.name.as_str(), value.as_str()))
        };
        let path = of(Location::Path).fold(route.path.clone(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), &escaped(value))
        });
        let query = of(Location::Query).map(|(name, value)| format!("{name}={}", escaped(value)));
        let address = format!("{path}?{}", query.collect::<Vec<_>>().join("&"));
        let mut request = self.program.request(route.method.clone(), &address);
        if route.has_json {
            request = request.json(&of(Location::Json).collect::<BTreeMap<_, _>>());
        }
        if of(Location::Form).count() > 0 {
            request = request.form(&of(Location::Form).collect::<Vec<_>>());
        }
        let credential = token.map(|token| {
            if *token == self.cookie {
                (COOKIE, token.to_owned())
            } else {
                (AUTHORIZATION, format!("Bearer {token}"))
            }
        });
        let standard = credential.into_iter().chain([(REQUESTED_WITH, "fetch".to_owned())]);
        let more =
            of(Location::Header).map(|(name, value)| (name.parse().unwrap(), value.to_owned()));
        let mut headers = HeaderMap::new();
        for (name, value) in standard.chain(more) {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
        Some(Answer::of(request.headers(headers)).await)
    }

    /// Returns a valid value of this field.
    fn valid_value(&self, field: &Field) -> String {
        match (field.name.as_str(), field.example.as_str()) {
            ("code", _) => self.login_code(),
            (_, Some(example)) => example.to_owned(),
            (_, None) => Uuid::nil().to_string(),
        }
    }
}

/// Percent-encodes every byte.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Number of requests for one field, by result.
#[derive(Debug, Default)]
struct Counts {
    sent: usize,
    stored: usize,
    refused: usize,
}

/// Sends all texts in this field and checks each response.
async fn send_all(fixture: Arc<Fixture>, route: Arc<Route>, field: Field) -> (String, Counts) {
    let token = fixture.credential(route.security_scheme.as_deref()).await;
    let name = format!("{} {} {}", route.method, route.path, field.name);
    let mut counts = Counts::default();
    // Nicknames are stored byte for byte, so all texts are sent; other texts are looked up or parsed.
    let step = if field.name == "nickName" { 1 } else { iterations(5, 1) };
    for text in BLNS.iter().step_by(step) {
        let Some(answer) = fixture.send(&route, &field, text, token.as_ref()).await else {
            continue;
        };
        let status = answer.status;
        let response = &answer.text;
        // A text may be the app id of an app that another request has registered. WeChat rejects it.
        let is_unknown_to_wechat = answer.body["error"] == "provider_misconfigured";
        let is_failure = status.is_server_error() && !is_unknown_to_wechat;
        assert!(!is_failure, "{name} {text:?}: {status} {response}");
        // An escaped dot or an empty text in the path leads to another route.
        let documented = field.location == Location::Path || route.documents(status);
        assert!(documented, "{name} {text:?}: {status} {response}");
        counts.sent += 1;
        counts.refused += usize::from(status.is_client_error());
        let stored = &answer.body["data"][&field.name];
        // A first login without a nickname gets a generated one.
        let is_generated = route.path == "/login" && text.trim().is_empty();
        if !stored.is_string() || is_generated {
            continue;
        }
        assert_eq!(stored, text, "{name}");
        // A member's route returns the stored text again.
        let is_member_route = route.security_scheme.as_deref() == Some("memberToken");
        if let Some(token) = token.as_ref().filter(|_| is_member_route) {
            let again = Answer::of(fixture.program.get(&route.path).bearer_auth(token)).await;
            assert_eq!(again.body["data"][&field.name], *text, "{name}");
        }
        counts.stored += 1;
    }
    (name, counts)
}

#[tokio::test]
async fn soak_naughty_strings_are_stored_byte_for_byte_or_rejected() {
    let begun = Instant::now();
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &SETTINGS).await;
    let document = Answer::of(program.get("/openapi.json")).await.body;
    let cookie = program.admin("ann", "admin").await.cookie;
    let fixture = Arc::new(Fixture { program, sandbox, cookie });
    let mut fields = JoinSet::new();
    for route in Route::all(&document) {
        for field in route.fields.iter().filter(|field| field.is_text) {
            fields.spawn(send_all(fixture.clone(), route.clone(), field.clone()));
        }
    }
    let results = fields.join_all().await;
    let sent: usize = results.iter().map(|(_, counts)| counts.sent).sum();
    let stored: usize = results.iter().map(|(_, counts)| counts.stored).sum();
    println!(
        "{sent} requests with naughty strings in {} texts and headers: {stored} stored byte for byte, no server error, {:.1?}",
        results.len(),
        begun.elapsed()
    );
    // The test would also pass if it found no fields in the document, so it checks their number.
    assert!(results.len() >= 20, "{results:?}");
    assert!(results.iter().all(|(_, counts)| counts.sent > 80), "{results:?}");
    for nickname in ["POST /login nickName", "PATCH /me nickName"] {
        let (_, counts) = results.iter().find(|(name, _)| name == nickname).unwrap();
        assert!(counts.stored > 400 && counts.refused > 10, "{nickname} {counts:?}");
    }
    let output = fixture.program.output();
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines.len() >= sent, "a request was not logged");
    for line in lines {
        let event: Result<Map<String, Value>, _> = serde_json::from_str(line);
        assert!(event.is_ok(), "{line}");
    }
}
