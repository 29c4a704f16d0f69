//! The OpenAPI document, held against the service it describes.

use std::collections::BTreeSet;

use api::error::id::ErrorId;
use api::openapi::openapi;
use insta::assert_snapshot;
use salvo::http::Method;
use serde_json::{Value, json};

use crate::house::{Call, House, SERVICE_KEY};

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

/// Method, path and operation of every route.
fn operations(document: &Value) -> Vec<(Method, String, Value)> {
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
fn every_route_stands_there_with_its_statuses() {
    let document = document();
    let lines = operations(&document).into_iter().map(|(method, path, operation)| {
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        format!("{method} {path} {} {statuses:?}", operation["operationId"])
    });
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    POST /code2session "code2Session" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    GET /external/code_2_wx_openid "externalOpenid" ["200", "400", "401", "403", "429", "500", "503"]
    GET /health/live "healthLive" ["200", "400", "500"]
    GET /health/ready "healthReady" ["200", "400", "500", "503"]
    POST /login "login" ["200", "400", "401", "403", "409", "413", "415", "429", "500", "503"]
    GET /me "getMe" ["200", "400", "401", "403", "500"]
    PATCH /me "updateMe" ["200", "400", "401", "403", "413", "415", "500"]
    POST /openid "openid" ["200", "400", "401", "403", "413", "415", "429", "500", "503"]
    "#);
}

#[test]
fn it_is_the_same_every_time_and_refers_to_what_it_holds() {
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
    assert!(!text.contains("api."), "no names of the code");
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
fn every_error_id_is_known_to_it_and_is_unique() {
    let document = document();
    let ids = &document["components"]["schemas"]["Failure"]["properties"]["error"]["enum"];
    assert_eq!(*ids, json!(ErrorId::ALL.map(ErrorId::id)));
    let unique: BTreeSet<&str> = ErrorId::ALL.map(ErrorId::id).into();
    assert_eq!(unique.len(), ErrorId::ALL.len());
}

#[tokio::test]
async fn a_route_that_names_a_credential_lets_nobody_pass_without() {
    let house = House::new();
    for (method, path, operation) in operations(&document()) {
        let guarded = operation["security"].is_array();
        let answer = Call::new(method, &path).send(&house).await;
        assert_eq!(answer.status == 401, guarded, "{path}");
        assert_eq!(
            guarded,
            operation["responses"]["401"].is_object() && path.ends_with("me")
                || path == "/code2session"
        );
    }
}

#[tokio::test]
async fn a_request_made_of_the_examples_is_well_formed() {
    let (house, document) = (House::new(), document());
    let token = house.token_of("o1").await;
    for (method, path, operation) in operations(&document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(reference) = schema.as_str() else { continue };
        let schema = document.pointer(&reference[1..]).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{reference}");
        let properties = schema["properties"].as_object().unwrap();
        let body: Value = properties
            .iter()
            .map(|(name, property)| (name.clone(), property["examples"][0].clone()))
            .collect();
        let key = if path == "/me" { &token } else { SERVICE_KEY };
        let answer = Call::new(method, &path).bearer(key).json(&body).send(&house).await;
        assert!(matches!(answer.status, 200 | 401), "{path} {body}: {}", answer.body);
    }
}
