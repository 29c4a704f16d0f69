//! The Big List of Naughty Strings in every text that a client can send, to the whole program. The texts
//! are those of the document, so that a new route cannot be forgotten here.

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

use crate::program::{Answer, Program, SERVICE_KEY};

const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Headers that are looked at and are no parameters of the document.
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

/// Where a field stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Json,
    Form,
    Query,
    Path,
    Header,
}

/// One field of a route.
#[derive(Clone, Debug)]
struct Field {
    place: Place,
    name: String,
    is_text: bool,
    required: bool,
    example: Value,
}

impl Field {
    fn new(place: Place, name: &str, schema: &Value, required: bool) -> Self {
        let types = &schema["type"];
        let is_text = *types == "string" || types[0] == "string";
        let example = schema["examples"][0].clone();
        Self { place, name: name.to_owned(), is_text, required, example }
    }

    fn of_parameter(parameter: &Value) -> Self {
        let place = match parameter["in"].as_str().unwrap() {
            "query" => Place::Query,
            "path" => Place::Path,
            "header" => Place::Header,
            other => panic!("nobody here sends a {other}"),
        };
        let name = parameter["name"].as_str().unwrap();
        Self::new(place, name, &parameter["schema"], parameter["required"] == true)
    }

    /// The fields of a body of this type.
    fn of_body(document: &Value, content_type: &str, content: &Value) -> Vec<Self> {
        let place = if content_type == "application/json" { Place::Json } else { Place::Form };
        // Without a name it is no form of ours, but a message as its sender writes it.
        let Some(name) = content["schema"]["$ref"].as_str() else { return Vec::new() };
        let schema = document.pointer(&name[1..]).unwrap();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let field = |(name, schema): (&String, &Value)| {
            Self::new(place, name, schema, required.contains(&json!(name)))
        };
        properties.map(field).collect()
    }

    /// Whether they stand at the same place under the same name.
    fn is(&self, other: &Self) -> bool {
        (self.place, &self.name) == (other.place, &other.name)
    }

    fn of_header(name: &&str) -> Self {
        Self::new(Place::Header, name, &json!({ "type": "string" }), false)
    }
}

/// A route, and all that it is told.
struct Route {
    method: Method,
    path: String,
    guard: Option<String>,
    documented: Vec<String>,
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
            guard: schemes.and_then(|schemes| schemes.keys().next()).cloned(),
            documented: operation["responses"].as_object().unwrap().keys().cloned().collect(),
            has_json: operation["requestBody"]["content"]["application/json"].is_object(),
            fields,
        }
    }

    fn documents(&self, status: StatusCode) -> bool {
        self.documented.iter().any(|documented| documented == status.as_str())
    }
}

/// A program, the WeChat that it asks, and an administrator's cookie.
struct World {
    program: Program,
    sandbox: Sandbox,
    cookie: String,
}

impl World {
    fn login_code(&self) -> String {
        let user = self.sandbox.add_user(NewUser::default()).unwrap().user;
        self.sandbox.login_code(&user, MAIN_APP).unwrap()
    }

    async fn token(&self, guard: Option<&str>) -> Option<String> {
        match guard {
            None => None,
            Some("memberToken") => {
                let login = self.program.log_in(&self.login_code(), None).await;
                Some(login["token"].as_str().unwrap().to_owned())
            }
            Some("adminCookie") => Some(self.cookie.clone()),
            Some(_) => Some(SERVICE_KEY.to_owned()),
        }
    }

    /// Sends a request with `text` in this field and good values in those it cannot do without; `None`
    /// where HTTP itself cannot carry the text there.
    async fn send(
        &self,
        route: &Route,
        field: &Field,
        text: &str,
        token: Option<&String>,
    ) -> Option<Answer> {
        let others = route.fields.iter().filter(|other| other.required && !other.is(field));
        let mut values: Vec<_> = others.map(|other| (other, self.good(other))).collect();
        values.push((field, text.to_owned()));
        let of = |place| {
            let there = values.iter().filter(move |(field, _)| field.place == place);
            there.map(|(field, value)| (field.name.as_str(), value.as_str()))
        };
        let path = of(Place::Path).fold(route.path.clone(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), &escaped(value))
        });
        let query = of(Place::Query).map(|(name, value)| format!("{name}={}", escaped(value)));
        let address = format!("{path}?{}", query.collect::<Vec<_>>().join("&"));
        let mut request = self.program.request(route.method.clone(), &address);
        if route.has_json {
            request = request.json(&of(Place::Json).collect::<BTreeMap<_, _>>());
        }
        if of(Place::Form).count() > 0 {
            request = request.form(&of(Place::Form).collect::<Vec<_>>());
        }
        let shown = token.map(|token| {
            if *token == self.cookie {
                (COOKIE, token.to_owned())
            } else {
                (AUTHORIZATION, format!("Bearer {token}"))
            }
        });
        let shown = shown.into_iter().chain([(REQUESTED_WITH, "fetch".to_owned())]);
        let more = of(Place::Header).map(|(name, value)| (name.parse().unwrap(), value.to_owned()));
        let mut headers = HeaderMap::new();
        for (name, value) in shown.chain(more) {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
        Some(Answer::of(request.headers(headers)).await)
    }

    /// What there is nothing wrong with in this field.
    fn good(&self, field: &Field) -> String {
        match (field.name.as_str(), field.example.as_str()) {
            ("code", _) => self.login_code(),
            (_, Some(example)) => example.to_owned(),
            (_, None) => Uuid::nil().to_string(),
        }
    }
}

