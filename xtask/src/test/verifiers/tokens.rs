//! A token of the running server, and what is made of it to be refused.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use ureq::Agent;

use super::Case;
use crate::dev::Environment;

/// A member who logged in, and where the keys are that her token is checked with.
pub(super) struct Login {
    token: String,
    pub(super) member: String,
    keys: String,
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
            keys: format!("{server_url}/.well-known/jwks.json"),
        })
    }

    /// The good token first: that it is accepted shows that the others are not refused for want
    /// of a package or a key.
    pub(super) fn cases(&self) -> Result<[Case; 6]> {
        let case = |what, token: &str, setting: Option<(&'static str, &str)>, good: bool| {
            let keys = ("MENSHEN_JWKS", self.keys.clone());
            let setting = setting.map(|(name, value)| (name, value.to_owned()));
            Case {
                what,
                arguments: vec![token.to_owned()],
                input: String::new(),
                settings: std::iter::once(keys).chain(setting).collect(),
                printed: good.then(|| self.member.clone()),
            }
        };
        let token = self.token.as_str();
        let forged = edited(token, 1, &self.member, &other_member(&self.member))?;
        let unsigned = edited(token, 0, "ES256", "none")?;
        let unsigned = unsigned.rsplit_once('.').map(|(start, _)| format!("{start}."));
        let unsigned = unsigned.context("the token has no signature")?;
        Ok([
            case("a good token", token, None, true),
            case("one letter of the member changed", &forged, None, false),
            case("no signature", &unsigned, None, false),
            case("for another audience", token, Some(("MENSHEN_AUDIENCE", "others")), false),
            case("of another issuer", token, Some(("MENSHEN_ISSUER", "others")), false),
            case("garbage", "garbage", None, false),
        ])
    }
}

/// `token` with a text in one of its parts replaced, and the signature as it was.
fn edited(token: &str, part: usize, from: &str, to: &str) -> Result<String> {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let part = parts.get_mut(part).context("the token has too few parts")?;
    let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&*part)?)?;
    ensure!(json.contains(from), "the token says nothing of {from}: {json}");
    *part = URL_SAFE_NO_PAD.encode(json.replace(from, to));
    Ok(parts.join("."))
}

/// A member id that differs in the last letter.
fn other_member(member: &str) -> String {
    let (start, last) = member.split_at(member.len().saturating_sub(1));
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

fn post(url: &str, body: &Value) -> Result<Value> {
    let config = Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10)));
    let agent: Agent = config.build().into();
    let mut answer = agent.post(url).send_json(body).with_context(|| url.to_owned())?;
    Ok(answer.body_mut().read_json()?)
}

fn text(answer: &Value, pointer: &str) -> Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("an answer has no {pointer}"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_edited_where_it_says_so_and_nowhere_else() {
        let token = format!("{}.{}.s", URL_SAFE_NO_PAD.encode("m1"), URL_SAFE_NO_PAD.encode("m1"));
        let edited_token = edited(&token, 1, "m1", &other_member("m1")).unwrap();
        let expected =
            format!("{}.{}.s", URL_SAFE_NO_PAD.encode("m1"), URL_SAFE_NO_PAD.encode("m0"));
        assert_eq!(edited_token, expected);
        assert!(edited(&token, 1, "m2", "m3").is_err());
    }
}
