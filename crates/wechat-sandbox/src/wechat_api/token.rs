//! `/cgi-bin/token` and `/cgi-bin/stable_token`: issue access tokens for an app's credentials.

use std::time::Duration;

use salvo::http::Method;
use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::state::State;
use crate::wechat_api::answer::json;
use crate::wechat_api::call::{Call, non_empty};
use crate::wechat_api::endpoint;

/// Access token. WeChat sends no `errcode` on success.
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    expires_in: u64,
}

pub(super) fn token(state: &mut State, call: &Call) -> Result<String, Errcode> {
    let now = state.now();
    let app_id = call.get_param("appid").ok_or(Errcode::APPID_MISSING)?;
    let secret = call.get_param("secret").ok_or(Errcode::APPSECRET_MISSING)?;
    check_grant_type(call.get_param("grant_type"))?;
    // WeChat returns 40001 for a wrong secret; at other endpoints it means an invalid token.
    let app_id = state.check_credentials(app_id, secret, Errcode::INVALID_CREDENTIAL)?;
    endpoint::count_call(state, &app_id, &call.path)?;
    Ok(write(state.tokens.plain(&app_id, now)))
}

#[derive(Deserialize)]
struct StableTokenRequest {
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
    let request: StableTokenRequest = call.json()?;
    let app_id = non_empty(request.appid.as_deref()).ok_or(Errcode::APPID_MISSING)?;
    let secret = non_empty(request.secret.as_deref()).ok_or(Errcode::APPSECRET_MISSING)?;
    check_grant_type(request.grant_type.as_deref())?;
    let app_id = state.check_credentials(app_id, secret, Errcode::INVALID_CREDENTIAL)?;
    endpoint::count_call(state, &app_id, &call.path)?;
    Ok(write(state.tokens.stable(&app_id, request.force_refresh, now)))
}

fn check_grant_type(grant_type: Option<&str>) -> Result<(), Errcode> {
    match grant_type {
        Some("client_credential") => Ok(()),
        Some(_) | None => Err(Errcode::INVALID_GRANT_TYPE),
    }
}

fn write((access_token, remaining): (String, Duration)) -> String {
    json(&TokenResponse { access_token, expires_in: remaining.as_secs() })
}
