//! Background jobs and their supervision.

pub mod metrics;
pub mod refusals;
pub mod signing_keys;
pub mod webhook_dispatcher;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::jobs::metrics::JobMetrics;

/// Pause before a job that ended early is started again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The running background jobs.
///
/// A job runs until [`Self::stop`]. One that panics or returns before that is logged, counted and started
/// again, so that no duty of the service ends unnoticed.
pub struct Jobs {
    running: JoinSet<()>,
    stop: CancellationToken,
    metrics: JobMetrics,
}

/// Timing of a periodic job.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Time from the start of one run to the start of the next.
    pub interval: Duration,
    /// Pause after a run that failed.
    pub failure_delay: Duration,
}

impl Jobs {
    /// Starts without jobs.
    #[must_use]
    pub fn new(metrics: JobMetrics) -> Self {
        Self { running: JoinSet::new(), stop: CancellationToken::new(), metrics }
    }

    /// Runs `work` by `schedule`. Of consecutive failures the first one is logged, as is the recovery. A
    /// run in progress is dropped when the jobs stop.
    pub fn spawn_periodic<F>(
        &mut self,
        name: &'static str,
        schedule: Schedule,
        work: impl Fn() -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = anyhow::Result<()>> + Send,
    {
        self.spawn(name.to_owned(), move |stop| {
            let work = work.clone();
            async move {
                stop.run_until_cancelled(repeat(name, schedule, work)).await;
            }
        });
    }

    /// Runs the job that `start` makes, which MUST return soon after the token is cancelled.
    pub fn spawn<F>(
        &mut self,
        name: String,
        start: impl Fn(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        let metrics = self.metrics.clone();
        metrics.add_job(&name);
        self.running.spawn(async move {
            loop {
                // A panic ends the inner task only.
                let mut job = JoinSet::new();
                job.spawn(start(stop.clone()));
                let outcome = job.join_next().await;
                if stop.is_cancelled() {
                    return;
                }
                match outcome {
                    Some(Err(error)) => {
                        let error = error.to_string();
                        tracing::error!(job = name, error, "background job panicked, will restart");
                    }
                    Some(Ok(())) | None => {
                        tracing::error!(job = name, "background job ended early, will restart");
                    }
                }
                metrics.record_restart(&name);
                stop.run_until_cancelled(sleep(RESTART_DELAY)).await;
            }
        });
    }

    /// Stops all jobs and waits until they have ended.
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.join_all().await;
    }
}

async fn repeat<F>(name: &'static str, schedule: Schedule, work: impl Fn() -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut ticks = interval(schedule.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_failing = false;
    loop {
        ticks.tick().await;
        let outcome = work().await;
        match &outcome {
            Err(error) if !is_failing => {
                tracing::error!(error = format!("{error:#}"), "{name} failed, will retry");
            }
            Ok(()) if is_failing => tracing::info!("{name} works again"),
            Ok(()) | Err(_) => {}
        }
        is_failing = outcome.is_err();
        if is_failing {
            sleep(schedule.failure_delay).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use anyhow::bail;
    use tokio::time::timeout;

    use super::*;

    const SCHEDULE: Schedule =
        Schedule { interval: Duration::from_secs(1), failure_delay: Duration::from_secs(10) };

    /// Counts calls; the counter and a function that returns the number of the call.
    fn counter() -> (Arc<AtomicU32>, impl Fn() -> u32 + Clone + Send + 'static) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        (count, move || counted.fetch_add(1, Ordering::SeqCst) + 1)
    }

    async fn after(jobs: Jobs, time: Duration) {
        sleep(time).await;
        timeout(Duration::from_secs(1), jobs.stop()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn job_that_panics_or_ends_early_is_restarted_and_counted() {
        let metrics = JobMetrics::default();
        let mut jobs = Jobs::new(metrics.clone());
        let (count, next) = counter();
        jobs.spawn("fragile".to_owned(), move |stop| {
            let call = next();
            async move {
                assert!(call != 1, "the first run panics");
                if call > 2 {
                    stop.cancelled().await;
                }
            }
        });
        after(jobs, RESTART_DELAY * 5).await;
        assert_eq!(count.load(Ordering::SeqCst), 3);
        assert_eq!(metrics.restarts("fragile"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn periodic_job_survives_failures_and_panics() {
        let metrics = JobMetrics::default();
        let mut jobs = Jobs::new(metrics.clone());
        let (count, next) = counter();
        jobs.spawn_periodic("clean-up", SCHEDULE, move || {
            let call = next();
            async move {
                match call {
                    1 => bail!("the database is away"),
                    2 => panic!("unexpected row"),
                    _ => Ok(()),
                }
            }
        });
        after(jobs, Duration::from_secs(15)).await;
        assert!(count.load(Ordering::SeqCst) > 3);
        assert_eq!(metrics.restarts("clean-up"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn stop_drops_a_periodic_run_in_progress() {
        let mut jobs = Jobs::new(JobMetrics::default());
        jobs.spawn_periodic("hanging", SCHEDULE, pending);
        after(jobs, Duration::from_secs(2)).await;
    }
}
