//! `/sns/jscode2session`: exchanges a login code for openid and session key.

use serde::Serialize;

use crate::errcode::Errcode;
use crate::ids;
use crate::state::State;
use crate::wechat_api::answer::json;
use crate::wechat_api::call::Call;

/// Logins of one user per minute that WeChat allows.
const MAX_LOGINS_PER_MINUTE: u64 = 100;

/// Session of a user. The order of the fields is that of real captures. WeChat sends no `errcode`
/// on success, and no `unionid` if the app is bound to no Open Platform account.
#[derive(Serialize)]
struct SessionResponse<'a> {
    session_key: &'a str,
    openid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<String>,
}

pub(super) fn jscode2session(state: &mut State, call: &Call) -> Result<String, Errcode> {
    let now = state.now();
    let app_id = call.get_param("appid").ok_or(Errcode::APPID_MISSING)?;
    let secret = call.get_param("secret").ok_or(Errcode::APPSECRET_MISSING)?;
    let js_code = call.get_param("js_code").ok_or(Errcode::CODE_MISSING)?;
    if call.get_param("grant_type") != Some("authorization_code") {
        return Err(Errcode::INVALID_GRANT_TYPE);
    }
    let app_id = state.check_credentials(app_id, secret, Errcode::INVALID_APPSECRET)?;
    let code = state.login_codes.find(js_code, now).ok_or(Errcode::INVALID_CODE)?;
    if code.data.app_id != app_id {
        return Err(Errcode::INVALID_CODE);
    }
    if code.is_redeemed {
        return Err(Errcode::CODE_BEEN_USED);
    }
    let name = &code.data.user;
    if state.users.get(name).is_some_and(|user| user.blocked) {
        return Err(Errcode::CODE_BLOCKED);
    }
    let app = state.apps.get_mut(&app_id).ok_or(Errcode::INVALID_APPID)?;
    let unionid = app.config.open_platform.as_deref().map(|group| ids::unionid(group, name));
    let user = app.user(name).ok_or(Errcode::INVALID_CODE)?;
    if user.logins.count(now) > MAX_LOGINS_PER_MINUTE && state.config.limits {
        return Err(Errcode::MINUTE_QUOTA);
    }
    code.is_redeemed = true;
    user.last_active = now;
    let session_key = user.session.text();
    let body = json(&SessionResponse { session_key: &session_key, openid: &user.openid, unionid });
    // Real captures have escaped slashes here. JSON allows them, but a careless parser fails.
    Ok(body.replace('/', "\\/"))
}
