//! `menshen doctor`: checks configuration, keys, database, Redis, clock, WeChat and webhook receivers.
//!
//! The output holds no secrets: the errors of all adapters are free of them.
#![expect(clippy::print_stdout, reason = "the command prints its findings")]

use std::fmt;
use std::process::ExitCode;
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
use domain::ports::store::StoreHealth;
use domain::ports::store::apps::AppReader;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::commands::sessions;
use crate::config::webhooks::WebhookConfig;
use crate::config::{Config, ConfigError, ConfigIssue, Sources};
use crate::wiring;
use crate::wiring::apps::{AppSecrets, wechat_app};

/// Maximum time for the database to respond.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum difference from WeChat's clock: a phone code is valid for five minutes by both clocks.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Age of deleted data in the database file from which the operator has to act.
const MAX_PURGE_AGE: Duration = Duration::from_hours(1);

/// Plausible Unix times in seconds: 2026 to 2100. A clock outside this range was never set.
const PLAUSIBLE_TIMES: std::ops::Range<i64> = 1_767_225_600..4_102_444_800;

/// Result of one check.
pub struct Finding {
    subject: String,
    result: anyhow::Result<String>,
}

impl Finding {
    fn new(subject: impl Into<String>, result: anyhow::Result<impl Into<String>>) -> Self {
        Self { subject: subject.into(), result: result.map(Into::into) }
    }

    /// Returns true if the operator has to act.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        self.result.is_err()
    }
}

/// One line, also for an error with several lines.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.result {
            Ok(note) => ("ok   ", note.clone()),
            Err(error) => ("error", format!("{error:#}").replace('\n', "; ")),
        };
        write!(f, "{word}  {}: {text}", self.subject)
    }
}

