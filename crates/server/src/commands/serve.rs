//! `menshen serve`: from configuration to an orderly end.

use crate::jobs::app_reload;
use crate::jobs::cleanup;
use crate::jobs::withdrawals;
use std::io;
use std::time::Duration;

use adapters::store::SeaStore;
use anyhow::{Context, bail};
use api::config::ApiConfig;
use api::server::Server;
use api::server::drain::Drain;
use api::service::service;
use domain::ports::store::Store;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::config::Config;
use crate::jobs::key_rotation::KeyKeeper;
use crate::jobs::webhook_dispatcher::Courier;
use crate::jobs::webhook_metrics::DeliveryMeters;
use crate::wiring;
use crate::wiring::shared_state::SharedState;

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// When something it needs is missing, with what to do about it.
pub async fn serve(config: &Config) -> anyhow::Result<()> {
    prepare_schema(config).await?;
    let shared = SharedState::open(config).await;
    let store = wiring::store(config, Some(shared.news())).await?;
    seal_phones(&store).await?;
    // A crash may have come between an erasure and its wiping.
    store.purge_deleted().await.context("what was erased cannot be wiped")?;
    let keeper = KeyKeeper::start(config, &store).await?;
    let meters = DeliveryMeters::default();
    let parts = wiring::parts(config, &store, &shared, keeper.tokens(), &meters)?;
    let api = ApiConfig {
        cors_origins: config.cors_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        public_metrics: config.public_metrics,
        ..ApiConfig::default()
    };
    let serve_apps = parts.administration.manage_apps.serve.clone();
    serve_apps.run().await.context("the apps that were added cannot be read")?;
    let address = config.listen;
    let server = Server::listen(address)
        .await
        .with_context(|| format!("http.listen: cannot listen on {address}"))?;
    let withdrawals = wiring::process_withdrawals(config, &store, parts.erase_member.clone());
    let events = wiring::deliver_events(config, &store)?;
    let drain = Drain::default();
    let stop = stop(drain.clone(), config.drain_timeout)?;
    tracing::info!("listening on http://{}", server.address());
    let keeping = tokio::spawn(keeper.run());
    let tidying = tokio::spawn(cleanup::run(wiring::housekeeping(config, &store)));
    let hearing = tokio::spawn(app_reload::run(serve_apps));
    let obeying = tokio::spawn(withdrawals::run(withdrawals));
    let (serving, until) = watch::channel(());
    let couriers: JoinSet<()> = events
        .into_iter()
        .map(|receiver| Courier::new(receiver, meters.clone()).run(until.clone()))
        .collect();
    let outcome = server.serve(service(parts, &api, drain), stop).await;
    drop(serving);
    couriers.join_all().await;
    obeying.abort();
    keeping.abort();
    hearing.abort();
    tidying.abort();
    outcome.context("the server failed")?;
    store.close().await.context("the database was not closed")
}

/// Done when the server has been told to stop, by SIGTERM or Ctrl-C, and `patience` is over, in which
/// load balancers are told so; or when it is told once more.
fn stop(drain: Drain, patience: Duration) -> io::Result<impl Future<Output = ()> + Send> {
    // Before anything is served, so that no signal falls between.
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut told = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        told().await;
        tracing::info!("stopping: not ready any more, and closing in {} s", patience.as_secs());
        drain.begin();
        tokio::select! {
            () = sleep(patience) => {}
            () = told() => {}
        }
        tracing::info!("closing");
    })
}

/// Phone numbers from before there were sealed ones; those that are being served are never in clear.
async fn seal_phones(store: &SeaStore) -> anyhow::Result<()> {
    let tell = |sealed| tracing::info!("sealed {sealed} phone numbers so far");
    let sealed =
        store.seal_plaintext_phones(&tell).await.context("phone numbers cannot be sealed")?;
    if sealed > 0 {
        tracing::warn!(
            "sealed {sealed} phone numbers that were in clear: old backups still hold them"
        );
    }
    Ok(())
}

/// Development migrates on start. Production does not: which of many instances would, and when?
async fn prepare_schema(config: &Config) -> anyhow::Result<()> {
    let url = config.database_url.expose_secret();
    if !config.production {
        return migration::up(url).await.context("the database cannot be migrated");
    }
    let status = migration::status(url).await.context("the database's schema cannot be read")?;
    if status.iter().any(|migration| !migration.applied) {
        bail!("the database's schema is behind this program: run `menshen migrate up` first");
    }
    Ok(())
}
