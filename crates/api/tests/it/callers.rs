//! Every route against every kind of caller, each with the ids of one and the same member: who is let
//! in, and that nobody else is told of her. The routes are those of the document.

use std::time::Duration;

use domain::model::admin::Role;
use salvo::http::Method;
use serde_json::{Value, json};

use crate::call::{Answer, Call, get, post};
use crate::document::{document, example_body, operations};
use crate::house::{House, SERVICE_KEY, Tokens};

const OPEN_ID: &str = "oVictim4567890abcdefghijklmn";
const ANOTHER: &str = "oAnother567890abcdefghijklmn";
const PHONE: &str = "13812345678";

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nobody,
    Herself,
    AnotherMember,
    ABannedMember,
    ABackEnd,
    AnotherWithAnExpiredToken,
    AnotherWithARefreshToken,
    AnAdministrator(Role),
    AnAdministratorFromElsewhere,
}

const KINDS: [Kind; 11] = [
    Kind::Nobody,
    Kind::Herself,
    Kind::AnotherMember,
    Kind::ABannedMember,
    Kind::ABackEnd,
    Kind::AnotherWithAnExpiredToken,
    Kind::AnotherWithARefreshToken,
    Kind::AnAdministrator(Role::Viewer),
    Kind::AnAdministrator(Role::Operator),
    Kind::AnAdministrator(Role::Admin),
    Kind::AnAdministratorFromElsewhere,
];

/// What a route demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    Open,
    Members,
    BackEnds,
    /// Those who have this role, or one that may more.
    Administrators(Role),
}

impl Guard {
    fn of(operation: &Value) -> Self {
        match operation["security"][0].as_object().and_then(|demand| demand.keys().next()) {
            None => Self::Open,
            Some(scheme) if scheme == "memberToken" => Self::Members,
            Some(scheme) if scheme == "serviceKey" => Self::BackEnds,
            Some(scheme) if scheme == "adminCookie" => {
                // Who they are themselves, any administrator may ask.
                let role = operation["x-role"].as_str().map(|role| Role::from_name(role).unwrap());
                Self::Administrators(role.unwrap_or(Role::Viewer))
            }
            Some(scheme) => panic!("nobody here shows a {scheme}"),
        }
    }

    /// How a caller is turned back, or `None` where they are let in.
    fn refusal(self, kind: Kind) -> Option<(u16, &'static str)> {
        match (self, kind) {
            (Self::Open, _)
            | (Self::Members, Kind::Herself | Kind::AnotherMember)
            | (Self::BackEnds, Kind::ABackEnd) => None,
            (Self::Members, Kind::ABannedMember) => Some((403, "member_banned")),
            (Self::Members, Kind::AnotherWithAnExpiredToken) => Some((401, "token_expired")),
            (Self::Administrators(role), Kind::AnAdministrator(has)) => {
                (has < role).then_some((403, "forbidden"))
            }
            (Self::Members | Self::BackEnds | Self::Administrators(_), _) => {
                Some((401, "unauthenticated"))
            }
        }
    }
}

/// A member with all that can be known of a member.
struct Member {
    id: String,
    token: String,
    session: String,
    /// What administrators may know of them, too.
    known: Vec<String>,
    /// What nobody but themselves is told.
    secret: Vec<String>,
}

impl Member {
    async fn new(house: &House) -> Self {
        let phone = house.phone_code(OPEN_ID, PHONE);
        let body = json!({ "code": house.login_code(OPEN_ID), "phoneCode": phone });
        let Tokens { access: token, refresh } =
            Tokens::of(&post("/login").json(&body).send(house).await);
        let profile = json!({ "nickName": "受害者", "avatar": "https://a.example/her.png" });
        Call::new(Method::PATCH, "/me").bearer(&token).json(&profile).send(house).await;
        let me = get("/me").bearer(&token).send(house).await.json()["data"].clone();
        let sessions = get("/me/sessions").bearer(&token).send(house).await.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let session = text(&sessions["data"]["sessions"][0]["id"]);
        let told = ["memberId", "nickName", "avatar", "phone"].map(|field| text(&me[field]));
        let others = [OPEN_ID, &session].map(str::to_owned);
        let secret = [PHONE, &token, &refresh].map(str::to_owned);
        Self {
            id: text(&me["memberId"]),
            token,
            session,
            known: told.into_iter().chain(others).collect(),
            secret: secret.into(),
        }
    }

    /// What an answer tells of her, and what of it nobody else should know.
    fn told_in(&self, answer: &Answer) -> (Vec<&String>, Vec<&String>) {
        let all = format!("{:?} {}", answer.headers, answer.body);
        let told = |known: &&String| all.contains(known.as_str());
        (self.known.iter().filter(told).collect(), self.secret.iter().filter(told).collect())
    }
}

/// What somebody shows.
enum Shown {
    Nothing,
    Bearer(String),
    Cookie(String),
    /// As a browser sends it for a page of another origin.
    CookieAlone(String),
}

