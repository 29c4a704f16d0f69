//! An access token of the running server, and manipulated copies of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use ureq::Agent;

use super::Case;
use crate::dev::Environment;

/// A logged-in member: the access token, the member id, and the URL of the verification keys.
pub(super) struct Login {
    token: String,
    pub(super) member: String,
    keys_url: String,
}

impl Login {
    pub(super) fn new(environment: &Environment) -> Result<Self> {
        let Environment { server_url, sandbox_url, .. } = environment;
        let code = format!("{sandbox_url}/_sandbox/codes/login");
        let code = text(&post(&code, &json!({ "user": "alice" }))?, "/code")?;
        let login = post(&format!("{server_url}/login"), &json!({ "code": code }))?;
        Ok(Self {
            token: text(&login, "/data/token")?,
            member: text(&login, "/data/memberId")?,
            keys_url: format!("{server_url}/.well-known/jwks.json"),
        })
    }

    /// Returns the cases. The valid token is the first one: if it is accepted, a missing package or
    /// key is not the reason why the others are rejected.
    pub(super) fn cases(&self) -> Result<[Case; 6]> {
        let case = |name, token: &str, setting: Option<(&'static str, &str)>, is_valid: bool| {
            let keys = ("MENSHEN_JWKS", self.keys_url.clone());
            let setting = setting.map(|(name, value)| (name, value.to_owned()));
            Case {
                name,
                arguments: vec![token.to_owned()],
                input: String::new(),
                settings: std::iter::once(keys).chain(setting).collect(),
                expected: is_valid.then(|| self.member.clone()),
            }
        };
        let token = self.token.as_str();
        let forged = replace_in_part(token, 1, &self.member, &other_member(&self.member))?;
        let unsigned = replace_in_part(token, 0, "ES256", "none")?;
        let unsigned = unsigned.rsplit_once('.').map(|(start, _)| format!("{start}."));
        let unsigned = unsigned.context("the token has no signature")?;
        Ok([
            case("valid token", token, None, true),
            case("member id changed", &forged, None, false),
            case("no signature", &unsigned, None, false),
            case("for another audience", token, Some(("MENSHEN_AUDIENCE", "others")), false),
            case("of another issuer", token, Some(("MENSHEN_ISSUER", "others")), false),
            case("garbage", "garbage", None, false),
        ])
    }
}

/// Replaces a text in one part of `token`; the signature stays unchanged.
fn replace_in_part(token: &str, part: usize, from: &str, to: &str) -> Result<String> {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let part = parts.get_mut(part).context("the token has too few parts")?;
    let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&*part)?)?;
    ensure!(json.contains(from), "the token does not contain {from}: {json}");
    *part = URL_SAFE_NO_PAD.encode(json.replace(from, to));
    Ok(parts.join("."))
}

/// Returns a member id that differs in the last character.
fn other_member(member: &str) -> String {
    let (start, last) = member.split_at(member.len().saturating_sub(1));
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

fn post(url: &str, body: &Value) -> Result<Value> {
    let config = Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10)));
    let agent: Agent = config.build().into();
    let mut response = agent.post(url).send_json(body).with_context(|| url.to_owned())?;
    Ok(response.body_mut().read_json()?)
}

fn text(response: &Value, pointer: &str) -> Result<String> {
    let found = response.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("the response has no {pointer}"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacement_changes_only_one_part_of_the_token() {
        let token = format!("{}.{}.s", URL_SAFE_NO_PAD.encode("m1"), URL_SAFE_NO_PAD.encode("m1"));
        let edited = replace_in_part(&token, 1, "m1", &other_member("m1")).unwrap();
        let expected =
            format!("{}.{}.s", URL_SAFE_NO_PAD.encode("m1"), URL_SAFE_NO_PAD.encode("m0"));
        assert_eq!(edited, expected);
        assert!(replace_in_part(&token, 1, "m2", "m3").is_err());
    }
}
