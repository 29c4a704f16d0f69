//! Where ports meet adapters: the one place that knows both.

pub mod admin;
pub(crate) mod apps;
pub mod shared_state;

use std::sync::Arc;

use adapters::cache::invalidation::ChangeNotifier;
use adapters::crypto::login_responses::SealedAnswers;
use adapters::crypto::master_key::MasterKey;
use adapters::crypto::sealer::{Sealer, SealingKey};
use adapters::crypto::service_keys::ServiceKeys;
use adapters::rate_limiter::metered::CountedRateLimiter;
use adapters::store::{SeaStore, StoreConfig};
use adapters::system::{SystemClock, SystemRandom};
use adapters::token::key_ring::KeyRing;
use adapters::token::key_vault::KeyVault;
use adapters::token::keys::RefreshKey;
use adapters::token::{Es256Tokens, TokenSettings};
use adapters::webhook::Webhook;
use adapters::wechat::http::{WechatHttp, WechatHttpConfig};
use anyhow::{Context, anyhow};
use api::metrics::Metrics;
use api::middleware::current_request::ServedRequest;
use api::routes::Parts;
use domain::model::clock::Clock;
use domain::model::event::delivery::Subscriptions;
use domain::model::random::Random;
use domain::use_cases::app::registry::AppRegistry;
use domain::use_cases::cleanup::Cleanup;
use domain::use_cases::event::deliver::DeliverEvents;
use domain::use_cases::event::factory::EventFactory;
use domain::use_cases::login::exchange_code::ExchangeCode;
use domain::use_cases::login::get_openid::GetOpenid;
use domain::use_cases::login::single_flight::InFlight;
use domain::use_cases::login::{Login, LoginPolicy};
use domain::use_cases::member::bind_phone::BindPhone;
use domain::use_cases::member::erase::EraseMember;
use domain::use_cases::member::export_personal_data::ExportPersonalData;
use domain::use_cases::member::get_profile::GetProfile;
use domain::use_cases::member::update_profile::UpdateProfile;
use domain::use_cases::provider::process_withdrawals::ProcessWithdrawals;
use domain::use_cases::provider::receive_push::ReceivePush;
use domain::use_cases::provider::use_session_key::UseSessionKey;
use domain::use_cases::rate_limits::RateLimits;
use domain::use_cases::session::authenticate::Authenticate;
use domain::use_cases::session::introspect::Introspect;
use domain::use_cases::session::log_out::ManageSessions;
use domain::use_cases::session::refresh::Refresh;
use domain::use_cases::signing_key::rotate::RotateKeys;
use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::config::webhooks::WebhookConfig;
use crate::jobs::webhook_metrics::DeliveryMeters;
use crate::wiring::shared_state::SharedState;

