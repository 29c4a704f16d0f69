//! `menshen rekey`.
#![expect(clippy::print_stdout, reason = "the command prints its progress")]

use adapters::store::encryption::rekey::RekeyProgress;
use adapters::system::SystemClock;
use anyhow::Context;
use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::ports::store::Store;

use crate::config::Config;
use crate::wiring;

/// Re-encrypts everything in the database with the current sealing key, and prints the progress.
///
/// # Errors
/// When the store failed; the command continues where it stopped.
pub async fn rekey(config: &Config) -> anyhow::Result<()> {
    let store = wiring::store(config, None).await?;
    let print = |progress: RekeyProgress| {
        let RekeyProgress { new_data_keys, keys, session_keys, tombstone_keys, phones } = progress;
        println!(
            "created {new_data_keys} data keys, re-encrypted {keys} keys, {session_keys} session keys and \
             {phones} phone numbers"
        );
        if tombstone_keys > 0 {
            println!("kept {tombstone_keys} keys for the bans of members that were deleted");
        }
    };
    print(store.rekey(&print).await.context("run `menshen rekey` again to continue")?);
    let work = store.begin().await?;
    work.audit()
        .record(&wiring::event_factory().audit_event(AuditKind::Rekeyed, SystemClock.now()))
        .await?;
    work.commit().await?;
    println!(
        "All stored secrets are encrypted with sealing.key. Remove its former keys after five"
    );
    println!("minutes: stored login responses that need them have expired by then.");
    Ok(store.close().await?)
}
