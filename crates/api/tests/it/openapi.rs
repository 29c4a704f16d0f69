//! OpenAPI document, compared with the service.

use std::collections::BTreeSet;

use api::error::id::ErrorId;
use api::openapi::openapi;
use insta::assert_snapshot;
use salvo::http::Method;
use serde_json::{Value, json};

use crate::call::Call;
use crate::harness::{SERVICE_KEY, TestApp};

pub(crate) fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

/// Returns method, path and operation of every route.
pub(crate) fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            (method, path.clone(), operation.clone())
        })
    });
    operations.collect()
}

#[test]
fn document_lists_every_route_with_its_statuses() {
    let document = document();
    let lines = operations(&document).into_iter().map(|(method, path, operation)| {
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        format!("{method} {path} {} {statuses:?}", operation["operationId"])
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    GET /.well-known/jwks.json "getJwks" ["200", "400", "429", "500"]
    GET /admin/api/admins "listAdmins" ["200", "400", "401", "403", "404", "429", "500", "503"]
    POST /admin/api/admins "inviteAdmin" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    PATCH /admin/api/admins/{id} "updateAdmin" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    GET /admin/api/apps "listApps" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    POST /admin/api/apps "addApp" ["200", "400", "401", "403", "404", "409", "413", "415", "429", "500", "503"]
    DELETE /admin/api/apps/{app} "removeApp" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    GET /admin/api/apps/{app} "getApp" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    POST /admin/api/apps/{app}/disable "disableApp" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    POST /admin/api/apps/{app}/enable "enableApp" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    PUT /admin/api/apps/{app}/policy "setAppPolicy" ["200", "400", "401", "403", "404", "409", "413", "415", "429", "500", "503"]
    DELETE /admin/api/apps/{app}/push "removeAppPush" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    PUT /admin/api/apps/{app}/push "setAppPush" ["200", "400", "401", "403", "404", "409", "413", "415", "429", "500", "503"]
    DELETE /admin/api/apps/{app}/secret "cancelAppSecretRotation" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    POST /admin/api/apps/{app}/secret "rotateAppSecret" ["200", "400", "401", "403", "404", "409", "413", "415", "429", "500", "503"]
    DELETE /admin/api/apps/{app}/secret/former "finishAppSecretRotation" ["200", "400", "401", "403", "404", "409", "429", "500", "503"]
    GET /admin/api/audit "listAuditEvents" ["200", "400", "401", "403", "429", "500", "503"]
    POST /admin/api/invitation "adminAcceptInvitation" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    GET /admin/api/keys "listSigningKeys" ["200", "400", "401", "403", "429", "500", "503"]
    DELETE /admin/api/members/{id} "eraseMember" ["200", "400", "401", "403", "404", "429", "500", "503"]
    GET /admin/api/members/{id} "getMember" ["200", "400", "401", "403", "404", "429", "500", "503"]
    POST /admin/api/members/{id}/ban "banMember" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    POST /admin/api/members/{id}/phone "unmaskPhone" ["200", "400", "401", "403", "404", "429", "500", "503"]
    DELETE /admin/api/members/{id}/sessions "endMemberSessions" ["200", "400", "401", "403", "404", "429", "500", "503"]
    DELETE /admin/api/members/{id}/sessions/{session} "endMemberSession" ["200", "400", "401", "403", "404", "429", "500", "503"]
    POST /admin/api/members/{id}/unban "unbanMember" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    PUT /admin/api/password "adminChangePassword" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    POST /admin/api/search "searchMembers" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    DELETE /admin/api/session "adminSignOut" ["200", "400", "401", "429", "500", "503"]
    GET /admin/api/session "getAdminSession" ["200", "400", "401", "429", "500", "503"]
    POST /admin/api/session "adminSignIn" ["200", "400", "401", "413", "415", "429", "500", "503"]
    GET /admin/api/statistics "getStatistics" ["200", "400", "401", "403", "429", "500", "503"]
    GET /admin/api/wechat "getWechatCallStatistics" ["200", "400", "401", "403", "429", "500", "503"]
    POST /code2session "code2Session" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    GET /external/code_2_wx_openid "getExternalOpenid" ["200", "400", "401", "403", "429", "500", "503"]
    GET /health/live "healthLive" ["200", "400", "429", "500"]
    GET /health/ready "healthReady" ["200", "400", "429", "500", "503"]
    POST /login "login" ["200", "400", "401", "403", "409", "413", "415", "429", "500", "503"]
    POST /logout "logOut" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    POST /logout/all "logOutEverywhere" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    DELETE /me "deleteMe" ["200", "400", "401", "403", "429", "500", "503"]
    GET /me "getMe" ["200", "400", "401", "403", "429", "500", "503"]
    PATCH /me "updateMe" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    POST /me "updateMeByPost" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    GET /me/export "exportMe" ["200", "400", "401", "403", "429", "500", "503"]
    PUT /me/phone "bindPhone" ["200", "400", "401", "403", "409", "413", "415", "429", "500", "503"]
    GET /me/sessions "listSessions" ["200", "400", "401", "403", "429", "500", "503"]
    DELETE /me/sessions/{id} "endSession" ["200", "400", "401", "403", "404", "429", "500", "503"]
    GET /metrics "metrics" ["200", "400", "401", "429", "500"]
    POST /oauth/introspect "introspect" ["200", "400", "401", "413", "415", "429", "500", "503"]
    POST /oauth/revoke "revoke" ["200", "400", "401", "413", "415", "429", "500", "503"]
    POST /openid "getOpenid" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    POST /token/refresh "refreshToken" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    POST /wechat/check_session "checkSession" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    GET /wechat/push/{app} "checkPush" ["200", "400", "403", "404", "429", "500", "503"]
    POST /wechat/push/{app} "receivePush" ["200", "400", "403", "404", "413", "429", "500", "503"]
    POST /wechat/reset_session_key "resetSessionKey" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    POST /wechat/verify_signature "verifySignature" ["200", "400", "401", "403", "404", "413", "415", "429", "500", "503"]
    "#);
}

#[test]
fn document_is_deterministic_and_its_references_resolve() {
    let text = openapi().to_pretty_json().unwrap();
    assert_eq!(text, openapi().to_pretty_json().unwrap());
    let document = document();
    let mut references = BTreeSet::new();
    collect(&document, "$ref", &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    assert!(!text.contains("api."), "no Rust paths");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

fn collect(value: &Value, key: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(key).and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect(value, key, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn document_lists_every_error_id_once() {
    let document = document();
    let ids = &document["components"]["schemas"]["Failure"]["properties"]["error"]["enum"];
    assert_eq!(*ids, json!(ErrorId::ALL.iter().map(|id| id.id()).collect::<Vec<_>>()));
    let unique: BTreeSet<&str> = ErrorId::ALL.iter().map(|id| id.id()).collect();
    assert_eq!(unique.len(), ErrorId::ALL.len());
}

#[tokio::test]
async fn documented_credentials_are_enforced() {
    let app = TestApp::new();
    for (method, path, operation) in operations(&document()) {
        let guarded = operation["security"].is_array();
        let address = path.replace("{id}", "1").replace("{session}", "1").replace("{app}", "main");
        let answer = Call::new(method.clone(), &address).send(&app).await;
        assert_eq!(answer.status == 401, guarded, "{path}");
        assert!(!guarded || operation["responses"]["401"].is_object(), "{path}");
        // A new route requires credentials, or is listed here on purpose.
        let open = [
            "POST /login",
            "POST /openid",
            "GET /external/code_2_wx_openid",
            "POST /token/refresh",
            "GET /.well-known/jwks.json",
            "GET /health/live",
            "GET /health/ready",
            // Protected by a password and by an invitation code.
            "POST /admin/api/session",
            "POST /admin/api/invitation",
            // Protected by WeChat's signature.
            "GET /wechat/push/{app}",
            "POST /wechat/push/{app}",
        ];
        let route = format!("{method} {path}");
        assert_eq!(guarded, !open.contains(&route.as_str()), "{route}");
    }
}

fn is_member_route(path: &str) -> bool {
    ["me", "logout"].contains(&path.split('/').nth(1).unwrap())
}

#[test]
fn documented_credentials_match_the_route() {
    for (method, path, operation) in operations(&document()) {
        let members = is_member_route(&path);
        let expected = match path.as_str() {
            _ if members => json!([{ "memberToken": [] }]),
            "/admin/api/session" if method == Method::POST => Value::Null,
            "/admin/api/invitation" => Value::Null,
            _ if path.starts_with("/admin/") => {
                json!([{ "adminCookie": [], "adminHeader": [] }])
            }
            "/code2session"
            | "/metrics"
            | "/wechat/check_session"
            | "/wechat/reset_session_key"
            | "/wechat/verify_signature" => json!([{ "serviceKey": [] }]),
            "/oauth/introspect" | "/oauth/revoke" => {
                json!([{ "serviceKey": [] }, { "serviceBasic": [] }])
            }
            _ => Value::Null,
        };
        assert_eq!(operation["security"], expected, "{path}");
    }
}

/// Returns a body of the document's examples.
pub(crate) fn example_body(
    document: &Value,
    operation: &Value,
    content_type: &str,
) -> Option<Value> {
    let schema = &operation["requestBody"]["content"][content_type]["schema"]["$ref"];
    let schema = document.pointer(&schema.as_str()?[1..]).unwrap();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let example = |property: &Value| property["examples"][0].clone();
    Some(properties.iter().map(|(name, property)| (name.clone(), example(property))).collect())
}

#[tokio::test]
async fn documented_examples_are_valid_requests() {
    let app = TestApp::new();
    let document = document();
    for (method, path, operation) in operations(&document) {
        let token = app.token_of("o1").await;
        let members = is_member_route(&path);
        let call = Call::new(method, &path).bearer(if members { &token } else { SERVICE_KEY });
        let form = example_body(&document, &operation, "application/x-www-form-urlencoded");
        let call = match (example_body(&document, &operation, "application/json"), form) {
            (Some(body), None) => {
                let content = &operation["requestBody"]["content"]["application/json"];
                let reference = content["schema"]["$ref"].as_str().unwrap();
                let schema = document.pointer(&reference[1..]).unwrap();
                assert_eq!(schema["additionalProperties"], false, "{reference}");
                call.json(&body)
            }
            (None, Some(form)) => {
                let pairs = form.as_object().unwrap().iter();
                let pairs =
                    pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
                call.form(pairs.collect::<Vec<_>>().join("&"))
            }
            (None, None) => continue,
            (Some(_), Some(_)) => panic!("{path} takes two kinds of bodies"),
        };
        let answer = call.send(&app).await;
        let malformed = answer.body.contains("invalid_request");
        assert!(answer.status < 500 && !malformed, "{path}: {}", answer.body);
    }
}

#[test]
fn introspection_schemas_are_disjoint() {
    let document = document();
    let active = |form: &str| {
        document["components"]["schemas"][form]["properties"]["active"]["enum"].clone()
    };
    assert_eq!(active("ActiveToken"), json!([true]));
    assert_eq!(active("InactiveToken"), json!([false]));
}

#[test]
fn oauth_routes_document_oauth_failures() {
    for (_, path, operation) in operations(&document()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.as_str() < "400" || path == "/health/ready" && status == "503" {
                continue;
            }
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            let name = if path.starts_with("/oauth/") { "OAuthFailure" } else { "Failure" };
            assert_eq!(schema, &format!("#/components/schemas/{name}"), "{path} {status}");
        }
    }
}
