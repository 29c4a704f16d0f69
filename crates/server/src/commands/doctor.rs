//! `menshen doctor`: whether everything the server needs is there and works, and what to do if not.
//!
//! Nothing it finds holds a secret: errors of every adapter are free of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use adapters::redis::Redis;
use adapters::redis::url::RedisUrl;
use adapters::system::SystemClock;
use adapters::wechat::WechatMiniProgram;
use adapters::wechat::http::WechatHttp;
use anyhow::{Context, anyhow, ensure};
use domain::model::app::registered::RegisteredApp;
use domain::model::clock::Clock;
use domain::model::timestamp::Timestamp;
use domain::ports::provider::ProviderFailure;
use domain::ports::store::apps::AppReader;
use domain::ports::store::members::MemberReader;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::config::webhooks::WebhookConfig;
use crate::config::{Config, ConfigError, Sources};
use crate::wiring;
use crate::wiring::apps::{Shared, users};

/// How long the database may take to answer.
const DATABASE_MAX: Duration = Duration::from_secs(5);

/// How far the clock may be from WeChat's: a phone code lives five minutes by both.
const SKEW_MAX: Duration = Duration::from_mins(1);

/// 2026 to 2100: a clock outside of these years was never set.
const YEARS: std::ops::Range<i64> = 1_767_225_600..4_102_444_800;

/// What one look has found.
pub struct Finding {
    what: String,
    found: anyhow::Result<String>,
}

impl Finding {
    fn new(what: impl Into<String>, found: anyhow::Result<impl Into<String>>) -> Self {
        Self { what: what.into(), found: found.map(Into::into) }
    }

    /// Whether something is to be done about it.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.found.is_err()
    }
}

/// One line, whatever was found.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.found {
            Ok(note) => ("ok   ", note.clone()),
            Err(fault) => ("fault", format!("{fault:#}").replace('\n', "; ")),
        };
        write!(f, "{word}  {}: {text}", self.what)
    }
}

