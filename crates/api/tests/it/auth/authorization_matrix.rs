//! Authorization matrix: every route of the OpenAPI document, called by every kind of caller with the ids
//! of one member. Unauthorized callers are rejected and get no data of this member.

use std::time::Duration;

use domain::model::admin::Role;
use salvo::http::Method;
use serde_json::{Value, json};

use crate::call::{Answer, Call, get, post};
use crate::harness::{SERVICE_KEY, TestApp, Tokens};
use crate::openapi::{document, example_body, operations};

const OPEN_ID: &str = "oVictim4567890abcdefghijklmn";
const OTHER_OPEN_ID: &str = "oAnother567890abcdefghijklmn";
const PHONE: &str = "13812345678";

/// Kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Anonymous,
    Owner,
    OtherMember,
    BannedMember,
    ServiceAccount,
    ExpiredToken,
    RefreshToken,
    Admin(Role),
    CrossSiteAdmin,
}

const CALLERS: [Caller; 11] = [
    Caller::Anonymous,
    Caller::Owner,
    Caller::OtherMember,
    Caller::BannedMember,
    Caller::ServiceAccount,
    Caller::ExpiredToken,
    Caller::RefreshToken,
    Caller::Admin(Role::Viewer),
    Caller::Admin(Role::Operator),
    Caller::Admin(Role::Admin),
    Caller::CrossSiteAdmin,
];

/// Credentials that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    Open,
    Members,
    ServiceAccounts,
    /// Administrators with this role or a higher one.
    Admins(Role),
}

impl Guard {
    fn of(operation: &Value) -> Self {
        match operation["security"][0].as_object().and_then(|schemes| schemes.keys().next()) {
            None => Self::Open,
            Some(scheme) if scheme == "memberToken" => Self::Members,
            Some(scheme) if scheme == "serviceKey" => Self::ServiceAccounts,
            Some(scheme) if scheme == "adminCookie" => {
                // Routes without a role are open to every administrator.
                let role = operation["x-role"].as_str().map(|role| Role::from_name(role).unwrap());
                Self::Admins(role.unwrap_or(Role::Viewer))
            }
            Some(scheme) => panic!("unknown security scheme {scheme}"),
        }
    }

    /// Returns status and error id for a rejected caller, or `None` for an authorized one.
    fn refusal(self, caller: Caller) -> Option<(u16, &'static str)> {
        match (self, caller) {
            (Self::Open, _)
            | (Self::Members, Caller::Owner | Caller::OtherMember)
            | (Self::ServiceAccounts, Caller::ServiceAccount) => None,
            (Self::Members, Caller::BannedMember) => Some((403, "member_banned")),
            (Self::Members, Caller::ExpiredToken) => Some((401, "token_expired")),
            (Self::Admins(required), Caller::Admin(role)) => {
                (role < required).then_some((403, "forbidden"))
            }
            (Self::Members | Self::ServiceAccounts | Self::Admins(_), _) => {
                Some((401, "unauthenticated"))
            }
        }
    }
}

/// Member with a value in every field, the target of all calls.
struct Victim {
    id: String,
    token: String,
    session: String,
    /// Data visible to the member and to administrators.
    known: Vec<String>,
    /// Data visible only to the member.
    secret: Vec<String>,
}

impl Victim {
    async fn new(app: &TestApp) -> Self {
        let phone = app.phone_code(OPEN_ID, PHONE);
        let body = json!({ "code": app.login_code(OPEN_ID), "phoneCode": phone });
        let Tokens { access: token, refresh } =
            Tokens::of(&post("/login").json(&body).send(app).await);
        let profile = json!({ "nickName": "受害者", "avatar": "https://a.example/her.png" });
        Call::new(Method::PATCH, "/me").bearer(&token).json(&profile).send(app).await;
        let me = get("/me").bearer(&token).send(app).await.json()["data"].clone();
        let sessions = get("/me/sessions").bearer(&token).send(app).await.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let session = text(&sessions["data"]["sessions"][0]["id"]);
        let profile = ["memberId", "nickName", "avatar", "phone"].map(|field| text(&me[field]));
        let ids = [OPEN_ID, &session].map(str::to_owned);
        let secret = [PHONE, &token, &refresh].map(str::to_owned);
        Self {
            id: text(&me["memberId"]),
            token,
            session,
            known: profile.into_iter().chain(ids).collect(),
            secret: secret.into(),
        }
    }

    /// Returns the parts of `known` and of `secret` that a response contains.
    fn leaked_ids(&self, answer: &Answer) -> (Vec<&String>, Vec<&String>) {
        let all = format!("{:?} {}", answer.headers, answer.body);
        let is_leaked = |value: &&String| all.contains(value.as_str());
        let known = self.known.iter().filter(is_leaked).collect();
        let secret = self.secret.iter().filter(is_leaked).collect();
        (known, secret)
    }
}

/// Credentials of a caller.
enum Credentials {
    None,
    Bearer(String),
    Cookie(String),
    /// Cookie without the header of the console, as a browser sends it for a page of another origin.
    CrossSiteCookie(String),
}

impl Credentials {
    fn apply(&self, call: Call) -> Call {
        match self {
            Self::None => call,
            Self::Bearer(token) => call.bearer(token),
            Self::Cookie(cookie) => {
                call.header("cookie", cookie).header("x-requested-with", "fetch")
            }
            Self::CrossSiteCookie(cookie) => call.header("cookie", cookie),
        }
    }
}

