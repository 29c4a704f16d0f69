//! `/wxa/msg_sec_check`: checks a text for prohibited content.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::ids;
use crate::state::State;
use crate::wechat_api::answer::{ErrorBody, OK, json};
use crate::wechat_api::call::{Call, non_empty};

/// Text that WeChat's documentation once published for tests.
const RISKY_MARKER: &str = "特3456书yuuo莞6543李zxcz蒜7782法fgnv级";
/// Invitation to a chat outside the app, which WeChat would submit to manual review.
const REVIEW_MARKER: &str = "加微信";
/// Maximum length of `content` in WeChat's documentation, in characters.
const MAX_CONTENT_CHARS: usize = 2500;
/// Time since the author's last activity in the mini program that WeChat allows.
const ACTIVITY_WINDOW: Duration = Duration::from_hours(2);

#[derive(Deserialize)]
struct CheckRequest {
    content: Option<String>,
    version: Option<i64>,
    scene: Option<i64>,
    openid: Option<String>,
    title: Option<String>,
    nickname: Option<String>,
    signature: Option<String>,
}

#[derive(Serialize)]
struct CheckResponse {
    #[serde(flatten)]
    status: ErrorBody<'static>,
    detail: [Detail; 1],
    trace_id: String,
    result: Finding,
}

#[derive(Serialize)]
struct Detail {
    strategy: &'static str,
    errcode: i64,
    #[serde(flatten)]
    finding: Finding,
    prob: u32,
}

#[derive(Clone, Copy, Serialize)]
struct Finding {
    suggest: &'static str,
    label: u32,
}

pub(super) fn msg_sec_check(
    state: &mut State,
    app_id: &Arc<str>,
    call: &Call,
) -> Result<String, Errcode> {
    let request: CheckRequest = call.json()?;
    let content = non_empty(request.content.as_deref()).ok_or(Errcode::EMPTY_BODY)?;
    if content.chars().count() > MAX_CONTENT_CHARS {
        return Err(Errcode::CONTENT_TOO_LONG);
    }
    let finding = classify(&request);
    if request.version != Some(2) {
        // Version 1 has only the content, and reports risky content as an error.
        return match finding.suggest {
            "risky" => Err(Errcode::RISKY_CONTENT),
            _ => Ok(json(&OK)),
        };
    }
    check_author(state, app_id, &request)?;
    Ok(json(&CheckResponse {
        status: OK,
        detail: [Detail { strategy: "content_model", errcode: 0, finding, prob: 90 }],
        trace_id: ids::request_id(state.now()),
        result: finding,
    }))
}

/// Requires a known scene and an author with recent activity in this app.
fn check_author(
    state: &mut State,
    app_id: &Arc<str>,
    request: &CheckRequest,
) -> Result<(), Errcode> {
    if !request.scene.is_some_and(|scene| (1..=4).contains(&scene)) {
        return Err(Errcode::INVALID_SCENE);
    }
    let now = state.now();
    let openid = non_empty(request.openid.as_deref()).ok_or(Errcode::INVALID_OPENID)?;
    let is_known = state.apps.values_mut().any(|app| app.user_by_openid(openid).is_some());
    let app = state.apps.get_mut(app_id).ok_or(Errcode::INVALID_APPID)?;
    let user = match app.user_by_openid(openid) {
        Some(user) => user,
        None if is_known => return Err(Errcode::OPENID_OF_OTHER_APP),
        None => return Err(Errcode::INVALID_OPENID),
    };
    if now.saturating_sub(user.last_active) > ACTIVITY_WINDOW {
        return Err(Errcode::USER_NOT_ACTIVE);
    }
    Ok(())
}

/// Classifies by markers: risky, for review, or pass. The result is deterministic.
fn classify(request: &CheckRequest) -> Finding {
    let texts = [&request.content, &request.title, &request.nickname, &request.signature];
    let contains = |marker: &str| {
        texts.iter().any(|text| text.as_deref().is_some_and(|text| text.contains(marker)))
    };
    if contains(RISKY_MARKER) {
        Finding { suggest: "risky", label: 21_000 }
    } else if contains(REVIEW_MARKER) {
        Finding { suggest: "review", label: 10_001 }
    } else {
        Finding { suggest: "pass", label: 100 }
    }
}