/// Looks at everything, one after the other. Without a sound configuration there is nothing else to see.
pub async fn examine(sources: &Sources) -> Vec<Finding> {
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(ConfigError(faults)) => {
            let found = |fault| anyhow!("{fault}");
            let faults = faults.into_iter();
            return faults
                .map(|fault| Finding::new(fault.key, Err::<String, _>(found(fault.problem))))
                .collect();
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut findings = vec![
        Finding::new("configuration", Ok(format!("sound, for {}", sources.profile))),
        Finding::new("keys", keys(&config).map(|()| "fit for use")),
        Finding::new("services", wiring::services(&config).map(|_| "each has a key of its own")),
        Finding::new("database", database(&config, clock.now()).await),
    ];
    if let Some(url) = &config.redis_url {
        findings.push(Finding::new("redis", answering(url).await));
    }
    let http = match wiring::wechat(&config) {
        Ok(http) => http,
        Err(error) => {
            findings.push(Finding::new("wechat", Err::<String, _>(error)));
            return findings;
        }
    };
    findings.push(Finding::new("clock", told(clock.now(), http.date().await)));
    for app in &config.apps {
        let users = users(&app.app_id, &app.policy, Shared::of(app), &http, &clock, None);
        findings.push(Finding::new(format!("apps.{}", app.name.as_str()), known(&users).await));
    }
    // Where the database cannot be read, that was told already.
    for app in registered(&config).await.unwrap_or_default() {
        let found = added(&config, &app, &http, &clock).await;
        findings.push(Finding::new(format!("app {}", app.name.as_str()), found));
    }
    for receiver in &config.webhooks {
        let name = format!("webhooks.{}", receiver.name.as_str());
        findings.push(Finding::new(name, answers(receiver).await));
    }
    findings
}

fn keys(config: &Config) -> anyhow::Result<()> {
    wiring::refresh_key(config)?;
    wiring::sealer(config)?;
    Ok(())
}

/// Whether the database answers and has the schema this program needs.
async fn database(config: &Config, now: Timestamp) -> anyhow::Result<String> {
    let hint = "check database.url, and that the database runs and lets this machine in";
    let status = timeout(DATABASE_MAX, migration::status(config.database_url.expose_secret()));
    let status = status.await.with_context(|| format!("does not answer; {hint}"))?;
    let status = status.with_context(|| format!("cannot be used; {hint}"))?;
    let pending = status.iter().filter(|migration| !migration.applied).count();
    if pending > 0 && !config.production {
        return Ok("answers; `menshen serve` will bring its schema up to date".to_owned());
    }
    ensure!(pending == 0, "its schema is behind this program: run `menshen migrate up`");
    let store = wiring::store(config, None).await.context("cannot be used")?;
    store.ready().await.context("cannot be read")?;
    let vault = wiring::key_vault(config)?;
    let keys = wiring::rotate_keys(config, &store, &vault).list().await?;
    store.close().await.context("cannot be closed")?;
    // The very first start makes them.
    if !keys.0.is_empty() {
        vault.ring(&keys, now)?;
    }
    Ok("answers, its schema is up to date, and its signing keys open".to_owned())
}

/// Whether Redis answers and lets this service in.
async fn answering(url: &RedisUrl) -> anyhow::Result<String> {
    let hint = "check redis.url, and that Redis runs and lets this machine in";
    Redis::check(url).await.with_context(|| format!("does not answer; {hint}"))?;
    Ok("answers".to_owned())
}

/// Whether the clock is right, as far as WeChat's can tell.
fn told(ours: Timestamp, theirs: Option<Timestamp>) -> anyhow::Result<String> {
    let hint = "set it by NTP: codes, tokens and sessions go by it";
    ensure!(YEARS.contains(&ours.unix_seconds()), "shows a year it cannot be; {hint}");
    let Some(theirs) = theirs else {
        return Ok("plausible; WeChat does not tell its own".to_owned());
    };
    let skew = ours.since(theirs).max(theirs.since(ours));
    ensure!(skew <= SKEW_MAX, "is {} s away from WeChat's; {hint}", skew.as_secs());
    Ok("agrees with WeChat's".to_owned())
}

/// Whether WeChat knows the app by its id and secret: it hands an access token out, or it does not.
async fn known(users: &WechatMiniProgram) -> anyhow::Result<String> {
    let Err(error) = users.check().await else {
        return Ok("WeChat knows its id and secret".to_owned());
    };
    let hint = match error.failure {
        ProviderFailure::Unavailable { .. } => {
            "WeChat cannot be reached: check wechat.base_url, wechat.proxy and the network"
        }
        ProviderFailure::Throttled { .. } => "WeChat was asked too often: try again in a minute",
        ProviderFailure::CodeInvalid
        | ProviderFailure::CodeUsed
        | ProviderFailure::UserBlocked
        | ProviderFailure::Refused
        | ProviderFailure::Misconfigured => {
            "WeChat refuses the app: compare its app_id, its secret and the IP whitelist with WeChat's console"
        }
    };
    Err(anyhow::Error::new(error).context(hint))
}

/// The apps that were added.
async fn registered(config: &Config) -> anyhow::Result<Vec<RegisteredApp>> {
    let store = timeout(DATABASE_MAX, wiring::store(config, None)).await??;
    let apps = store.registered_apps().await;
    store.close().await?;
    Ok(apps?)
}

/// Whether WeChat knows an app that was added, if anybody may log in to it.
async fn added(
    config: &Config,
    app: &RegisteredApp,
    http: &WechatHttp,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<String> {
    let shared = Shared::unsealed(app, &Arc::new(wiring::sealer(config)?))?;
    if app.disabled_at.is_some() {
        return Ok("disabled".to_owned());
    }
    known(&users(&app.app_id, &app.policy, shared, http, clock, None)).await
}

/// Whether somebody answers where a receiver of events is said to listen. No event is sent.
async fn answers(receiver: &WebhookConfig) -> anyhow::Result<String> {
    let reached = wiring::webhook(receiver)?.reach().await;
    reached.context("nobody answers: check its url and the network")?;
    Ok("answers".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_held_against_the_calendar_and_against_wechats() {
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let now = 1_795_168_800;
        for good in [None, Some(at(now - 60)), Some(at(now)), Some(at(now + 60))] {
            assert!(told(at(now), good).is_ok(), "{good:?}");
        }
        for skewed in [now - 61, now + 61, 0] {
            let fault = told(at(now), Some(at(skewed))).unwrap_err().to_string();
            assert!(fault.contains("NTP"), "{fault}");
        }
        for never_set in [0, 1_767_225_599, 4_102_444_800] {
            assert!(told(at(never_set), None).is_err(), "{never_set}");
        }
    }

    #[test]
    fn a_finding_is_one_line() {
        let fault = anyhow!("second\nthird").context("first");
        let finding = Finding::new("it", Err::<String, _>(fault));
        assert_eq!(finding.to_string(), "fault  it: first: second; third");
    }
}