impl Shown {
    fn by(&self, call: Call) -> Call {
        match self {
            Self::Nothing => call,
            Self::Bearer(token) => call.bearer(token),
            Self::Cookie(cookie) => {
                call.header("cookie", cookie).header("x-requested-with", "fetch")
            }
            Self::CookieAlone(cookie) => call.header("cookie", cookie),
        }
    }
}

/// What a caller of this kind shows, who is not the member herself.
async fn shown(kind: Kind, house: &House) -> Shown {
    Shown::Bearer(match kind {
        Kind::Nobody | Kind::Herself => return Shown::Nothing,
        Kind::AnAdministrator(role) => return Shown::Cookie(house.admin("ann", role).await),
        Kind::AnAdministratorFromElsewhere => {
            return Shown::CookieAlone(house.admin("ann", Role::Admin).await);
        }
        Kind::ABackEnd => SERVICE_KEY.to_owned(),
        Kind::AnotherMember => house.token_of(ANOTHER).await,
        Kind::AnotherWithARefreshToken => house.log_in(ANOTHER).await.refresh,
        Kind::ABannedMember => {
            let token = house.token_of(ANOTHER).await;
            house.ban_and_forget_the_sessions().await;
            token
        }
        Kind::AnotherWithAnExpiredToken => {
            let token = house.token_of(ANOTHER).await;
            house.clock.advance(Duration::from_hours(2));
            token
        }
    })
}

/// A request that has no fault, made of the document's examples and the id of the member's session.
fn request(document: &Value, route: &Route, kind: Kind, house: &House, member: &Member) -> Call {
    let (method, path, operation) = route;
    let body = |content_type| {
        let mut body = example_body(document, operation, content_type)?;
        if body["code"].is_string() {
            body["code"] = house.login_code(ANOTHER).into();
        }
        if body["phoneCode"].is_string() {
            body["phoneCode"] = if path == "/me/phone" {
                let open_id = if kind == Kind::Herself { OPEN_ID } else { ANOTHER };
                house.phone_code(open_id, "13987654321").into()
            } else {
                Value::Null
            };
        }
        Some(body)
    };
    let id = match path.split('/').nth(3) {
        Some("members") => member.id.clone(),
        Some("admins") => house.store.admins_now()[0].id.0.to_string(),
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

async fn call(document: &Value, route: &Route, kind: Kind) {
    let house = House::new();
    // Somebody whom administrators can do something to.
    house.admin("target", Role::Viewer).await;
    let deletes = route.0 == Method::DELETE;
    let rotating = deletes && route.1.contains("{app}/secret");
    house.register("target", rotating, deletes && route.1.ends_with("{app}")).await;
    let other = shown(kind, &house).await;
    let member = Member::new(&house).await;
    let before = get("/me/sessions").bearer(&member.token).send(&house).await.json();
    let call = request(document, route, kind, &house, &member);
    let call = if kind == Kind::Herself { call.bearer(&member.token) } else { other.by(call) };
    let answer = call.send(&house).await;

    let guard = Guard::of(&route.2);
    let what = format!("{} {} {kind:?}", route.0, route.1);
    match guard.refusal(kind) {
        Some((status, error)) => {
            let error = if route.1.starts_with("/oauth/") { "invalid_client" } else { error };
            assert_eq!(answer.failure(), (status, error.to_owned()), "{what}");
        }
        None if guard != Guard::Open => {
            let hers = kind != Kind::Herself && route.1 == "/me/sessions/{id}";
            // Nor is a session key kept of the user in the document's example.
            let missing = hers || route.1.starts_with("/wechat/");
            // Nor is the example's password anybody's.
            let expected = match route.1.as_str() {
                "/admin/api/password" => 403,
                _ if missing => 404,
                _ => 200,
            };
            assert_eq!(answer.status, expected, "{what}: {}", answer.body);
        }
        None => {}
    }
    let (known, secret) = member.told_in(&answer);
    let see = |path: &str| route.0 == Method::GET && route.1 == path;
    match (guard, kind) {
        (_, Kind::Herself) => {
            // Without this the search could go blind unnoticed.
            assert!(!see("/me") || known.len() == 4, "{what}: {}", answer.body);
            return;
        }
        (Guard::Administrators(_), Kind::AnAdministrator(_)) if answer.status == 200 => {
            assert!(!see("/admin/api/members/{id}") || known.len() == 6, "{what}: {known:?}");
            let whole_number: &[&str] = if route.1.ends_with("/phone") { &[PHONE] } else { &[] };
            assert_eq!(secret, whole_number, "{what}: {}", answer.body);
            return;
        }
        _ => {}
    }
    assert_eq!((known, secret), (vec![], vec![]), "{what}: {}", answer.body);
    let after = get("/me/sessions").bearer(&member.token).send(&house).await.json();
    assert_eq!(after["data"], before["data"], "{what}");
}

#[tokio::test]
async fn nobody_gets_at_another_member_by_any_route() {
    let document = document();
    for route in operations(&document) {
        for kind in KINDS {
            call(&document, &route, kind).await;
        }
    }
}
