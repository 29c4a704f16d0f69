//! The configuration: where it comes from, what it may say, and everything that is wrong with it.

mod layers;
mod reader;
pub mod reference;
pub mod webhooks;

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use adapters::redis::url::RedisUrl;
use api::config::{Origin, Proxy};
use domain::model::admin::AdminSessionPolicy;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::{AppPolicy, TokenLifetimes};
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::member::nickname::NicknamePrefixes;
use domain::model::rate_limit::Quota;
use domain::model::session::SessionPolicy;
use domain::model::signing_key::KeyPolicy;
use domain::use_cases::rate_limits::Quotas;
use secrecy::{ExposeSecret, SecretString};

pub use layers::Sources;
use reader::Reader;
use webhooks::WebhookConfig;

/// The secret of the sandbox's app, known to everyone who has seen this repository.
pub(crate) const SANDBOX_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The token of its pushes, known as well.
pub(crate) const SANDBOX_PUSH_TOKEN: &str = "sandboxpushtoken";

/// The shortest secret of an app that production accepts; WeChat's have 32 characters.
const SECRET_MIN: usize = 16;

/// Everything the server is told. `Debug` shows no secret.
#[derive(Debug)]
pub struct Config {
    /// Whether this is production: no keys made up, no schema changed on start.
    pub production: bool,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Origins of web pages that may call the API.
    pub cors_origins: Vec<Origin>,
    /// Whose X-Forwarded-For counts.
    pub trusted_proxies: Vec<Proxy>,
    /// How long to serve on after being told to stop.
    pub drain_timeout: Duration,
    /// How often anyone may ask.
    pub quotas: Quotas,
    /// Whether anyone may read the metrics.
    pub public_metrics: bool,
    /// What is logged, in the language of `tracing-subscriber`'s filter.
    pub log_filter: String,
    /// Whether logs are JSON rather than text.
    pub log_json: bool,
    /// Where traces go, if anywhere.
    pub telemetry: Option<Telemetry>,
    /// Where members are kept; holds a password.
    pub database_url: SecretString,
    /// Most connections to it.
    pub max_connections: u32,
    /// Where instances meet, if they do: holds a password.
    pub redis_url: Option<RedisUrl>,
    /// What all that is theirs begins with there.
    pub redis_prefix: String,
    /// How long a member and their sessions are remembered.
    pub member_ttl: Duration,
    /// Where WeChat is.
    pub wechat_base_url: String,
    /// Through which proxy; may hold a password.
    pub wechat_proxy: Option<SecretString>,
    /// The apps served, the first one first.
    pub apps: Vec<AppConfig>,
    /// Who issues tokens.
    pub issuer: String,
    /// For whom.
    pub audience: String,
    /// How long access tokens are good for.
    pub access_ttl: Duration,
    /// How long sessions last, and how many.
    pub sessions: SessionPolicy,
    /// When signing keys change.
    pub keys: KeyPolicy,
    /// The key of refresh tokens in Base64.
    pub refresh_key: Option<SecretString>,
    /// Where keys are made in development.
    pub key_folder: PathBuf,
    /// The key that seals what the database keeps of secrets, in Base64.
    pub sealing_key: Option<SecretString>,
    /// Keys that did so before.
    pub former_sealing_keys: Vec<SecretString>,
    /// What default nicknames begin with.
    pub nickname_prefixes: NicknamePrefixes,
    /// How long administrators stay signed in.
    pub admin_sessions: AdminSessionPolicy,
    /// How long security events are kept; for ever when `None`.
    pub audit_retention: Option<Duration>,
    /// How much later a day begins than in UTC, in milliseconds.
    pub utc_offset: i64,
    /// Back ends and their keys.
    pub services: Vec<(String, SecretString)>,
    /// Who is told of events.
    pub webhooks: Vec<WebhookConfig>,
}

/// Where traces go, and how many.
#[derive(Debug)]
pub struct Telemetry {
    /// The base URL of a collector that takes OTLP over HTTP.
    pub otlp_endpoint: String,
    /// Which part of all requests is traced, from 0 to 1.
    pub sample_ratio: f64,
}

