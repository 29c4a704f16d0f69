//! Where ports meet adapters: the one place that knows both.

use std::sync::Arc;

use adapters::service_keys::ServiceKeys;
use adapters::store::{SeaStore, StoreConfig};
use adapters::system::{SystemClock, SystemRandom};
use adapters::token::key_ring::KeyRing;
use adapters::token::keys::{RefreshKey, SigningKey};
use adapters::token::{Es256Tokens, TokenSettings};
use adapters::wechat::http::{WechatHttp, WechatHttpConfig};
use adapters::wechat::{WechatApp, WechatMiniProgram};
use anyhow::{Context, anyhow};
use api::routes::Parts;
use domain::app::{App, Apps};
use domain::authenticate::Authenticate;
use domain::ban::Ban;
use domain::current_member::CurrentMember;
use domain::exchange_code::ExchangeCode;
use domain::identify::Identify;
use domain::introspect::Introspect;
use domain::log_out::LogOut;
use domain::login::{Login, LoginPolicy};
use domain::ports::clock::Clock;
use domain::ports::random::Random;
use domain::refresh::Refresh;
use domain::update_profile::UpdateProfile;
use secrecy::ExposeSecret;

use crate::config::{AppConfig, Config};

/// The use cases over their adapters.
///
/// # Errors
/// When a key cannot be used, or WeChat's address is none.
pub fn parts(config: &Config, store: &Arc<SeaStore>) -> anyhow::Result<Parts> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let tokens = Arc::new(tokens(config, Arc::clone(&clock))?);
    let apps = Arc::new(apps(config, &clock)?);
    let login = Login {
        apps: Arc::clone(&apps),
        store: store.clone(),
        tokens: tokens.clone(),
        clock: Arc::clone(&clock),
        random: Arc::clone(&random),
        policy: LoginPolicy {
            nickname_prefixes: config.nickname_prefixes.clone(),
            access_ttl: config.access_ttl,
            sessions: config.sessions,
        },
    };
    let refresh = Refresh {
        store: store.clone(),
        verifier: tokens.clone(),
        issuer: tokens.clone(),
        clock: Arc::clone(&clock),
        random: Arc::clone(&random),
        policy: config.sessions,
        access_ttl: config.access_ttl,
    };
    let authenticate = Arc::new(Authenticate {
        tokens: tokens.clone(),
        directory: store.clone(),
        clock: Arc::clone(&clock),
    });
    let introspect = Introspect {
        authenticate: Arc::clone(&authenticate),
        tokens: tokens.clone(),
        store: store.clone(),
        policy: config.sessions,
    };
    let log_out =
        LogOut { store: store.clone(), directory: store.clone(), clock: Arc::clone(&clock) };
    Ok(Parts {
        login: Arc::new(login),
        authenticate,
        refresh: Arc::new(refresh),
        log_out: Arc::new(log_out),
        introspect: Arc::new(introspect),
        verification_keys: tokens,
        identify: Arc::new(Identify { apps: Arc::clone(&apps) }),
        exchange_code: Arc::new(ExchangeCode { apps }),
        current_member: Arc::new(CurrentMember { directory: store.clone() }),
        update_profile: Arc::new(UpdateProfile { store: store.clone(), clock: Arc::clone(&clock) }),
        directory: store.clone(),
        services: Arc::new(services(config)?),
        clock,
        random,
    })
}

/// The use cases of operators who keep members out.
///
/// # Errors
/// When the database cannot be opened.
pub async fn ban(config: &Config) -> anyhow::Result<Ban> {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    Ok(Ban { store: store(config).await?, clock, random })
}

/// The configured database, opened.
///
/// # Errors
/// When it cannot be opened.
pub async fn store(config: &Config) -> anyhow::Result<Arc<SeaStore>> {
    let url = config.database_url.expose_secret().to_owned();
    let store = StoreConfig { url, max_connections: config.max_connections };
    Ok(Arc::new(SeaStore::connect(&store).await.context("database.url")?))
}

fn apps(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Apps> {
    let http = WechatHttp::new(&WechatHttpConfig {
        base_url: config.wechat_base_url.clone(),
        proxy: config.wechat_proxy.clone(),
        ..WechatHttpConfig::default()
    });
    let http = http.context("wechat")?;
    let app = |app: &AppConfig| {
        let wechat = WechatApp {
            app_id: app.app_id.clone(),
            secret: app.secret.clone(),
            open_platform: app.open_platform.clone(),
        };
        let users = Arc::new(WechatMiniProgram::new(wechat, http.clone(), Arc::clone(clock)));
        App {
            name: app.name.clone(),
            app_id: app.app_id.clone(),
            auto_register: app.auto_register,
            phone_required: app.phone_required,
            identity: users.clone(),
            phone: users,
        }
    };
    Ok(Apps::new(config.apps.iter().map(app).collect()))
}

/// In production the keys are given; in development they are made on the first start.
fn tokens(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Es256Tokens> {
    let signing = match &config.signing_key {
        Some(pem) => SigningKey::from_pem(pem.expose_secret()).context("tokens.signing_key")?,
        None => SigningKey::load_or_create(&config.key_folder.join("signing-key.pem"))?,
    };
    let refresh = match &config.refresh_key {
        Some(key) => RefreshKey::from_base64(key.expose_secret()).context("tokens.refresh_key")?,
        None => RefreshKey::load_or_create(&config.key_folder.join("refresh-key"))?,
    };
    let settings =
        TokenSettings { issuer: config.issuer.clone(), audience: config.audience.clone() };
    Ok(Es256Tokens::new(settings, KeyRing::new(signing), refresh, clock))
}

fn services(config: &Config) -> anyhow::Result<ServiceKeys> {
    ServiceKeys::new(config.services.iter().cloned()).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!(errors.join("\n")).context("services")
    })
}
