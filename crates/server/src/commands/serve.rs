//! `menshen serve`: starts the server and its background jobs, and stops them in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use adapters::store::SeaStore;
use anyhow::{Context, bail};
use api::config::ApiConfig;
use api::server::Server;
use api::server::drain::Drain;
use api::service::service;
use domain::ports::store::Store;
use domain::use_cases::app::reload::ReloadApps;
use domain::use_cases::cleanup::Cleanup;
use domain::use_cases::event::deliver::DeliverEvents;
use domain::use_cases::event::record_refusals::RecordRefusals;
use domain::use_cases::provider::process_withdrawals::ProcessWithdrawals;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::commands::sessions;
use crate::config::Config;
use crate::jobs::metrics::JobMetrics;
use crate::jobs::refusals::record_refusals;
use crate::jobs::signing_keys::SigningKeyManager;
use crate::jobs::webhook_dispatcher::WebhookDispatcher;
use crate::jobs::{Jobs, Schedule};
use crate::telemetry::logging::Logging;
use crate::wiring;
use crate::wiring::shared_state::SharedState;

/// Schedule of the jobs that load changes of other instances.
const RELOAD: Schedule =
    Schedule { interval: Duration::from_secs(1), failure_delay: Duration::ZERO };

/// Schedule of the processing of withdrawals reported by WeChat.
const WITHDRAWALS: Schedule =
    Schedule { interval: Duration::from_secs(1), failure_delay: Duration::from_secs(10) };

/// Schedule of the clean-up. Expired rows are ignored until they are deleted.
const CLEANUP: Schedule =
    Schedule { interval: Duration::from_mins(1), failure_delay: Duration::ZERO };

/// Schedule of the purge of deleted data from the database file.
const PURGE: Schedule =
    Schedule { interval: Duration::from_secs(5), failure_delay: Duration::from_mins(1) };

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// When a dependency is missing; the message contains the remedy.
pub async fn serve(config: &Config, logging: &Logging) -> anyhow::Result<()> {
    prepare_schema(config).await?;
    let shared = SharedState::open(config).await;
    let store = wiring::store(config, Some(shared.change_notifier())).await?;
    sessions::check_epoch(config, &store).await?;
    seal_phones(&store).await?;
    let signing_keys = Arc::new(SigningKeyManager::start(config, &store).await?);
    let metrics = JobMetrics::default();
    let (use_cases, api_ports) =
        wiring::use_cases(config, &store, &shared, signing_keys.tokens(), &metrics, logging)?;
    let api = ApiConfig {
        cors_origins: config.cors_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        public_metrics: config.public_metrics,
        ..ApiConfig::default()
    };
    let duties = Duties {
        signing_keys,
        reload_apps: Arc::clone(&use_cases.reload_apps),
        cleanup: Arc::clone(&use_cases.cleanup),
        withdrawals: Arc::clone(&use_cases.process_withdrawals),
        store: store.clone(),
        record_refusals: Arc::clone(&use_cases.record_refusals),
        deliveries: wiring::deliver_events(config, &store)?,
    };
    duties.reload_apps.run().await.context("the registered apps cannot be read")?;
    let address = config.listen;
    let server = Server::listen(address)
        .await
        .with_context(|| format!("http.listen: cannot listen on {address}"))?;
    let drain = Drain::default();
    let stop = stop_signal(drain.clone(), config.drain_timeout)?;
    tracing::info!("listening on http://{}", server.address());
    let jobs = duties.start(&metrics);
    let outcome = server.serve(service(use_cases, api_ports, &api, drain), stop).await;
    jobs.stop().await;
    outcome.context("the server failed")?;
    store.close().await.context("the database was not closed")
}

/// Background jobs of the server, not yet started.
struct Duties {
    signing_keys: Arc<SigningKeyManager>,
    reload_apps: Arc<ReloadApps>,
    cleanup: Arc<Cleanup>,
    withdrawals: Arc<ProcessWithdrawals>,
    store: Arc<dyn Store>,
    record_refusals: Arc<RecordRefusals>,
    deliveries: Vec<DeliverEvents>,
}