/// One mini program.
#[derive(Debug)]
pub struct AppConfig {
    /// Its name here.
    pub name: AppName,
    /// WeChat's id of it.
    pub app_id: AppId,
    /// WeChat's secret for it.
    pub secret: SecretString,
    /// What is asked of those who log in.
    pub policy: AppPolicy,
    /// What WeChat signs its messages with, where it sends any.
    pub push_token: Option<SecretString>,
    /// What it encrypts them with.
    pub push_aes_key: Option<SecretString>,
}

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, variable or file.
    pub key: String,
    /// What is wrong with it, and what is allowed.
    pub problem: String,
}

impl Fault {
    fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Fault>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {}: {}", fault.key, fault.problem))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads all sources.
    ///
    /// # Errors
    /// All faults at once, each with its key and what is allowed; never with the value of a secret.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let production = match sources.profile.as_str() {
            "development" => false,
            "production" => true,
            _ => {
                let fault = Fault::new("MENSHEN_PROFILE", "must be development or production");
                return Err(ConfigError(vec![fault]));
            }
        };
        let layers = sources.merge().map_err(ConfigError)?;
        let reader = Reader::new(&layers.tree);
        let config = read(&reader, &layers.apps, production);
        reader.finish().map_err(ConfigError)?;
        // Without faults every value was there.
        config.ok_or_else(|| ConfigError(vec![Fault::new("configuration", "is incomplete")]))
    }
}

fn read(reader: &Reader<'_>, app_names: &[String], production: bool) -> Option<Config> {
    let listen = reader.text("http.listen").parse().map_err(|_: std::net::AddrParseError| {
        reader.fault("http.listen", "must be an address and a port, as in 127.0.0.1:2020");
    });
    let apps: Vec<Option<AppConfig>> =
        app_names.iter().map(|name| app(reader, name, production)).collect();
    if apps.is_empty() {
        reader.fault("apps", "names no app; add a table [apps.main] with app_id and secret");
    }
    let ttl = |key, allowed| Duration::from_secs(reader.whole(key, allowed).into());
    let access_ttl = ttl("tokens.access_ttl", 60..=86_400);
    let prefixes = NicknamePrefixes::new(reader.list("nicknames.prefixes"));
    let prefixes = reader.checked("nicknames.prefixes", prefixes);
    let log_filter = reader.text("log.filter");
    if log_filter.parse::<tracing_subscriber::EnvFilter>().is_err() {
        reader.fault("log.filter", "must be a level, or levels per module: info,adapters=debug");
    }
    let services = reader.names("services");
    Some(Config {
        production,
        cors_origins: cors_origins(reader),
        trusted_proxies: trusted_proxies(reader),
        drain_timeout: ttl("http.drain_timeout", 0..=120),
        quotas: quotas(reader),
        public_metrics: reader.flag("metrics.public", false),
        log_filter,
        log_json: log_json(reader),
        telemetry: telemetry(reader),
        database_url: database_url(reader),
        max_connections: reader.whole("database.max_connections", 1..=1000),
        redis_url: redis_url(reader),
        redis_prefix: reader.required("redis.prefix"),
        member_ttl: ttl("cache.member_ttl", 0..=5),
        wechat_base_url: reader.required("wechat.base_url"),
        wechat_proxy: reader.secret("wechat.proxy"),
        issuer: reader.required("tokens.issuer"),
        audience: reader.required("tokens.audience"),
        access_ttl,
        sessions: SessionPolicy {
            idle: ttl("tokens.refresh_ttl", 3_600..=31_536_000),
            absolute: ttl("tokens.session_ttl", 3_600..=315_360_000),
            grace: ttl("tokens.refresh_grace", 0..=60),
            per_member: reader.whole("tokens.sessions_per_member", 1..=1_000) as usize,
        },
        keys: KeyPolicy {
            lifetime: Some(ttl("tokens.signing_key_lifetime", 0..=315_360_000))
                .filter(|period| !period.is_zero()),
            prepublish: ttl("tokens.signing_key_prepublish", 3..=86_400),
            access_ttl,
        },
        refresh_key: key(reader, "tokens.refresh_key", production),
        key_folder: reader.required("tokens.key_folder").into(),
        sealing_key: key(reader, "sealing.key", production),
        former_sealing_keys: reader.secrets("sealing.former_keys"),
        admin_sessions: AdminSessionPolicy {
            idle: ttl("admin.idle_ttl", 60..=86_400),
            absolute: ttl("admin.session_ttl", 300..=604_800),
        },
        audit_retention: Some(ttl("audit.retention", 0..=315_360_000)).filter(|age| !age.is_zero()),
        utc_offset: utc_offset(reader),
        services: services.into_iter().filter_map(|name| service(reader, name)).collect(),
        webhooks: webhooks::webhooks(reader, production),
        listen: listen.ok()?,
        apps: apps.into_iter().collect::<Option<_>>()?,
        nickname_prefixes: prefixes?,
    })
}