/// The use cases over their adapters.
///
/// # Errors
/// When a key cannot be used, or WeChat's address is none.
pub fn parts(
    config: &Config,
    store: &Arc<SeaStore>,
    shared: &SharedState,
    tokens: &Arc<Es256Tokens>,
    deliveries: &DeliveryMeters,
) -> anyhow::Result<Parts> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let mut registry = Registry::with_prefix("menshen");
    store.register(&mut registry);
    deliveries.register(&mut registry);
    shared.register(&mut registry);
    let limiter = Arc::new(CountedRateLimiter::new(shared.limiter(&clock), &mut registry));
    let remembering = shared.remembering(store);
    let limits = Arc::new(RateLimits { limiter, quotas: config.quotas });
    let http = wechat(config)?;
    http.register(&mut registry);
    let sealer = Arc::new(sealer(config)?);
    let shelf = shared.shelf(&sealer, &clock);
    let serve_apps = apps::serve(config, store, http.clone(), &clock, &limits, &sealer, shelf)?;
    let apps = Arc::clone(&serve_apps.apps);
    let login = Login {
        apps: Arc::clone(&apps),
        store: store.clone(),
        directory: store.clone(),
        seal: Arc::new(SealedAnswers::new(sealer.clone())),
        in_flight: InFlight::default(),
        tokens: tokens.clone(),
        fingerprints: sealer.clone(),
        journal: journal(),
        policy: LoginPolicy {
            nickname_prefixes: config.nickname_prefixes.clone(),
            access_ttl: config.access_ttl,
            sessions: config.sessions,
        },
    };
    let refresh = Refresh {
        apps: Arc::clone(&apps),
        store: store.clone(),
        verifier: tokens.clone(),
        issuer: tokens.clone(),
        journal: journal(),
        policy: config.sessions,
        access_ttl: config.access_ttl,
        limits: Arc::clone(&limits),
    };
    let authenticate = Arc::new(Authenticate {
        tokens: tokens.clone(),
        directory: Arc::clone(&remembering),
        clock: Arc::clone(&clock),
        limits: Arc::clone(&limits),
    });
    let introspect = Introspect {
        apps: Arc::clone(&apps),
        authenticate: Arc::clone(&authenticate),
        tokens: tokens.clone(),
        store: store.clone(),
        policy: config.sessions,
    };
    let log_out = ManageSessions {
        store: store.clone(),
        directory: store.clone(),
        clock: Arc::clone(&clock),
    };
    let receive_push = receive_push(Arc::clone(&apps), store, &sealer);
    let erase_member = Arc::new(EraseMember {
        store: store.clone(),
        fingerprints: sealer.clone(),
        journal: journal(),
    });
    let bind_phone = BindPhone {
        apps: Arc::clone(&apps),
        store: store.clone(),
        directory: store.clone(),
        journal: journal(),
    };
    let administration = admin::wire(config, store, &sealer, &erase_member, serve_apps, http);
    let update_profile = UpdateProfile { store: store.clone(), journal: journal() };
    let use_session_key = UseSessionKey {
        apps: Arc::clone(&apps),
        store: store.clone(),
        directory: store.clone(),
        clock: Arc::clone(&clock),
    };
    Ok(Parts {
        login: Arc::new(login),
        authenticate,
        refresh: Arc::new(refresh),
        log_out: Arc::new(log_out),
        introspect: Arc::new(introspect),
        verification_keys: tokens.clone(),
        identify: Arc::new(GetOpenid { apps: Arc::clone(&apps) }),
        exchange_code: Arc::new(ExchangeCode { apps }),
        current_member: Arc::new(GetProfile { directory: remembering }),
        bind_phone: Arc::new(bind_phone),
        use_session_key: Arc::new(use_session_key),
        update_profile: Arc::new(update_profile),
        export_member: Arc::new(ExportPersonalData { directory: store.clone() }),
        erase_member,
        receive_push: Arc::new(receive_push),
        administration,
        directory: store.clone(),
        services: Arc::new(services(config)?),
        limits,
        metrics: Metrics::new(registry),
        clock,
        random,
    })
}

/// What makes events.
#[must_use]
pub fn journal() -> EventFactory {
    EventFactory {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        requests: Arc::new(ServedRequest),
    }
}

/// What forgets what has expired.
#[must_use]
pub fn housekeeping(config: &Config, store: &Arc<SeaStore>) -> Cleanup {
    let receivers = config.webhooks.iter().map(|webhook| webhook.name.clone()).collect();
    Cleanup {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        admin_sessions: config.admin_sessions,
        audit_retention: config.audit_retention,
        receivers,
    }
}

/// What tells receivers of events, for each of them.
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
            receiver: Arc::new(webhook(receiver)?),
            store: store.clone(),
            directory: store.clone(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            max_age: receiver.max_age,
        })
    };
    config.webhooks.iter().map(deliver).collect()
}

/// The way to one receiver.
pub(crate) fn webhook(receiver: &WebhookConfig) -> anyhow::Result<Webhook> {
    let WebhookConfig { name, url, secrets, .. } = receiver;
    let webhook = Webhook::new(url.clone(), Arc::clone(secrets));
    webhook.with_context(|| format!("webhooks.{}", name.as_str()))
}

/// Who is told of what.
fn subscriptions(config: &Config) -> Subscriptions {
    let receivers = config.webhooks.iter();
    Subscriptions::new(receivers.map(|one| (one.name.clone(), one.events.clone())).collect())
}

