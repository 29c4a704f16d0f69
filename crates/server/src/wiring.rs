//! Wiring of ports and adapters: the only place that knows both.

pub mod admin;
pub(crate) mod apps;
pub mod shared_state;

use std::sync::Arc;

use adapters::cache::invalidation::ChangeNotifier;
use adapters::crypto::app_secrets::SealedAppSecrets;
use adapters::crypto::login_responses::SealedLoginResponses;
use adapters::crypto::master_key::MasterKey;
use adapters::crypto::password_hasher::Argon2PasswordHasher;
use adapters::crypto::sealer::{Sealer, SealingKey};
use adapters::crypto::service_keys::ServiceKeys;
use adapters::rate_limiter::metered::MeteredRateLimiter;
use adapters::store::{SeaStore, StoreConfig};
use adapters::system::{SystemClock, SystemRandom, SystemTimer};
use adapters::token::key_ring::KeyRing;
use adapters::token::key_vault::KeyVault;
use adapters::token::keys::RefreshKeys;
use adapters::token::{Es256Tokens, TokenSettings};
use adapters::webhook::Webhook;
use adapters::wechat::http::{WechatHttp, WechatHttpConfig};
use anyhow::{Context, anyhow};
use api::metrics::Metrics;
use api::middleware::current_request::CurrentRequest;
use api::routes::ApiPorts;
use domain::model::clock::Clock;
use domain::model::event::delivery::Subscriptions;
use domain::model::random::Random;
use domain::ports::store::StoreReader;
use domain::use_cases::UseCases;
use domain::use_cases::event::deliver::DeliverEvents;
use domain::use_cases::event::factory::EventFactory;
use domain::use_cases::ports::{Policies, Ports, StoreReaders};
use domain::use_cases::rate_limits::RateLimits;
use domain::use_cases::session::end_all::EndAllSessions;
use domain::use_cases::signing_key::rotate::RotateKeys;
use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::config::webhooks::WebhookConfig;
use crate::jobs::metrics::JobMetrics;
use crate::telemetry::logging::Logging;
use crate::wiring::apps::WechatApps;
use crate::wiring::shared_state::SharedState;

/// Builds the use cases over their adapters, and the ports that only the API uses.
///
/// # Errors
/// When a key cannot be used, or an app or WeChat's address is invalid.
pub fn use_cases(
    config: &Config,
    store: &Arc<SeaStore>,
    shared: &SharedState,
    tokens: &Arc<Es256Tokens>,
    jobs: &JobMetrics,
    logging: &Logging,
) -> anyhow::Result<(UseCases, ApiPorts)> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let sealer = Arc::new(sealer(config)?);
    let http = wechat(config)?;
    let mut registry = Registry::with_prefix("menshen");
    store.register(&mut registry);
    jobs.register(&mut registry);
    logging.register(&mut registry);
    shared.register(&mut registry);
    http.register(&mut registry);
    let limiter = Arc::new(MeteredRateLimiter::new(shared.rate_limiter(&clock), &mut registry));
    let rate_limits = Arc::new(RateLimits { limiter, quotas: config.quotas });
    let wechat_apps = WechatApps {
        http: http.clone(),
        clock: Arc::clone(&clock),
        rate_limits: Arc::clone(&rate_limits),
        sealer: Arc::clone(&sealer),
        access_token_cache: shared.access_token_cache(&sealer, &clock),
        production: config.production,
    };
    let member_cache = shared.member_cache(store);
    let reader: Arc<dyn StoreReader> = store.clone();
    let ports = Ports {
        clock: Arc::clone(&clock),
        timer: Arc::new(SystemTimer),
        random: Arc::clone(&random),
        request_context: Arc::new(CurrentRequest),
        store: store.clone(),
        readers: StoreReaders {
            profiles: member_cache.clone(),
            sessions: member_cache,
            ..StoreReaders::new(&reader)
        },
        apps: Arc::new(wechat_apps.configured(config)?),
        app_factory: Arc::new(wechat_apps),
        app_secret_seal: Arc::new(SealedAppSecrets::new(Arc::clone(&sealer))),
        rate_limits: Arc::clone(&rate_limits),
        refusals: Arc::default(),
        token_issuer: tokens.clone(),
        token_verifier: tokens.clone(),
        fingerprints: sealer.clone(),
        login_seal: Arc::new(SealedLoginResponses::new(sealer)),
        // A single one, so that it limits how many passwords are hashed at the same time.
        password_hasher: Arc::new(Argon2PasswordHasher::default()),
        provider_stats: Arc::new(http),
    };
    let api_ports = ApiPorts {
        clock,
        random,
        rate_limits,
        service_accounts: Arc::new(services(config)?),
        verification_keys: tokens.clone(),
        store_health: store.clone(),
        metrics: Metrics::new(registry),
    };
    Ok((UseCases::new(&ports, &policies(config)), api_ports))
}

fn policies(config: &Config) -> Policies {
    Policies {
        nickname_prefixes: config.nickname_prefixes.clone(),
        access_ttl: config.access_ttl,
        sessions: config.sessions,
        admin_sessions: config.admin_sessions,
        signing_keys: config.keys,
        utc_offset: config.utc_offset,
        audit_retention: config.audit_retention,
        webhook_receivers: config.webhooks.iter().map(|webhook| webhook.name.clone()).collect(),
    }
}

/// Returns the factory of audit events and domain events.
#[must_use]
pub fn event_factory() -> EventFactory {
    EventFactory { random: Arc::new(SystemRandom), request_context: Arc::new(CurrentRequest) }
}

