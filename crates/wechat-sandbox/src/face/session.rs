//! `/wxa/checksession` and `/wxa/resetusersessionkey`: is the session key a server holds current?

use std::sync::Arc;

use serde::Serialize;

use crate::crypto;
use crate::errcode::Errcode;
use crate::face::answer::{OK, Verdict, json};
use crate::face::call::Call;
use crate::state::State;
use crate::visit::Visit;

pub(super) fn check(state: &mut State, app_id: &Arc<str>, call: &Call) -> Result<String, Errcode> {
    signed_visit(state, app_id, call)?;
    Ok(json(&OK))
}

#[derive(Serialize)]
struct Renewed<'a> {
    #[serde(flatten)]
    verdict: Verdict<'static>,
    openid: &'a str,
    session_key: String,
}

pub(super) fn reset(state: &mut State, app_id: &Arc<str>, call: &Call) -> Result<String, Errcode> {
    let now = state.now();
    let visit = signed_visit(state, app_id, call)?;
    visit.session.reset(now);
    Ok(json(&Renewed { verdict: OK, openid: &visit.openid, session_key: visit.session.text() }))
}

/// The user whose current session key signed the call. WeChat: the empty string is signed.
fn signed_visit<'a>(
    state: &'a mut State,
    app_id: &Arc<str>,
    call: &Call,
) -> Result<&'a mut Visit, Errcode> {
    let now = state.now();
    let openid = call.get_param("openid").ok_or(Errcode::OPENID_MISSING)?;
    if call.get_param("sig_method") != Some("hmac_sha256") {
        return Err(Errcode::INVALID_SIG_METHOD);
    }
    let app = state.apps.get_mut(app_id).ok_or(Errcode::INVALID_APPID)?;
    let visit = app.visit_by_openid(openid).ok_or(Errcode::INVALID_OPENID)?;
    if visit.session.is_expired(now) {
        return Err(Errcode::SESSION_KEY_EXPIRED);
    }
    let expected = crypto::session_signature(&visit.session.text(), "");
    if call.get_param("signature") != Some(expected.as_str()) {
        return Err(Errcode::INVALID_SIGNATURE);
    }
    Ok(visit)
}