/// Returns the credentials of a caller. The owner's token is added by [`call`], after the login.
async fn credentials_for(caller: Caller, app: &TestApp) -> Credentials {
    Credentials::Bearer(match caller {
        Caller::Anonymous | Caller::Owner => return Credentials::None,
        Caller::Admin(role) => return Credentials::Cookie(app.admin("ann", role).await),
        Caller::CrossSiteAdmin => {
            return Credentials::CrossSiteCookie(app.admin("ann", Role::Admin).await);
        }
        Caller::ServiceAccount => SERVICE_KEY.to_owned(),
        Caller::OtherMember => app.token_of(OTHER_OPEN_ID).await,
        Caller::RefreshToken => app.log_in(OTHER_OPEN_ID).await.refresh,
        Caller::BannedMember => {
            let token = app.token_of(OTHER_OPEN_ID).await;
            app.ban_and_keep_sessions().await;
            token
        }
        Caller::ExpiredToken => {
            let token = app.token_of(OTHER_OPEN_ID).await;
            app.clock.advance(Duration::from_hours(2));
            token
        }
    })
}

/// Returns a valid request, built from the document's examples and the member's ids.
fn request(
    document: &Value,
    route: &Route,
    caller: Caller,
    app: &TestApp,
    member: &Victim,
) -> Call {
    let (method, path, operation) = route;
    let body = |content_type| {
        let mut body = example_body(document, operation, content_type)?;
        if body["code"].is_string() {
            body["code"] = app.login_code(OTHER_OPEN_ID).into();
        }
        if body["phoneCode"].is_string() {
            body["phoneCode"] = if path == "/me/phone" {
                let open_id = if caller == Caller::Owner { OPEN_ID } else { OTHER_OPEN_ID };
                app.phone_code(open_id, "13987654321").into()
            } else {
                Value::Null
            };
        }
        Some(body)
    };
    let id = match path.split('/').nth(3) {
        Some("members") => member.id.clone(),
        Some("admins") => app.store.all_admins()[0].id.0.to_string(),
        Some(_) | None => member.session.clone(),
    };
    let path = path.replace("{id}", &id).replace("{session}", &member.session);
    let path = if path.starts_with("/admin/") { path.replace("{app}", "target") } else { path };
    let call = Call::new(method.clone(), &path);
    match (body("application/json"), body("application/x-www-form-urlencoded")) {
        (Some(body), _) => call.json(&body),
        (None, Some(form)) => call.form(format!("token={}", form["token"].as_str().unwrap())),
        (None, None) => call,
    }
}

type Route = (Method, String, Value);

async fn call(document: &Value, route: &Route, caller: Caller) {
    let app = TestApp::new();
    // Target of the routes that change an administrator.
    app.admin("target", Role::Viewer).await;
    let deletes = route.0 == Method::DELETE;
    let rotating = deletes && route.1.contains("{app}/secret");
    app.register("target", rotating, deletes && route.1.ends_with("{app}")).await;
    let credentials = credentials_for(caller, &app).await;
    let member = Victim::new(&app).await;
    let before = get("/me/sessions").bearer(&member.token).send(&app).await.json();
    let call = request(document, route, caller, &app, &member);
    let call =
        if caller == Caller::Owner { call.bearer(&member.token) } else { credentials.apply(call) };
    let answer = call.send(&app).await;

    let guard = Guard::of(&route.2);
    let context = format!("{} {} {caller:?}", route.0, route.1);
    match guard.refusal(caller) {
        Some((status, error)) => {
            let error = if route.1.starts_with("/oauth/") { "invalid_client" } else { error };
            assert_eq!(answer.failure(), (status, error.to_owned()), "{context}");
        }
        None if guard != Guard::Open => {
            let is_foreign_session = caller != Caller::Owner && route.1 == "/me/sessions/{id}";
            // No session key is stored for the user of the document's example.
            let is_missing = is_foreign_session || route.1.starts_with("/wechat/");
            // The example's password is not the administrator's.
            let expected = match route.1.as_str() {
                "/admin/api/password" => 403,
                _ if is_missing => 404,
                _ => 200,
            };
            assert_eq!(answer.status, expected, "{context}: {}", answer.body);
        }
        None => {}
    }
    let (known, secret) = member.leaked_ids(&answer);
    let is_get = |path: &str| route.0 == Method::GET && route.1 == path;
    match (guard, caller) {
        (_, Caller::Owner) => {
            // Proves that the search finds the data where it is expected.
            assert!(!is_get("/me") || known.len() == 4, "{context}: {}", answer.body);
            return;
        }
        (Guard::Admins(_), Caller::Admin(_)) if answer.status == 200 => {
            assert!(!is_get("/admin/api/members/{id}") || known.len() == 6, "{context}: {known:?}");
            let whole_number: &[&str] = if route.1.ends_with("/phone") { &[PHONE] } else { &[] };
            assert_eq!(secret, whole_number, "{context}: {}", answer.body);
            return;
        }
        _ => {}
    }
    assert_eq!((known, secret), (vec![], vec![]), "{context}: {}", answer.body);
    let after = get("/me/sessions").bearer(&member.token).send(&app).await.json();
    assert_eq!(after["data"], before["data"], "{context}");
}

#[tokio::test]
async fn no_route_exposes_another_members_data() {
    let document = document();
    for route in operations(&document) {
        for caller in CALLERS {
            call(&document, &route, caller).await;
        }
    }
}
