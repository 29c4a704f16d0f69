//! Background job that writes counted refusals to the audit log.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::store::error::StoreError;
use domain::use_cases::event::record_refusals::RecordRefusals;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Interval between two runs. Refusals are counted by minute.
const INTERVAL: Duration = Duration::from_mins(1);

/// Writes the refusals of each minute until `stop` is cancelled, and then the remaining ones. It never drops a
/// run in progress, which would lose the counts that it has taken.
pub async fn record_refusals(record: Arc<RecordRefusals>, stop: CancellationToken) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        log_failure(record.run().await);
    }
    log_failure(record.flush().await);
}

fn log_failure(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        let error: &(dyn Error + 'static) = &error;
        tracing::error!(error, "recording of refusals failed, will retry unless the server stops");
    }
}