/// Every byte as in `%2f`.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}

/// What became of the texts in one field.
#[derive(Debug, Default)]
struct Tally {
    sent: usize,
    kept: usize,
    refused: usize,
}

/// Sends the texts in this field, and holds the answers to what is true of each.
async fn try_all(world: Arc<World>, route: Arc<Route>, field: Field) -> (String, Tally) {
    let token = world.token(route.guard.as_deref()).await;
    let what = format!("{} {} {}", route.method, route.path, field.name);
    let mut tally = Tally::default();
    // A name is kept to the byte whatever it is; the other texts are looked up or parsed.
    let step = if field.name == "nickName" { 1 } else { iterations(5, 1) };
    for text in BLNS.iter().step_by(step) {
        let Some(answer) = world.send(&route, &field, text, token.as_ref()).await else { continue };
        let (status, told) = (answer.status, &answer.text);
        assert!(!status.is_server_error(), "{what} {text:?}: {status} {told}");
        // An escaped dot, or nothing, leads to another address.
        let documented = field.place == Place::Path || route.documents(status);
        assert!(documented, "{what} {text:?}: {status} {told}");
        tally.sent += 1;
        tally.refused += usize::from(status.is_client_error());
        let kept = &answer.body["data"][&field.name];
        // Who has chosen no name at the first login is given one.
        let given = route.path == "/login" && text.trim().is_empty();
        if !kept.is_string() || given {
            continue;
        }
        assert_eq!(kept, text, "{what}");
        // What a member says of themselves is told where they said it.
        let member = route.guard.as_deref() == Some("memberToken");
        if let Some(token) = token.as_ref().filter(|_| member) {
            let again = Answer::of(world.program.get(&route.path).bearer_auth(token)).await;
            assert_eq!(again.body["data"][&field.name], *text, "{what}");
        }
        tally.kept += 1;
    }
    (what, tally)
}

#[tokio::test]
async fn soak_naughty_strings_are_kept_to_the_byte_or_refused_and_break_nothing() {
    let begun = Instant::now();
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &SETTINGS).await;
    let document = Answer::of(program.get("/openapi.json")).await.body;
    let cookie = program.admin("ann", "admin").await.cookie;
    let world = Arc::new(World { program, sandbox, cookie });
    let mut fields = JoinSet::new();
    for route in Route::all(&document) {
        for field in route.fields.iter().filter(|field| field.is_text) {
            fields.spawn(try_all(world.clone(), route.clone(), field.clone()));
        }
    }
    let tallies = fields.join_all().await;
    let sent: usize = tallies.iter().map(|(_, tally)| tally.sent).sum();
    let kept: usize = tallies.iter().map(|(_, tally)| tally.kept).sum();
    println!(
        "{sent} requests with naughty strings in {} texts and headers: {kept} kept to the byte, no server error, {:.1?}",
        tallies.len(),
        begun.elapsed()
    );
    // Without this the walk through the document could go blind unnoticed.
    assert!(tallies.len() >= 20 && tallies.iter().all(|(_, tally)| tally.sent > 80), "{tallies:?}");
    for names in ["POST /login nickName", "PATCH /me nickName"] {
        let (_, tally) = tallies.iter().find(|(what, _)| what == names).unwrap();
        assert!(tally.kept > 400 && tally.refused > 10, "{names} {tally:?}");
    }
    let output = world.program.output();
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines.len() >= sent, "each request was logged");
    for line in lines {
        let event: Result<Map<String, Value>, _> = serde_json::from_str(line);
        assert!(event.is_ok(), "{line}");
    }
}
