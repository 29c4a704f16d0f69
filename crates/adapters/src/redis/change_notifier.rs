//! Change notifications over Redis pub/sub, for the member caches of the other instances.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::member::MemberId;
use domain::model::session::SessionId;
use futures_util::StreamExt;
use redis::{Msg, RedisResult};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::refusals::Operation;
use super::{CONNECT_TIMEOUT, RECONNECT_INTERVAL, RESPONSE_TIMEOUT, Redis};
use crate::cache::invalidation::{Change, ChangeNotifier, InvalidationLog};

/// Idle time of the subscription after which the connection is checked with a `PING`.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Change notifier that invalidates the cache of this instance and of all others. Notifications that are lost,
/// because Redis is down or drops them, are covered by the TTL of the cache entries.
pub struct RedisChangeNotifier {
    redis: Redis,
    changes: Arc<InvalidationLog>,
    listener: JoinHandle<()>,
}

impl RedisChangeNotifier {
    /// Publishes changes to `redis`, and records the changes of other instances in `changes`.
    #[must_use]
    pub fn new(redis: Redis, changes: Arc<InvalidationLog>) -> Self {
        let listener = tokio::spawn(subscribe(redis.clone(), Arc::clone(&changes)));
        Self { redis, changes, listener }
    }
}

impl Drop for RedisChangeNotifier {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

#[async_trait]
impl ChangeNotifier for RedisChangeNotifier {
    async fn notify(&self, changes: &[Change]) {
        self.changes.notify(changes).await;
        let text = changes.iter().map(encode).collect::<Vec<_>>().join(" ");
        let mut publish = redis::cmd("PUBLISH");
        // The number of receivers is irrelevant, and a failure is covered by the TTL of the cache.
        publish.arg(channel(&self.redis)).arg(text);
        let _: Option<u64> = self.redis.command(Operation::Publish, &publish).await;
    }
}

/// Channel that all instances publish to and subscribe to.
fn channel(redis: &Redis) -> String {
    redis.key("changes", "members")
}

/// Subscribes to changes until the task is aborted, and reconnects after every failure.
async fn subscribe(redis: Redis, changes: Arc<InvalidationLog>) {
    loop {
        // The error is not logged here: the next command logs that Redis is unavailable.
        let _error = subscribe_once(&redis, &changes).await;
        sleep(RECONNECT_INTERVAL).await;
    }
}

async fn subscribe_once(redis: &Redis, changes: &InvalidationLog) -> RedisResult<()> {
    let mut pubsub = redis.pubsub().await?;
    let subscribed = timeout(CONNECT_TIMEOUT, pubsub.subscribe(channel(redis))).await;
    subscribed.map_err(|_| super::timed_out())??;
    // Notifications that were published without a subscription are lost.
    changes.invalidate_all();
    let (mut sink, mut messages) = pubsub.split();
    loop {
        match timeout(PING_INTERVAL, messages.next()).await {
            Ok(Some(message)) => handle_message(&message, changes),
            Ok(None) => return Ok(()),
            Err(_) => {
                let pong = timeout(RESPONSE_TIMEOUT, sink.ping::<redis::Value>()).await;
                pong.map_err(|_| super::timed_out())??;
            }
        }
    }
}

/// Records the changes of a message. Clears the whole cache on an undecodable message.
fn handle_message(message: &Msg, log: &InvalidationLog) {
    let text = str::from_utf8(message.get_payload_bytes()).unwrap_or_default();
    match text.split(' ').map(decode).collect::<Option<Vec<_>>>() {
        Some(changes) => log.record(&changes),
        None => log.invalidate_all(),
    }
}

fn encode(change: &Change) -> String {
    match change {
        Change::Member(member) => format!("member:{}", member.0.simple()),
        Change::Session(session) => format!("session:{}", session.0.simple()),
    }
}

fn decode(text: &str) -> Option<Change> {
    let (kind, id) = text.split_once(':')?;
    let id = Uuid::try_parse(id).ok()?;
    match kind {
        "member" => Some(Change::Member(MemberId(id))),
        "session" => Some(Change::Session(SessionId(id))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_round_trip_and_other_text_is_rejected() {
        let id = Uuid::from_u128(0x0193_4a5b_6c7d_7e8f_9012_3456_789a_bcde);
        for change in [Change::Member(MemberId(id)), Change::Session(SessionId(id))] {
            assert_eq!(decode(&encode(&change)), Some(change));
        }
        for other in ["", "member", "member:", "member:x", "app:01934a5b6c7d7e8f90123456789abcde"] {
            assert_eq!(decode(other), None, "{other}");
        }
    }
}