impl Duties {
    fn start(self, metrics: &JobMetrics) -> Jobs {
        let mut jobs = Jobs::new(metrics.clone());
        let signing_keys = self.signing_keys;
        jobs.spawn_periodic("signing key rotation", RELOAD, move || {
            let signing_keys = Arc::clone(&signing_keys);
            async move { signing_keys.refresh().await }
        });
        let reload_apps = self.reload_apps;
        jobs.spawn_periodic("reload of registered apps", RELOAD, move || {
            let reload_apps = Arc::clone(&reload_apps);
            async move { Ok(reload_apps.run().await?) }
        });
        let cleanup = self.cleanup;
        let cleanup_metrics = metrics.clone();
        jobs.spawn_periodic("cleanup", CLEANUP, move || {
            let cleanup = Arc::clone(&cleanup);
            let metrics = cleanup_metrics.clone();
            async move {
                let outcome = cleanup.run().await;
                metrics.set_cleanup_backlogs(&cleanup.backlogs().await?);
                Ok(outcome?)
            }
        });
        let withdrawals = self.withdrawals;
        jobs.spawn_periodic("processing of withdrawals", WITHDRAWALS, move || {
            let withdrawals = Arc::clone(&withdrawals);
            async move {
                withdrawals.run().await?;
                Ok(())
            }
        });
        let store = self.store;
        jobs.spawn_periodic("purge of deleted data", PURGE, move || {
            let store = Arc::clone(&store);
            async move { Ok(store.purge_deleted().await?) }
        });
        let record = self.record_refusals;
        jobs.spawn("recording of refusals".to_owned(), move |stop| {
            record_refusals(Arc::clone(&record), stop)
        });
        for deliver in self.deliveries {
            let name = format!("webhook dispatcher {}", deliver.name.as_str());
            let deliver = Arc::new(deliver);
            let metrics = metrics.clone();
            jobs.spawn(name, move |stop| {
                WebhookDispatcher::new(Arc::clone(&deliver), metrics.clone()).run(stop)
            });
        }
        jobs
    }
}

/// Completes when the server is to close: after SIGTERM or Ctrl-C and the drain time, in which load
/// balancers see that it is not ready; or at once on a second signal.
fn stop_signal(
    drain: Drain,
    drain_timeout: Duration,
) -> io::Result<impl Future<Output = ()> + Send> {
    // Registered before the server starts, so that no signal is missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut received = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        received().await;
        tracing::info!("stopping: not ready any more, closing in {} s", drain_timeout.as_secs());
        drain.begin();
        tokio::select! {
            () = sleep(drain_timeout) => {}
            () = received() => {}
        }
        tracing::info!("closing");
    })
}

/// Encrypts phone numbers that an earlier version stored in plaintext; the server never serves them
/// unencrypted.
async fn seal_phones(store: &SeaStore) -> anyhow::Result<()> {
    let progress = |sealed| tracing::info!("encrypted {sealed} phone numbers so far");
    let sealed = store
        .seal_plaintext_phones(&progress)
        .await
        .context("plaintext phone numbers cannot be encrypted")?;
    if sealed > 0 {
        tracing::warn!(
            "encrypted {sealed} phone numbers that were stored in plaintext: old backups still hold them"
        );
    }
    Ok(())
}

/// Migrates in development. In production the schema must be current: of many instances it would not be
/// clear which one migrates, and when.
async fn prepare_schema(config: &Config) -> anyhow::Result<()> {
    let url = config.database_url.expose_secret();
    if !config.production {
        return migration::up(url).await.context("the database cannot be migrated");
    }
    let status = migration::status(url).await.context("the database schema cannot be read")?;
    if status.iter().any(|migration| !migration.applied) {
        bail!("the database schema is older than this program: run `menshen migrate up` first");
    }
    Ok(())
}
