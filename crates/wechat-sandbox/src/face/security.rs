//! `/wxa/msg_sec_check`: is a text fit to be shown?

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::errcode::Errcode;
use crate::face::answer::{OK, Verdict, json};
use crate::face::call::{Call, given};
use crate::ids;
use crate::state::State;

/// The text that WeChat's own documentation once offered for trying this out.
const RISKY: &str = "特3456书yuuo莞6543李zxcz蒜7782法fgnv级";
/// An invitation to a chat outside the app, which people at WeChat would want to look at.
const DOUBTFUL: &str = "加微信";
/// WeChat: characters of `content`.
const MAX_CHARS: usize = 2500;
/// WeChat: the user must have opened the mini program this recently.
const ACTIVE_WITHIN: Duration = Duration::from_hours(2);

#[derive(Deserialize)]
struct Ask {
    content: Option<String>,
    version: Option<i64>,
    scene: Option<i64>,
    openid: Option<String>,
    title: Option<String>,
    nickname: Option<String>,
    signature: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    verdict: Verdict<'static>,
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
    let ask: Ask = call.json()?;
    let content = given(ask.content.as_deref()).ok_or(Errcode::EMPTY_BODY)?;
    if content.chars().count() > MAX_CHARS {
        return Err(Errcode::CONTENT_TOO_LONG);
    }
    let finding = judge(&ask);
    if ask.version != Some(2) {
        // The first version knew only the content, and said "risky" by an error.
        return if finding.suggest == "risky" {
            Err(Errcode::RISKY_CONTENT)
        } else {
            Ok(json(&OK))
        };
    }
    check_author(state, app_id, &ask)?;
    Ok(json(&Checked {
        verdict: OK,
        detail: [Detail { strategy: "content_model", errcode: 0, finding, prob: 90 }],
        trace_id: ids::rid(state.now()),
        result: finding,
    }))
}

/// WeChat wants a scene it knows and an author who was in this app a moment ago.
fn check_author(state: &mut State, app_id: &Arc<str>, ask: &Ask) -> Result<(), Errcode> {
    if !ask.scene.is_some_and(|scene| (1..=4).contains(&scene)) {
        return Err(Errcode::INVALID_SCENE);
    }
    let now = state.now();
    let openid = given(ask.openid.as_deref()).ok_or(Errcode::INVALID_OPENID)?;
    let elsewhere = state.apps.values_mut().any(|app| app.visit_by_openid(openid).is_some());
    let app = state.apps.get_mut(app_id).ok_or(Errcode::INVALID_APPID)?;
    let visit = match app.visit_by_openid(openid) {
        Some(visit) => visit,
        None if elsewhere => return Err(Errcode::OPENID_OF_OTHER_APP),
        None => return Err(Errcode::INVALID_OPENID),
    };
    if now.saturating_sub(visit.seen) > ACTIVE_WITHIN {
        return Err(Errcode::USER_NOT_ACTIVE);
    }
    Ok(())
}

/// Deterministic: what contains the marker is risky, what invites away is doubtful, the rest passes.
fn judge(ask: &Ask) -> Finding {
    let texts = [&ask.content, &ask.title, &ask.nickname, &ask.signature];
    let any = |marker: &str| texts.iter().any(|t| t.as_deref().is_some_and(|t| t.contains(marker)));
    if any(RISKY) {
        Finding { suggest: "risky", label: 21_000 }
    } else if any(DOUBTFUL) {
        Finding { suggest: "review", label: 10_001 }
    } else {
        Finding { suggest: "pass", label: 100 }
    }
}