/// The configured database, opened; `news` are told what is changed of members.
///
/// # Errors
/// When it cannot be opened, or a sealing key cannot be used.
pub async fn store(
    config: &Config,
    news: Option<Arc<dyn ChangeNotifier>>,
) -> anyhow::Result<Arc<SeaStore>> {
    let url = config.database_url.expose_secret().to_owned();
    let (max_connections, sealer) = (config.max_connections, Arc::new(sealer(config)?));
    let store = StoreConfig { url, max_connections, sealer };
    let store = SeaStore::connect(&store).await.context("database.url")?;
    let store = store.with_subscriptions(subscriptions(config));
    Ok(Arc::new(match news {
        Some(news) => store.with_change_notifier(news),
        None => store,
    }))
}

/// What obeys those who took something back at WeChat, over what erases members.
#[must_use]
pub fn process_withdrawals(
    config: &Config,
    store: &Arc<SeaStore>,
    erase: Arc<EraseMember>,
) -> ProcessWithdrawals {
    let nickname_prefixes = config.nickname_prefixes.clone();
    ProcessWithdrawals { erase, directory: store.clone(), nickname_prefixes }
}

/// What takes the messages that WeChat sends.
fn receive_push(
    apps: Arc<AppRegistry>,
    store: &Arc<SeaStore>,
    sealer: &Arc<Sealer>,
) -> ReceivePush {
    ReceivePush {
        apps,
        store: store.clone(),
        fingerprints: sealer.clone(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    }
}

/// The way to WeChat.
pub(crate) fn wechat(config: &Config) -> anyhow::Result<WechatHttp> {
    let http = WechatHttp::new(&WechatHttpConfig {
        base_url: config.wechat_base_url.clone(),
        proxy: config.wechat_proxy.clone(),
        ..WechatHttpConfig::default()
    });
    http.context("wechat")
}

/// The key that refresh tokens come from.
///
/// # Errors
/// When it cannot be used.
pub(crate) fn refresh_key(config: &Config) -> anyhow::Result<RefreshKey> {
    let key = master_key(config, "tokens.refresh_key", config.refresh_key.as_ref(), "refresh-key")?;
    Ok(RefreshKey::new(&key))
}

/// What issues and checks tokens, under these keys.
///
/// # Errors
/// When the key of refresh tokens cannot be used.
pub fn tokens(config: &Config, keys: KeyRing) -> anyhow::Result<Es256Tokens> {
    let refresh = refresh_key(config)?;
    let settings =
        TokenSettings { issuer: config.issuer.clone(), audience: config.audience.clone() };
    Ok(Es256Tokens::new(settings, keys, refresh, Arc::new(SystemClock)))
}

/// The use cases of the keys that sign access tokens.
#[must_use]
pub fn rotate_keys(config: &Config, store: &Arc<SeaStore>, vault: &KeyVault) -> RotateKeys {
    RotateKeys {
        store: store.clone(),
        directory: store.clone(),
        generator: Arc::new(vault.clone()),
        journal: journal(),
        policy: config.keys,
    }
}

/// What makes and opens the keys that sign access tokens.
///
/// # Errors
/// When a sealing key cannot be used.
pub fn key_vault(config: &Config) -> anyhow::Result<KeyVault> {
    Ok(KeyVault::new(Arc::new(sealer(config)?)))
}

/// What seals the secrets that the database keeps.
///
/// # Errors
/// When a sealing key cannot be used.
pub fn sealer(config: &Config) -> anyhow::Result<Sealer> {
    let current = master_key(config, "sealing.key", config.sealing_key.as_ref(), "sealing-key")?;
    let mut sealer = Sealer::new(SealingKey::new(&current));
    for former in &config.former_sealing_keys {
        let former = MasterKey::from_base64(former.expose_secret());
        sealer = sealer.also_opening(SealingKey::new(&former.context("sealing.former_keys")?));
    }
    Ok(sealer)
}

/// In production the keys are given; in development they are made on the first start.
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

pub(crate) fn services(config: &Config) -> anyhow::Result<ServiceKeys> {
    ServiceKeys::new(config.services.iter().cloned()).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!(errors.join("\n")).context("services")
    })
}
