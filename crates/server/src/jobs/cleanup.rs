//! Has what outlived its purpose forgotten, as long as the server runs.

use std::time::Duration;

use domain::use_cases::cleanup::Cleanup;
use tokio::time::{MissedTickBehavior, interval};

/// How often. What expired does no harm meanwhile: nobody is given it any more.
const EVERY: Duration = Duration::from_mins(1);

/// Never ends; a failure is logged and tried again.
pub async fn run(housekeeping: Cleanup) {
    let mut round = interval(EVERY);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        round.tick().await;
        if let Err(error) = housekeeping.run().await.map_err(anyhow::Error::from) {
            tracing::warn!(error = format!("{error:#}"), "what has expired is not forgotten yet");
        }
    }
}
