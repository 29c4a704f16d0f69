//! `/cgi-bin/token` and `/cgi-bin/stable_token`: an app's credentials become an access token.

use std::time::Duration;

use salvo::http::Method;
use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::face::answer::json;
use crate::face::call::{Call, given};
use crate::face::endpoint;
use crate::state::State;

/// There is no `errcode` on success.
#[derive(Serialize)]
struct TokenOf {
    access_token: String,
    expires_in: u64,
}

pub(super) fn token(state: &mut State, call: &Call) -> Result<String, Errcode> {
    let now = state.now();
    let app_id = call.get_param("appid").ok_or(Errcode::APPID_MISSING)?;
    let secret = call.get_param("secret").ok_or(Errcode::APPSECRET_MISSING)?;
    check_grant_type(call.get_param("grant_type"))?;
    // WeChat: at the token endpoints a wrong secret is 40001, the code of a bad token elsewhere.
    let app_id = state.credentials(app_id, secret, Errcode::INVALID_CREDENTIAL)?;
    endpoint::spend(state, &app_id, &call.path)?;
    Ok(write(state.tokens.plain(&app_id, now)))
}

#[derive(Deserialize)]
struct Stable {
    grant_type: Option<String>,
    appid: Option<String>,
    secret: Option<String>,
    #[serde(default)]
    force_refresh: bool,
}

pub(super) fn stable_token(state: &mut State, call: &Call) -> Result<String, Errcode> {
    let now = state.now();
    if call.method != Method::POST {
        return Err(Errcode::POST_REQUIRED);
    }
    let body: Stable = call.json()?;
    let app_id = given(body.appid.as_deref()).ok_or(Errcode::APPID_MISSING)?;
    let secret = given(body.secret.as_deref()).ok_or(Errcode::APPSECRET_MISSING)?;
    check_grant_type(body.grant_type.as_deref())?;
    let app_id = state.credentials(app_id, secret, Errcode::INVALID_CREDENTIAL)?;
    endpoint::spend(state, &app_id, &call.path)?;
    Ok(write(state.tokens.stable(&app_id, body.force_refresh, now)))
}

fn check_grant_type(grant_type: Option<&str>) -> Result<(), Errcode> {
    match grant_type {
        Some("client_credential") => Ok(()),
        Some(_) | None => Err(Errcode::INVALID_GRANT_TYPE),
    }
}

fn write((access_token, left): (String, Duration)) -> String {
    json(&TokenOf { access_token, expires_in: left.as_secs() })
}