fn app(reader: &Reader<'_>, name: &str, production: bool) -> Option<AppConfig> {
    let key = |field: &str| format!("apps.{name}.{field}");
    let provider = reader.text(&key("provider"));
    if !provider.is_empty() && provider != "wechat" {
        reader.fault(&key("provider"), "must be wechat");
    }
    let secret = reader.required_secret(&key("secret"), "find it in WeChat's console");
    match secret.as_ref().map(ExposeSecret::expose_secret) {
        Some(SANDBOX_SECRET) if production => {
            reader.fault(&key("secret"), "is the sandbox's; production needs your own");
        }
        Some(secret) if production && secret.len() < SECRET_MIN => {
            reader.fault(&key("secret"), format!("must have at least {SECRET_MIN} characters"));
        }
        Some(_) | None => {}
    }
    let (push_token, push_aes_key) = push_secrets(reader, name, production);
    Some(AppConfig {
        push_token,
        push_aes_key,
        policy: AppPolicy {
            open_platform: Some(reader.text(&key("open_platform"))).filter(|it| !it.is_empty()),
            phone_required: reader.flag(&key("phone_required"), false),
            auto_register: reader.flag(&key("auto_register"), true),
            on_conflict: on_conflict(reader, &key("on_conflict")),
            store_session_keys: reader.flag(&key("store_session_keys"), false),
            lifetimes: TokenLifetimes {
                access: life(reader, &key("access_ttl"), 60..=86_400),
                idle: life(reader, &key("refresh_ttl"), 3_600..=31_536_000),
                absolute: life(reader, &key("session_ttl"), 3_600..=315_360_000),
            },
        },
        app_id: app_id(reader, &key("app_id"))?,
        name: reader.checked(&format!("apps.{name}"), AppName::parse(name))?,
        secret: secret?,
    })
}

/// What WeChat's pushes to an app are protected with.
fn push_secrets(
    reader: &Reader<'_>,
    name: &str,
    production: bool,
) -> (Option<SecretString>, Option<SecretString>) {
    let key = |field: &str| format!("apps.{name}.{field}");
    let token = reader.secret(&key("push_token"));
    let aes_key = reader.secret(&key("push_aes_key"));
    match token.as_ref().map(ExposeSecret::expose_secret) {
        Some(SANDBOX_PUSH_TOKEN) if production => {
            reader.fault(&key("push_token"), "is the sandbox's; production needs your own");
        }
        None if aes_key.is_some() => {
            reader.fault(&key("push_token"), "is missing; push_aes_key is of no use without it");
        }
        Some(_) | None => {}
    }
    (token, aes_key)
}

fn app_id(reader: &Reader<'_>, key: &str) -> Option<AppId> {
    let id = Some(reader.required(key)).filter(|id| !id.is_empty())?;
    reader.checked(key, AppId::parse(&id))
}

/// Seconds that last otherwise than usual; `None` where nothing is said.
fn life(reader: &Reader<'_>, key: &str, allowed: RangeInclusive<u32>) -> Option<Duration> {
    let seconds = reader.whole_or(key, 0, allowed);
    Some(Duration::from_secs(seconds.into())).filter(|life| !life.is_zero())
}

