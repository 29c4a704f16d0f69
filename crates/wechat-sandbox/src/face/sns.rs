//! `/sns/jscode2session`: a login code becomes openid and session key.

use serde::Serialize;

use crate::errcode::Errcode;
use crate::face::answer::json;
use crate::face::call::Call;
use crate::ids;
use crate::state::State;

/// WeChat: logins of one user within a minute.
const LOGINS_A_MINUTE: u64 = 100;

/// In the order of real captures. There is no `errcode` on success, and `unionid` is absent when
/// the app is bound to no Open Platform account.
#[derive(Serialize)]
struct SessionOf<'a> {
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
    let app_id = state.credentials(app_id, secret, Errcode::INVALID_APPSECRET)?;
    let code = state.login_codes.find(js_code, now).ok_or(Errcode::INVALID_CODE)?;
    if code.about.app_id != app_id {
        return Err(Errcode::INVALID_CODE);
    }
    if code.spent {
        return Err(Errcode::CODE_BEEN_USED);
    }
    let user = &code.about.user;
    if state.users.get(user).is_some_and(|user| user.blocked) {
        return Err(Errcode::CODE_BLOCKED);
    }
    let app = state.apps.get_mut(&app_id).ok_or(Errcode::INVALID_APPID)?;
    let unionid = app.config.open_platform.as_deref().map(|group| ids::unionid(group, user));
    let visit = app.visit(user).ok_or(Errcode::INVALID_CODE)?;
    if visit.logins.count(now) > LOGINS_A_MINUTE && state.config.limits {
        return Err(Errcode::MINUTE_QUOTA);
    }
    code.spent = true;
    visit.seen = now;
    let session_key = visit.session.text();
    let body = json(&SessionOf { session_key: &session_key, openid: &visit.openid, unionid });
    // Captures show slashes escaped here, which JSON allows and a careless reader trips over.
    Ok(body.replace('/', "\\/"))
}
