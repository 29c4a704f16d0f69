//! Hears of the apps that another instance has added or changed.

use std::sync::Arc;
use std::time::Duration;

use domain::use_cases::app::reload::ReloadApps;
use tokio::time::{MissedTickBehavior, interval};

/// How often an instance looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Serves the apps as they are, until it is dropped. While they cannot be read, the last ones stay.
pub async fn run(serve_apps: Arc<ReloadApps>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        let outcome = serve_apps.run().await;
        match &outcome {
            Err(error) if !failing => {
                let error: &(dyn std::error::Error + 'static) = error;
                tracing::error!(error, "the apps that were added cannot be read");
            }
            Ok(()) if failing => tracing::info!("the apps that were added are read again"),
            Ok(()) | Err(_) => {}
        }
        failing = outcome.is_err();
    }
}
