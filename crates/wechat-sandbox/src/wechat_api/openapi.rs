//! Quotas and addresses: `clear_quota`, `openapi/quota/get`, `get_api_domain_ip`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::state::State;
use crate::wechat_api::answer::{ErrorBody, OK, json};
use crate::wechat_api::call::{Call, non_empty};
use crate::wechat_api::endpoint;

#[derive(Deserialize)]
struct ClearQuotaRequest {
    appid: Option<String>,
}

pub(super) fn clear_quota(
    state: &mut State,
    app_id: &Arc<str>,
    call: &Call,
) -> Result<String, Errcode> {
    let now = state.now();
    let request: ClearQuotaRequest = call.json()?;
    let requested = non_empty(request.appid.as_deref()).ok_or(Errcode::APPID_MISSING)?;
    let app = state.apps.get_mut(app_id).filter(|app| app.config.app_id == requested);
    app.ok_or(Errcode::INVALID_APPID)?.clear_quota(now)?;
    Ok(json(&OK))
}

#[derive(Deserialize)]
struct QuotaRequest {
    cgi_path: Option<String>,
}

#[derive(Serialize)]
struct QuotaStatus {
    #[serde(flatten)]
    status: ErrorBody<'static>,
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
    let request: QuotaRequest = call.json()?;
    let path = non_empty(request.cgi_path.as_deref()).ok_or(Errcode::UNKNOWN_PATH)?;
    if path.starts_with("/sns/") {
        return Err(Errcode::PATH_WITHOUT_QUOTA);
    }
    let endpoint = endpoint::find(path).ok_or(Errcode::UNKNOWN_PATH)?;
    let app = state.apps.get(app_id).ok_or(Errcode::INVALID_APPID)?;
    let daily_limit = endpoint.allowance.daily;
    let used = app.calls_today(path, now);
    let rate_limit = endpoint
        .allowance
        .per_minute
        .map(|(call_count, _)| RateLimit { call_count, refresh_second: 60 });
    let quota = Quota { daily_limit, used, remain: daily_limit.saturating_sub(used) };
    Ok(json(&QuotaStatus { status: OK, quota, rate_limit }))
}

#[derive(Serialize)]
struct DomainIpResponse {
    ip_list: [&'static str; 1],
}

/// Lists the loopback address. WeChat sends no `errcode` here on success.
#[expect(clippy::unnecessary_wraps, reason = "the signature is the same for all endpoints")]
pub(super) fn get_api_domain_ip(
    _state: &mut State,
    _app_id: &Arc<str>,
    _call: &Call,
) -> Result<String, Errcode> {
    Ok(json(&DomainIpResponse { ip_list: ["127.0.0.1"] }))
}
