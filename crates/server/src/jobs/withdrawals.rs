//! Has those obeyed who took something back, as long as the server runs.

use std::time::Duration;

use domain::use_cases::provider::process_withdrawals::ProcessWithdrawals;
use tokio::time::sleep;

/// How long after WeChat has told it, at most.
const EVERY: Duration = Duration::from_secs(1);

/// How long nothing is tried after a failure.
const PAUSE: Duration = Duration::from_secs(10);

/// Never ends; a failure is logged and tried again.
pub async fn run(withdrawals: ProcessWithdrawals) {
    loop {
        match withdrawals.run().await.map_err(anyhow::Error::from) {
            Ok(_) => sleep(EVERY).await,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a withdrawal is not obeyed yet");
                sleep(PAUSE).await;
            }
        }
    }
}
