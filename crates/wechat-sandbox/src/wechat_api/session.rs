//! `/wxa/checksession` and `/wxa/resetusersessionkey`: check and reset a session key.

use std::sync::Arc;

use serde::Serialize;

use crate::crypto;
use crate::errcode::Errcode;
use crate::state::State;
use crate::state::app_user::AppUser;
use crate::wechat_api::answer::{ErrorBody, OK, json};
use crate::wechat_api::call::Call;

pub(super) fn check(state: &mut State, app_id: &Arc<str>, call: &Call) -> Result<String, Errcode> {
    verify_signature(state, app_id, call)?;
    Ok(json(&OK))
}

#[derive(Serialize)]
struct ResetResponse<'a> {
    #[serde(flatten)]
    status: ErrorBody<'static>,
    openid: &'a str,
    session_key: String,
}

pub(super) fn reset(state: &mut State, app_id: &Arc<str>, call: &Call) -> Result<String, Errcode> {
    let now = state.now();
    let user = verify_signature(state, app_id, call)?;
    user.session.reset(now);
    Ok(json(&ResetResponse { status: OK, openid: &user.openid, session_key: user.session.text() }))
}

/// Verifies that the user's current session key signed the call. WeChat signs the empty string.
fn verify_signature<'a>(
    state: &'a mut State,
    app_id: &Arc<str>,
    call: &Call,
) -> Result<&'a mut AppUser, Errcode> {
    let now = state.now();
    let openid = call.get_param("openid").ok_or(Errcode::OPENID_MISSING)?;
    if call.get_param("sig_method") != Some("hmac_sha256") {
        return Err(Errcode::INVALID_SIG_METHOD);
    }
    let app = state.apps.get_mut(app_id).ok_or(Errcode::INVALID_APPID)?;
    let user = app.user_by_openid(openid).ok_or(Errcode::INVALID_OPENID)?;
    if user.session.is_expired(now) {
        return Err(Errcode::SESSION_KEY_EXPIRED);
    }
    let expected = crypto::session_signature(&user.session.text(), "");
    if call.get_param("signature") != Some(expected.as_str()) {
        return Err(Errcode::INVALID_SIGNATURE);
    }
    Ok(user)
}
