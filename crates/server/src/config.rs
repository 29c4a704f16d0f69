//! Configuration: sources, validation and errors.

pub mod apps;
mod layers;
mod reader;
pub mod reference;
pub mod webhooks;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use adapters::redis::url::RedisUrl;
use api::config::{Origin, Proxy};
use domain::model::admin::AdminSessionPolicy;
use domain::model::member::nickname::NicknamePrefixes;
use domain::model::rate_limit::Quota;
use domain::model::session::SessionPolicy;
use domain::model::signing_key::KeyPolicy;
use domain::use_cases::rate_limits::Quotas;
use secrecy::{ExposeSecret, SecretString};

use apps::AppConfig;
pub use layers::Sources;
use reader::Reader;
use webhooks::WebhookConfig;

/// The validated configuration. `Debug` shows no secret.
#[derive(Debug)]
pub struct Config {
    /// True in production: keys are not generated, and the schema is not migrated on start.
    pub production: bool,
    /// Address of the server.
    pub listen: SocketAddr,
    /// Web origins that may call the API.
    pub cors_origins: Vec<Origin>,
    /// Proxies that `X-Forwarded-For` is accepted from.
    pub trusted_proxies: Vec<Proxy>,
    /// Time to serve on after a stop signal.
    pub drain_timeout: Duration,
    /// Rate limits.
    pub quotas: Quotas,
    /// True if the metrics need no authentication.
    pub public_metrics: bool,
    /// Log filter in the syntax of `tracing-subscriber`.
    pub log_filter: String,
    /// True for logs in JSON, false for text.
    pub log_json: bool,
    /// Export of traces; `None` to export none.
    pub telemetry: Option<Telemetry>,
    /// Database URL; may contain a password.
    pub database_url: SecretString,
    /// Maximum number of database connections.
    pub max_connections: u32,
    /// Maximum time that a request waits for a database connection.
    pub queue_timeout: Duration,
    /// Redis URL; may contain a password. `None` to keep shared state in the process.
    pub redis_url: Option<RedisUrl>,
    /// Prefix of all Redis keys and channels.
    pub redis_prefix: String,
    /// Maximum age of a cached member or session.
    pub member_ttl: Duration,
    /// Base URL of WeChat's API.
    pub wechat_base_url: String,
    /// HTTP proxy for calls to WeChat; may contain a password.
    pub wechat_proxy: Option<SecretString>,
    /// Configured apps; the first one is the default.
    pub apps: Vec<AppConfig>,
    /// Issuer of tokens (`iss`).
    pub issuer: String,
    /// Audience of access tokens (`aud`).
    pub audience: String,
    /// Lifetime of access tokens.
    pub access_ttl: Duration,
    /// Lifetime and number of sessions.
    pub sessions: SessionPolicy,
    /// Rotation of signing keys.
    pub keys: KeyPolicy,
    /// Key of refresh tokens in Base64.
    pub refresh_key: Option<SecretString>,
    /// Former keys of refresh tokens, accepted for verification.
    pub former_refresh_keys: Vec<SecretString>,
    /// Epoch of sessions.
    pub session_epoch: u32,
    /// Folder of generated keys in development.
    pub key_folder: PathBuf,
    /// Key that encrypts secrets and phone numbers in the database, in Base64.
    pub sealing_key: Option<SecretString>,
    /// Former sealing keys, accepted for decryption.
    pub former_sealing_keys: Vec<SecretString>,
    /// Prefixes of default nicknames.
    pub nickname_prefixes: NicknamePrefixes,
    /// Lifetime of administrators' sessions.
    pub admin_sessions: AdminSessionPolicy,
    /// Retention of the audit log; `None` keeps it forever.
    pub audit_retention: Option<Duration>,
    /// Offset of the statistics' days from UTC, in milliseconds.
    pub utc_offset: i64,
    /// Service accounts with their keys.
    pub services: Vec<(String, SecretString)>,
    /// Webhook receivers.
    pub webhooks: Vec<WebhookConfig>,
}

/// Export of traces.
#[derive(Debug)]
pub struct Telemetry {
    /// Base URL of a collector that accepts OTLP over HTTP.
    pub otlp_endpoint: String,
    /// Share of requests that is traced, from 0 to 1.
    pub sample_ratio: f64,
}

/// A problem in the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigIssue {
    /// Key, environment variable or file.
    pub key: String,
    /// Problem and allowed values.
    pub problem: String,
}

