//! `menshen keys`.
#![expect(clippy::print_stdout, reason = "the commands print their result")]

use std::fmt::Write;

use adapters::system::SystemClock;
use anyhow::Context;
use api::rfc3339;
use domain::model::clock::Clock;
use domain::model::signing_key::{KeyPolicy, KeyState, SigningKey, SigningKeys};
use domain::model::timestamp::Timestamp;

use crate::config::Config;
use crate::wiring;

/// A command on the signing keys.
#[derive(Clone, Copy, Debug)]
pub enum KeyCommand<'a> {
    /// Lists the keys.
    List,
    /// Signs with the next key from now on.
    Rotate,
    /// Revokes the key of this id.
    Revoke(&'a str),
}

/// Runs a command and prints the resulting keys as a table.
///
/// # Errors
/// When there is no such key, no next key is published, or the store failed.
pub async fn keys(config: &Config, command: KeyCommand<'_>) -> anyhow::Result<()> {
    let store = wiring::store(config, None).await?;
    let vault = wiring::key_vault(config)?;
    let rotate_keys = wiring::rotate_keys(config, &store, &vault);
    let keys = match command {
        KeyCommand::List => rotate_keys.list().await?,
        KeyCommand::Rotate => rotate_keys.rotate().await?,
        KeyCommand::Revoke(kid) => rotate_keys.revoke(kid).await.with_context(|| {
            format!("{kid} is not revoked; see `menshen keys list` for the keys")
        })?,
    };
    print!("{}", table(&keys, &config.keys, SystemClock.now()));
    Ok(store.close().await?)
}

/// Formats the keys as a table, one line each, without secrets.
fn table(keys: &SigningKeys, policy: &KeyPolicy, now: Timestamp) -> String {
    let mut table = format!("{:<7} {:<9} {:<43}  when\n", "number", "state", "kid");
    for key in &keys.0 {
        let state = keys.state(key, now).name();
        let when = when(keys, key, policy, now);
        let _ = writeln!(table, "{:<7} {state:<9} {:<43}  {when}", key.number, key.id);
    }
    table
}

fn when(keys: &SigningKeys, key: &SigningKey, policy: &KeyPolicy, now: Timestamp) -> String {
    let at = rfc3339::seconds;
    let Some(since) = key.active_from else {
        return format!("published since {}", at(key.created_at));
    };
    match (keys.state(key, now), keys.retained_until(key, policy, now), policy.lifetime) {
        (KeyState::Next, _, _) => format!("signs from {}", at(since)),
        (KeyState::Current, _, Some(period)) => {
            format!("signs since {} until {}", at(since), at(since.plus(period)))
        }
        (KeyState::Previous, Some(end), _) => {
            format!("signed since {}, accepted until {}", at(since), at(end))
        }
        (KeyState::Current, _, None) | (KeyState::Previous, None, _) => {
            format!("signs since {}", at(since))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(number: u32, active_from: Option<u64>) -> SigningKey {
        let at = |seconds| Timestamp::from_unix_millis(0).plus(Duration::from_secs(seconds));
        SigningKey {
            number,
            id: format!("kid-{number}"),
            sealed: b"canary".into(),
            created_at: at(0),
            active_from: active_from.map(at),
        }
    }

    #[test]
    fn table_shows_state_and_times_of_each_key_without_secrets() {
        let keys =
            SigningKeys(vec![key(1, Some(0)), key(2, Some(60)), key(3, None), key(4, Some(600))]);
        let policy = KeyPolicy {
            lifetime: Some(Duration::from_hours(24)),
            prepublish: Duration::from_secs(1),
            access_ttl: Duration::from_hours(2),
        };
        let table = table(&keys, &policy, Timestamp::from_unix_millis(120_000));
        let rows: Vec<String> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            rows,
            [
                "number state kid when",
                "1 previous kid-1 signed since 1970-01-01T00:00:00Z, accepted until 1970-01-01T02:02:00Z",
                "2 current kid-2 signs since 1970-01-01T00:01:00Z until 1970-01-02T00:01:00Z",
                "3 next kid-3 published since 1970-01-01T00:00:00Z",
                "4 next kid-4 signs from 1970-01-01T00:10:00Z",
            ]
        );
        assert!(!table.contains("canary"));
    }
}
