//! One login with the requests of a phone, printed step by step.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use ureq::{Agent, Body, http::Response};

use super::agent;

/// Logs in the user alice, reads her profile with the token, and prints every request with its response.
pub(super) fn run(server: &str, sandbox: &str) -> Result<()> {
    let agent = agent();
    let alice = json!({ "user": "alice" });

    println!("\n1. On Alice's phone, wx.login() gets a login code from WeChat.");
    let response = post(&agent, &format!("{sandbox}/_sandbox/codes/login"), &alice)?;
    let code = text(&response, "/code")?;

    println!("\n2. Alice taps the phone number button; WeChat returns a phone code.");
    let phone_response = post(&agent, &format!("{sandbox}/_sandbox/codes/phone"), &alice)?;
    let phone_code = text(&phone_response, "/code")?;

    println!("\n3. The mini program sends both codes to the server, which redeems them at WeChat.");
    let codes = json!({ "code": code, "phoneCode": phone_code });
    let login = post(&agent, &format!("{server}/login"), &codes)?;
    let token = text(&login, "/data/token")?;
    println!("   the access token, decoded");
    for part in token.split('.').take(2) {
        println!("{}", indented(&decoded(part)?));
    }

    println!("\n4. Further requests are authenticated with the access token.");
    let me = get(&agent, &format!("{server}/me"), token)?;
    let logged_in = text(&login, "/data/memberId")?;
    let current = text(&me, "/data/memberId")?;
    ensure!(logged_in == current, "member {logged_in} logged in, but `GET /me` returned {current}");
    Ok(())
}

fn post(agent: &Agent, url: &str, body: &Value) -> Result<Value> {
    println!("   → POST {url}\n{}", indented(body));
    read(url, agent.post(url).send_json(body))
}

fn get(agent: &Agent, url: &str, token: &str) -> Result<Value> {
    println!("   → GET {url}\n     Authorization: Bearer {}", shorten(token));
    read(url, agent.get(url).header("Authorization", format!("Bearer {token}")).call())
}

/// Prints a response and returns its body; fails unless its status is a success.
fn read(url: &str, result: Result<Response<Body>, ureq::Error>) -> Result<Value> {
    let mut response = result.with_context(|| format!("no response from {url}"))?;
    let status = response.status();
    let body = response.body_mut().read_to_string()?;
    let value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    println!("   ← {status}\n{}", indented(&value));
    ensure!(status.is_success(), "{url} returned {status}: {value}");
    Ok(value)
}

fn text<'a>(response: &'a Value, pointer: &str) -> Result<&'a str> {
    let found = response.pointer(pointer).and_then(Value::as_str);
    found.filter(|text| !text.is_empty()).with_context(|| format!("no {pointer} in {response}"))
}

fn decoded(part: &str) -> Result<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).context("the access token is not base64url")?;
    serde_json::from_slice(&bytes).context("the access token contains no JSON")
}

/// Formats JSON with an indent: on one line if it is short, with long texts truncated.
fn indented(value: &Value) -> String {
    let value = truncated(value);
    let line = value.to_string();
    let text = if line.chars().count() <= 90 { line } else { format!("{value:#}") };
    text.lines().map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}

fn truncated(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shorten(text)),
        Value::Array(items) => items.iter().map(truncated).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), truncated(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn shorten(text: &str) -> String {
    let length = text.chars().count();
    if length <= 72 {
        return text.to_owned();
    }
    let start: String = text.chars().take(32).collect();
    format!("{start}… ({length} characters)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_truncated_and_short_json_is_on_one_line() {
        let token = "x".repeat(400);
        let printed = indented(&json!({ "data": [{ "token": token, "name": "好柿开花" }] }));
        assert!(printed.contains("… (400 characters)"), "{printed}");
        assert!(printed.contains("好柿开花") && !printed.contains(&token), "{printed}");
        assert_eq!(indented(&json!({ "code": "a" })), r#"     {"code":"a"}"#);
    }

    #[test]
    fn token_parts_are_decoded_as_json() {
        assert_eq!(decoded("eyJzdWIiOiJtMSJ9").unwrap(), json!({ "sub": "m1" }));
        assert!(decoded("!").is_err());
    }

    #[test]
    fn error_for_a_missing_field_shows_the_response() {
        let error = text(&json!({ "msg": "no" }), "/data/token").unwrap_err().to_string();
        assert_eq!(error, r#"no /data/token in {"msg":"no"}"#);
    }
}
