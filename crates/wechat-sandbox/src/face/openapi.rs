//! Quotas and addresses: `clear_quota`, `openapi/quota/get`, `get_api_domain_ip`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::face::answer::{OK, Verdict, json};
use crate::face::call::{Call, given};
use crate::face::endpoint;
use crate::state::State;

#[derive(Deserialize)]
struct Clear {
    appid: Option<String>,
}

pub(super) fn clear_quota(
    state: &mut State,
    app_id: &Arc<str>,
    call: &Call,
) -> Result<String, Errcode> {
    let now = state.now();
    let clear: Clear = call.json()?;
    let named = given(clear.appid.as_deref()).ok_or(Errcode::APPID_MISSING)?;
    let app = state.apps.get_mut(app_id).filter(|app| app.config.app_id == named);
    app.ok_or(Errcode::INVALID_APPID)?.clear_quota(now)?;
    Ok(json(&OK))
}

#[derive(Deserialize)]
struct Ask {
    cgi_path: Option<String>,
}

#[derive(Serialize)]
struct Standing {
    #[serde(flatten)]
    verdict: Verdict<'static>,
    quota: Quota,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<RateLimit>,
}

#[derive(Serialize)]
struct Quota {
    daily_limit: u64,
    used: u64,
    remain: u64,
}

#[derive(Serialize)]
struct RateLimit {
    call_count: u64,
    refresh_second: u64,
}

pub(super) fn quota_get(
    state: &mut State,
    app_id: &Arc<str>,
    call: &Call,
) -> Result<String, Errcode> {
    let now = state.now();
    let ask: Ask = call.json()?;
    let path = given(ask.cgi_path.as_deref()).ok_or(Errcode::UNKNOWN_PATH)?;
    if path.starts_with("/sns/") {
        return Err(Errcode::PATH_WITHOUT_QUOTA);
    }
    let endpoint = endpoint::find(path).ok_or(Errcode::UNKNOWN_PATH)?;
    let app = state.apps.get(app_id).ok_or(Errcode::INVALID_APPID)?;
    let (daily_limit, used) = (endpoint.allowance.daily, app.used(path, now));
    let rate_limit = endpoint
        .allowance
        .per_minute
        .map(|(call_count, _)| RateLimit { call_count, refresh_second: 60 });
    let quota = Quota { daily_limit, used, remain: daily_limit.saturating_sub(used) };
    Ok(json(&Standing { verdict: OK, quota, rate_limit }))
}

#[derive(Serialize)]
struct Addresses {
    ip_list: [&'static str; 1],
}

/// There is no `errcode` on success. The addresses of this WeChat are the loopback's.
#[expect(clippy::unnecessary_wraps, reason = "an endpoint like any other")]
pub(super) fn get_api_domain_ip(
    _state: &mut State,
    _app_id: &Arc<str>,
    _call: &Call,
) -> Result<String, Errcode> {
    Ok(json(&Addresses { ip_list: ["127.0.0.1"] }))
}
