//! `menshen sessions`, and the check of the epoch before the start.
#![expect(clippy::print_stdout, reason = "the command prints its progress")]

use std::sync::Arc;

use adapters::store::SeaStore;
use domain::use_cases::session::end_all::EpochError;

use crate::config::Config;
use crate::wiring;
use crate::wiring::shared_state::SharedState;

/// Ends every session of every member, and prints the progress.
///
/// # Errors
/// When `tokens.session_epoch` is lower than the epoch in the database, or the store failed; the next run
/// continues.
pub async fn end_all(config: &Config) -> anyhow::Result<()> {
    let shared = SharedState::open(config).await;
    let store = wiring::store(config, Some(shared.change_notifier())).await?;
    let print = |ended| println!("ended {ended} sessions so far");
    let ended = wiring::end_all_sessions(config, &store).run(&print).await;
    let ended = ended.map_err(with_remedy)?;
    println!("Ended {ended} sessions. The sessions are now of epoch {}.", config.session_epoch);
    Ok(store.close().await?)
}

/// Checks that the sessions in the database are of `tokens.session_epoch`.
///
/// # Errors
/// When they are not, or the store failed; the message contains the remedy.
pub(crate) async fn check_epoch(config: &Config, store: &Arc<SeaStore>) -> anyhow::Result<()> {
    wiring::end_all_sessions(config, store).check_epoch().await.map_err(with_remedy)
}

fn with_remedy(error: EpochError) -> anyhow::Error {
    let remedy = match error {
        EpochError::Outdated { .. } => {
            "tokens.session_epoch was raised or a backup was restored: run `menshen sessions end --all`"
        }
        EpochError::NotRaised { .. } => {
            "tokens.session_epoch must be the same on every instance, and is never lowered"
        }
        EpochError::Store(_) => "run `menshen sessions end --all` again to continue",
    };
    anyhow::Error::new(error).context(remedy)
}