/// Runs all checks and prints a line for each; the exit code tells whether there is a problem.
pub async fn print(sources: &Sources) -> ExitCode {
    let findings = run(sources).await;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.iter().any(Finding::is_problem) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs all checks one after the other. An invalid configuration ends them.
async fn run(sources: &Sources) -> Vec<Finding> {
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(ConfigError(issues)) => {
            let finding = |issue: ConfigIssue| {
                Finding::new(issue.key, Err::<String, _>(anyhow!("{}", issue.problem)))
            };
            return issues.into_iter().map(finding).collect();
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let database = check_database(&config, clock.now()).await;
    let is_database_usable = database.is_ok();
    let mut findings = vec![
        Finding::new("configuration", Ok(format!("valid, profile {}", sources.profile))),
        Finding::new("keys", check_keys(&config).map(|()| "usable")),
        Finding::new("services", wiring::services(&config).map(|_| "each has its own key")),
        Finding::new("database", database),
    ];
    if is_database_usable && let Ok(Some(since)) = oldest_unpurged(&config).await {
        findings.push(Finding::new("deleted data", check_purge(clock.now().since(since))));
    }
    if let Some(url) = &config.redis_url {
        findings.push(Finding::new("redis", check_redis(url).await));
    }
    let http = match wiring::wechat(&config) {
        Ok(http) => http,
        Err(error) => {
            findings.push(Finding::new("wechat", Err::<String, _>(error)));
            return findings;
        }
    };
    findings.push(Finding::new("clock", check_clock(clock.now(), http.date().await)));
    for app in &config.apps {
        let name = format!("apps.{}", app.name.as_str());
        let wechat_app = wechat_app(&app.app_id, &app.policy, AppSecrets::of(app));
        let mini_program =
            WechatMiniProgram::new(wechat_app, http.clone(), Arc::clone(&clock), None);
        findings.push(Finding::new(name, check_app(&mini_program).await));
    }
    let stored_apps =
        if is_database_usable { registered_apps(&config).await } else { Ok(Vec::new()) };
    for app in stored_apps.unwrap_or_default() {
        let name = format!("app {}", app.name.as_str());
        findings.push(Finding::new(name, check_registered_app(&config, &app, &http, &clock).await));
    }
    for receiver in &config.webhooks {
        let name = format!("webhooks.{}", receiver.name.as_str());
        findings.push(Finding::new(name, check_webhook(receiver).await));
    }
    findings
}

fn check_keys(config: &Config) -> anyhow::Result<()> {
    wiring::refresh_keys(config)?;
    wiring::sealer(config)?;
    Ok(())
}

/// Checks that the database responds, that its schema is current and that its signing keys can be
/// decrypted.
async fn check_database(config: &Config, now: Timestamp) -> anyhow::Result<String> {
    let hint =
        "check database.url, and that the database runs and accepts connections from this host";
    let status = migration::status(config.database_url.expose_secret());
    let status = timeout(DATABASE_TIMEOUT, status)
        .await
        .with_context(|| format!("does not respond; {hint}"))?
        .with_context(|| format!("cannot be used; {hint}"))?;
    let pending = status.iter().filter(|migration| !migration.applied).count();
    if pending > 0 && !config.production {
        return Ok("responds; `menshen serve` will migrate its schema".to_owned());
    }
    ensure!(pending == 0, "the schema is older than this program: run `menshen migrate up`");
    let store = wiring::store(config, None).await.context("cannot be used")?;
    store.ready().await.context("cannot be read")?;
    sessions::check_epoch(config, &store).await?;
    let vault = wiring::key_vault(config)?;
    let keys = wiring::rotate_keys(config, &store, &vault).list().await?;
    store.close().await.context("cannot be closed")?;
    // The very first start creates them.
    if !keys.0.is_empty() {
        vault.ring(&keys, now)?;
    }
    Ok("responds, the schema is current, the signing keys can be decrypted".to_owned())
}

/// Returns the time of the oldest deletion whose data is still in the database file.
async fn oldest_unpurged(config: &Config) -> anyhow::Result<Option<Timestamp>> {
    let store = timeout(DATABASE_TIMEOUT, wiring::store(config, None)).await??;
    let since = store.oldest_unpurged().await;
    store.close().await?;
    Ok(since?)
}

/// Checks the age of the oldest deletion whose data is still in the database file.
fn check_purge(age: Duration) -> anyhow::Result<String> {
    let minutes = age.as_secs() / 60;
    let hint = "a running server purges it, unless another program keeps reading the file or the \
                disk is full; see its log";
    ensure!(age <= MAX_PURGE_AGE, "has been in the database file for {minutes} minutes; {hint}");
    Ok(format!("in the database file for {minutes} minutes, until the server purges it"))
}

async fn check_redis(url: &RedisUrl) -> anyhow::Result<String> {
    let hint = "check redis.url, and that Redis runs and accepts connections from this host";
    Redis::check(url).await.with_context(|| format!("does not respond; {hint}"))?;
    Ok("responds".to_owned())
}

/// Compares this host's clock with the calendar and with WeChat's clock, if its response had a date.
fn check_clock(ours: Timestamp, wechats: Option<Timestamp>) -> anyhow::Result<String> {
    let hint = "synchronize it by NTP: codes, tokens and sessions depend on it";
    let is_plausible = PLAUSIBLE_TIMES.contains(&ours.unix_seconds());
    ensure!(is_plausible, "shows an impossible year; {hint}");
    let Some(wechats) = wechats else {
        return Ok("plausible; WeChat's clock is not known".to_owned());
    };
    let skew = ours.since(wechats).max(wechats.since(ours));
    ensure!(skew <= MAX_CLOCK_SKEW, "differs from WeChat's by {} s; {hint}", skew.as_secs());
    Ok("agrees with WeChat's".to_owned())
}

/// Checks an app's id and secret by getting an access token from WeChat.
async fn check_app(mini_program: &WechatMiniProgram) -> anyhow::Result<String> {
    let Err(error) = mini_program.check_credentials().await else {
        return Ok("WeChat accepts the app id and secret".to_owned());
    };
    let hint = match error.failure {
        ProviderFailure::Unavailable { .. } => {
            "WeChat cannot be reached: check wechat.base_url, wechat.proxy and the network"
        }
        ProviderFailure::Throttled { .. } => {
            "WeChat limits the rate of calls: try again in a minute"
        }
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

/// Reads the registered apps from the database.
async fn registered_apps(config: &Config) -> anyhow::Result<Vec<RegisteredApp>> {
    let store = timeout(DATABASE_TIMEOUT, wiring::store(config, None)).await??;
    let apps = store.registered_apps().await;
    store.close().await?;
    Ok(apps?)
}

/// Checks a registered app like a configured one, unless it is disabled.
async fn check_registered_app(
    config: &Config,
    app: &RegisteredApp,
    http: &WechatHttp,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<String> {
    let secrets = AppSecrets::unsealed(app, &Arc::new(wiring::sealer(config)?))?;
    if app.disabled_at.is_some() {
        return Ok("disabled".to_owned());
    }
    let wechat_app = wechat_app(&app.app_id, &app.policy, secrets);
    check_app(&WechatMiniProgram::new(wechat_app, http.clone(), Arc::clone(clock), None)).await
}

/// Checks that a webhook receiver accepts connections. No event is sent.
async fn check_webhook(receiver: &WebhookConfig) -> anyhow::Result<String> {
    let reached = wiring::webhook(receiver)?.check_reachable().await;
    reached.context("does not respond: check its url and the network")?;
    Ok("responds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_is_compared_with_the_calendar_and_with_wechat() {
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let now = 1_795_168_800;
        for good in [None, Some(at(now - 60)), Some(at(now)), Some(at(now + 60))] {
            assert!(check_clock(at(now), good).is_ok(), "{good:?}");
        }
        for skewed in [now - 61, now + 61, 0] {
            let problem = check_clock(at(now), Some(at(skewed))).unwrap_err().to_string();
            assert!(problem.contains("NTP"), "{problem}");
        }
        for never_set in [0, 1_767_225_599, 4_102_444_800] {
            assert!(check_clock(at(never_set), None).is_err(), "{never_set}");
        }
    }

    #[test]
    fn deleted_data_that_is_not_purged_for_an_hour_is_a_problem() {
        assert!(check_purge(MAX_PURGE_AGE).is_ok());
        let problem = check_purge(MAX_PURGE_AGE + Duration::from_mins(1)).unwrap_err();
        assert!(problem.to_string().contains("for 61 minutes"), "{problem}");
    }

    #[test]
    fn finding_is_one_line() {
        let error = anyhow!("second\nthird").context("first");
        let finding = Finding::new("it", Err::<String, _>(error));
        assert_eq!(finding.to_string(), "error  it: first: second; third");
    }
}