impl ConfigIssue {
    fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

/// All problems of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<ConfigIssue>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used:")?;
        self.0.iter().try_for_each(|issue| write!(f, "\n  {}: {}", issue.key, issue.problem))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and validates all sources.
    ///
    /// # Errors
    /// All problems at once, each with its key and the allowed values, without values of secrets.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let production = match sources.profile.as_str() {
            "development" => false,
            "production" => true,
            _ => {
                let issue =
                    ConfigIssue::new("MENSHEN_PROFILE", "must be development or production");
                return Err(ConfigError(vec![issue]));
            }
        };
        let layers = sources.merge().map_err(ConfigError)?;
        let reader = Reader::new(&layers.tree);
        let config = read(&reader, &layers.apps, production);
        reader.finish().map_err(ConfigError)?;
        // Every value is present if there are no problems.
        config.ok_or_else(|| ConfigError(vec![ConfigIssue::new("configuration", "is incomplete")]))
    }
}

fn read(reader: &Reader<'_>, app_names: &[String], production: bool) -> Option<Config> {
    let listen = reader.text("http.listen").parse().map_err(|_: std::net::AddrParseError| {
        reader.reject("http.listen", "must be an address and a port, as in 127.0.0.1:2020");
    });
    let apps: Vec<Option<AppConfig>> =
        app_names.iter().map(|name| apps::app(reader, name, production)).collect();
    if apps.is_empty() {
        reader.reject("apps", "names no app; add a table [apps.main] with app_id and secret");
    }
    let ttl = |key, allowed| Duration::from_secs(reader.whole(key, allowed).into());
    let access_ttl = ttl("tokens.access_ttl", 60..=86_400);
    let prefixes = NicknamePrefixes::new(reader.list("nicknames.prefixes"));
    let prefixes = reader.checked("nicknames.prefixes", prefixes);
    let log_filter = reader.text("log.filter");
    if log_filter.parse::<tracing_subscriber::EnvFilter>().is_err() {
        reader.reject("log.filter", "must be a level, or levels per module: info,adapters=debug");
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
        queue_timeout: ttl("database.queue_timeout", 1..=60),
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
        former_refresh_keys: reader.secrets("tokens.former_refresh_keys"),
        session_epoch: reader.whole("tokens.session_epoch", 0..=1_000_000),
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

fn service(reader: &Reader<'_>, name: String) -> Option<(String, SecretString)> {
    let key = reader.required_secret(&format!("services.{name}.key"), "make up a long one")?;
    Some((name, key))
}

/// Reads a key that is required in production and generated in development.
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
    let quota = |subject: &str| {
        let burst = reader.whole(&format!("limits.{subject}_burst"), 1..=1_000_000);
        let per_minute = reader.whole(&format!("limits.{subject}_per_minute"), 0..=1_000_000);
        Quota::new(burst, per_minute)
    };
    Quotas {
        address: quota("address"),
        sign_in: quota("sign_in"),
        admin_account: quota("admin_account"),
        app: quota("app"),
        member: quota("member"),
        session: quota("session"),
        service: quota("service"),
    }
}

/// Reads the offset of days from UTC and returns it in milliseconds.
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
        let hours: u32 = hours.parse().ok()?;
        let minutes: u32 = minutes.parse().ok()?;
        (hours <= 14 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes) * 60_000)
    };
    parse(&text).unwrap_or_else(|| {
        reader.reject("admin.utc_offset", "must be an offset from UTC, as in +08:00");
        0
    })
}

fn log_json(reader: &Reader<'_>) -> bool {
    match reader.text("log.format").as_str() {
        "json" => true,
        "text" => false,
        _ => {
            reader.reject("log.format", "must be json or text");
            false
        }
    }
}

fn telemetry(reader: &Reader<'_>) -> Option<Telemetry> {
    let otlp_endpoint = reader.text("telemetry.otlp_endpoint");
    let sample_ratio = reader.ratio("telemetry.sample_ratio");
    let known = ["http://", "https://"];
    if !otlp_endpoint.is_empty() && !known.iter().any(|scheme| otlp_endpoint.starts_with(scheme)) {
        reader.reject("telemetry.otlp_endpoint", "must be a URL, as in http://127.0.0.1:4318");
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
        reader.reject("database.url", "must begin with sqlite://, postgres:// or mysql://");
    }
    url
}
