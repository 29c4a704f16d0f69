//! `menshen ban` and `menshen unban`.

use anyhow::Context;
use domain::model::member::{MemberId, StatusReason};
use domain::use_cases::member::ban::StatusChange;

use crate::config::Config;
use crate::wiring;
use crate::wiring::shared_state::SharedState;

/// Bans a member, which ends their sessions.
///
/// # Errors
/// When there is no such member, the reason is malformed, or the store failed.
pub async fn ban(config: &Config, member: MemberId, reason: Option<&str>) -> anyhow::Result<()> {
    set_status(config, &StatusChange::ban(member, parse_reason(reason)?)).await
}

/// Lifts a member's ban.
///
/// # Errors
/// When there is no such member, the reason is malformed, or the store failed.
pub async fn unban(config: &Config, member: MemberId, reason: Option<&str>) -> anyhow::Result<()> {
    set_status(config, &StatusChange::unban(member, parse_reason(reason)?)).await
}

async fn set_status(config: &Config, change: &StatusChange) -> anyhow::Result<()> {
    let shared = SharedState::open(config).await;
    let store = wiring::store(config, Some(shared.change_notifier())).await?;
    wiring::admin::ban(&store).set_status(change).await?;
    Ok(store.close().await?)
}

fn parse_reason(reason: Option<&str>) -> anyhow::Result<Option<StatusReason>> {
    reason.map(StatusReason::parse).transpose().context("--reason")
}