fn on_conflict(reader: &Reader<'_>, key: &str) -> ConflictPolicy {
    let name = Some(reader.text(key)).filter(|name| !name.is_empty());
    name.map_or(Some(ConflictPolicy::default()), |name| ConflictPolicy::from_name(&name))
        .unwrap_or_else(|| {
            reader.fault(key, "must be merge, ask or refuse");
            ConflictPolicy::default()
        })
}

fn service(reader: &Reader<'_>, name: String) -> Option<(String, SecretString)> {
    let key = reader.required_secret(&format!("services.{name}.key"), "make up a long one")?;
    Some((name, key))
}

/// A key that development makes for itself and production must be given.
fn key(reader: &Reader<'_>, key: &str, production: bool) -> Option<SecretString> {
    if production {
        reader.required_secret(key, &format!("production needs it, best as {key}_file"))
    } else {
        reader.secret(key)
    }
}

fn cors_origins(reader: &Reader<'_>) -> Vec<Origin> {
    let origins = reader.list("http.cors_origins").into_iter();
    let parse = |origin: String| reader.checked("http.cors_origins", Origin::parse(&origin));
    origins.filter_map(parse).collect()
}

fn trusted_proxies(reader: &Reader<'_>) -> Vec<Proxy> {
    let proxies = reader.list("http.trusted_proxies").into_iter();
    let parse = |proxy: String| reader.checked("http.trusted_proxies", Proxy::parse(&proxy));
    proxies.filter_map(parse).collect()
}

fn quotas(reader: &Reader<'_>) -> Quotas {
    let quota = |whose: &str| {
        let burst = reader.whole(&format!("limits.{whose}_burst"), 1..=1_000_000);
        let per_minute = reader.whole(&format!("limits.{whose}_per_minute"), 0..=1_000_000);
        Quota::new(burst, per_minute)
    };
    Quotas {
        address: quota("address"),
        sign_in: quota("sign_in"),
        app: quota("app"),
        member: quota("member"),
        session: quota("session"),
        service: quota("service"),
    }
}

/// How much later days begin than in UTC, in milliseconds.
fn utc_offset(reader: &Reader<'_>) -> i64 {
    let text = reader.text("admin.utc_offset");
    let parse = |text: &str| {
        let (sign, clock) = text.split_at_checked(1)?;
        let sign = match sign {
            "+" => 1,
            "-" => -1,
            _ => return None,
        };
        let (hours, minutes) = clock.split_once(':').filter(|_| clock.len() == 5)?;
        let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours <= 14 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes) * 60_000)
    };
    parse(&text).unwrap_or_else(|| {
        reader.fault("admin.utc_offset", "must be an offset from UTC, as in +08:00");
        0
    })
}

fn log_json(reader: &Reader<'_>) -> bool {
    match reader.text("log.format").as_str() {
        "json" => true,
        "text" => false,
        _ => {
            reader.fault("log.format", "must be json or text");
            false
        }
    }
}

fn telemetry(reader: &Reader<'_>) -> Option<Telemetry> {
    let otlp_endpoint = reader.text("telemetry.otlp_endpoint");
    let sample_ratio = reader.ratio("telemetry.sample_ratio");
    let known = ["http://", "https://"];
    if !otlp_endpoint.is_empty() && !known.iter().any(|scheme| otlp_endpoint.starts_with(scheme)) {
        reader.fault("telemetry.otlp_endpoint", "must be a URL, as in http://127.0.0.1:4318");
    }
    (!otlp_endpoint.is_empty()).then_some(Telemetry { otlp_endpoint, sample_ratio })
}

fn redis_url(reader: &Reader<'_>) -> Option<RedisUrl> {
    let url = reader.secret("redis.url")?;
    reader.checked("redis.url", RedisUrl::parse(url.expose_secret()))
}

fn database_url(reader: &Reader<'_>) -> SecretString {
    let url = reader.secret("database.url").unwrap_or_default();
    let known = ["sqlite://", "postgres://", "mysql://"];
    if !known.iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
        reader.fault("database.url", "must begin with sqlite://, postgres:// or mysql://");
    }
    url
}