/// Returns the delivery of events for each webhook receiver.
///
/// # Errors
/// When TLS cannot be set up.
pub fn deliver_events(
    config: &Config,
    store: &Arc<SeaStore>,
) -> anyhow::Result<Vec<DeliverEvents>> {
    let deliver = |receiver: &WebhookConfig| {
        Ok(DeliverEvents {
            name: receiver.name.clone(),
            sink: Arc::new(webhook(receiver)?),
            store: store.clone(),
            outbox: store.clone(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            max_age: receiver.max_age,
        })
    };
    config.webhooks.iter().map(deliver).collect()
}

/// Returns the client of a webhook receiver.
pub(crate) fn webhook(receiver: &WebhookConfig) -> anyhow::Result<Webhook> {
    let WebhookConfig { name, url, secrets, .. } = receiver;
    let webhook = Webhook::new(url.clone(), Arc::clone(secrets));
    webhook.with_context(|| format!("webhooks.{}", name.as_str()))
}

/// Returns the subscriptions of all webhook receivers.
fn subscriptions(config: &Config) -> Subscriptions {
    let receivers = config.webhooks.iter();
    Subscriptions::new(receivers.map(|one| (one.name.clone(), one.events.clone())).collect())
}

/// Opens the configured database; `notifier` publishes changes of members after each commit.
///
/// # Errors
/// When the database cannot be opened, or a sealing key is invalid.
pub async fn store(
    config: &Config,
    notifier: Option<Arc<dyn ChangeNotifier>>,
) -> anyhow::Result<Arc<SeaStore>> {
    let url = config.database_url.expose_secret().to_owned();
    let max_connections = config.max_connections;
    let queue_timeout = config.queue_timeout;
    let sealer = Arc::new(sealer(config)?);
    let store = StoreConfig { url, max_connections, queue_timeout, sealer };
    let store = SeaStore::connect(&store).await.context("database.url")?;
    let store = store.with_subscriptions(subscriptions(config));
    Ok(Arc::new(match notifier {
        Some(notifier) => store.with_change_notifier(notifier),
        None => store,
    }))
}

/// Returns the HTTP client for WeChat.
pub(crate) fn wechat(config: &Config) -> anyhow::Result<WechatHttp> {
    let http = WechatHttp::new(&WechatHttpConfig {
        base_url: config.wechat_base_url.clone(),
        proxy: config.wechat_proxy.clone(),
        ..WechatHttpConfig::default()
    });
    http.context("wechat")
}

/// Returns the keys of refresh tokens.
///
/// # Errors
/// When a key is invalid.
pub(crate) fn refresh_keys(config: &Config) -> anyhow::Result<RefreshKeys> {
    let key = master_key(config, "tokens.refresh_key", config.refresh_key.as_ref(), "refresh-key")?;
    let mut keys = RefreshKeys::new(&key).in_epoch(config.session_epoch);
    for former in &config.former_refresh_keys {
        let former = MasterKey::from_base64(former.expose_secret());
        keys = keys.with_former_key(&former.context("tokens.former_refresh_keys")?);
    }
    Ok(keys)
}

/// Returns the issuer and verifier of tokens with these signing keys.
///
/// # Errors
/// When a key of refresh tokens is invalid.
pub fn tokens(config: &Config, keys: KeyRing) -> anyhow::Result<Es256Tokens> {
    let refresh = refresh_keys(config)?;
    let settings =
        TokenSettings { issuer: config.issuer.clone(), audience: config.audience.clone() };
    Ok(Es256Tokens::new(settings, keys, refresh, Arc::new(SystemClock)))
}

/// Returns the end of all sessions, and the check of their epoch.
#[must_use]
pub fn end_all_sessions(config: &Config, store: &Arc<SeaStore>) -> EndAllSessions {
    EndAllSessions {
        store: store.clone(),
        events: event_factory(),
        clock: Arc::new(SystemClock),
        epoch: config.session_epoch,
    }
}

/// Returns the rotation of signing keys.
#[must_use]
pub fn rotate_keys(config: &Config, store: &Arc<SeaStore>, vault: &KeyVault) -> RotateKeys {
    RotateKeys {
        store: store.clone(),
        signing_keys: store.clone(),
        generator: Arc::new(vault.clone()),
        events: event_factory(),
        clock: Arc::new(SystemClock),
        policy: config.keys,
    }
}

/// Returns the vault that generates and decrypts signing keys.
///
/// # Errors
/// When a sealing key is invalid.
pub fn key_vault(config: &Config) -> anyhow::Result<KeyVault> {
    Ok(KeyVault::new(Arc::new(sealer(config)?)))
}

/// Returns the encryption of secrets and phone numbers in the database.
///
/// # Errors
/// When a sealing key is invalid.
pub fn sealer(config: &Config) -> anyhow::Result<Sealer> {
    let current = master_key(config, "sealing.key", config.sealing_key.as_ref(), "sealing-key")?;
    let mut sealer = Sealer::new(SealingKey::new(&current));
    for former in &config.former_sealing_keys {
        let former = MasterKey::from_base64(former.expose_secret());
        sealer = sealer.with_former_key(SealingKey::new(&former.context("sealing.former_keys")?));
    }
    Ok(sealer)
}

/// Returns the configured key. Development generates a missing key on the first start.
fn master_key(
    config: &Config,
    name: &'static str,
    given: Option<&SecretString>,
    file: &str,
) -> anyhow::Result<MasterKey> {
    match given {
        Some(key) => MasterKey::from_base64(key.expose_secret()).context(name),
        None => Ok(MasterKey::load_or_create(&config.key_folder.join(file))?),
    }
}

/// Returns the authentication of service accounts.
pub(crate) fn services(config: &Config) -> anyhow::Result<ServiceKeys> {
    ServiceKeys::new(config.services.iter().cloned()).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!(errors.join("\n")).context("services")
    })
}
