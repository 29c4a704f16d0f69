//! One login as a phone plays it, told step by step.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use ureq::Agent;

use super::agent;

/// Logs alice in, reads her profile with the token, and prints every request with its answer.
pub(super) fn play(server: &str, sandbox: &str) -> Result<()> {
    let agent = agent();
    let alice = json!({ "user": "alice" });

    println!("\n1. On alice's phone, wx.login() gets a code from WeChat.");
    let answer = post(&agent, &format!("{sandbox}/_sandbox/codes/login"), &alice)?;
    let code = text(&answer, "/code")?;

    println!("\n2. She taps the phone number button; WeChat gives a second code.");
    let answer = post(&agent, &format!("{sandbox}/_sandbox/codes/phone"), &alice)?;
    let phone_code = text(&answer, "/code")?;

    println!("\n3. The mini program sends both to the server, which asks WeChat who that is.");
    let codes = json!({ "code": code, "phoneCode": phone_code });
    let login = post(&agent, &format!("{server}/login"), &codes)?;
    let token = text(&login, "/data/token")?;
    println!("   the token, opened");
    for part in token.split('.').take(2) {
        println!("{}", indented(&decoded(part)?));
    }

    println!("\n4. From now on the token says who calls.");
    let me = get(&agent, &format!("{server}/me"), token)?;
    let (logged_in, known) = (text(&login, "/data/memberId")?, text(&me, "/data/memberId")?);
    ensure!(logged_in == known, "member {logged_in} logged in, but `GET /me` shows {known}");
    Ok(())
}

fn post(agent: &Agent, url: &str, body: &Value) -> Result<Value> {
    println!("   → POST {url}\n{}", indented(body));
    let answer = agent.post(url).send_json(body);
    read(url, answer)
}

fn get(agent: &Agent, url: &str, token: &str) -> Result<Value> {
    println!("   → GET {url}\n     Authorization: Bearer {}", shortened(token));
    let answer = agent.get(url).header("Authorization", format!("Bearer {token}")).call();
    read(url, answer)
}

fn read(url: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value> {
    let mut answer = answer.with_context(|| format!("{url} did not answer"))?;
    let status = answer.status();
    let body = answer.body_mut().read_to_string()?;
    let value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    println!("   ← {status}\n{}", indented(&value));
    ensure!(status.is_success(), "{url} answered {status}: {value}");
    Ok(value)
}

fn text<'a>(answer: &'a Value, pointer: &str) -> Result<&'a str> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.filter(|text| !text.is_empty()).with_context(|| format!("no {pointer} in {answer}"))
}

fn decoded(part: &str) -> Result<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).context("the token is not base64url")?;
    serde_json::from_slice(&bytes).context("the token holds no JSON")
}

/// On one line where that is readable, with long texts cut.
fn indented(value: &Value) -> String {
    let value = cut(value);
    let line = value.to_string();
    let text = if line.chars().count() <= 90 { line } else { format!("{value:#}") };
    text.lines().map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}

fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shortened(text)),
        Value::Array(items) => items.iter().map(cut).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), cut(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn shortened(text: &str) -> String {
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
    fn long_texts_are_cut_and_short_answers_stay_on_one_line() {
        let token = "x".repeat(400);
        let shown = indented(&json!({ "data": [{ "token": token, "name": "好柿开花" }] }));
        assert!(shown.contains("… (400 characters)"), "{shown}");
        assert!(shown.contains("好柿开花") && !shown.contains(&token), "{shown}");
        assert_eq!(indented(&json!({ "code": "a" })), r#"     {"code":"a"}"#);
    }

    #[test]
    fn a_token_s_parts_are_shown_as_json() {
        assert_eq!(decoded("eyJzdWIiOiJtMSJ9").unwrap(), json!({ "sub": "m1" }));
        assert!(decoded("!").is_err());
    }

    #[test]
    fn an_answer_without_what_is_needed_is_shown_in_the_error() {
        let error = text(&json!({ "msg": "no" }), "/data/token").unwrap_err().to_string();
        assert_eq!(error, r#"no /data/token in {"msg":"no"}"#);
    }
}
