//! What changed of members, told to the other instances by way of Redis.

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

use super::{ANSWER_MAX, RETRY, Redis};
use crate::cache::invalidation::{Change, InvalidationLog, ChangeNotifier};

/// How often a connection that brings nothing is tried out.
const SILENCE: Duration = Duration::from_secs(1);

/// Tells this instance and the others. What is not heard, because Redis is down or forgets it, is known by
/// itself when what was remembered is too old.
pub struct RedisNews {
    redis: Redis,
    changes: Arc<InvalidationLog>,
    hearing: JoinHandle<()>,
}

impl RedisNews {
    /// Tells others by `redis`, and notes what they tell in `changes`.
    #[must_use]
    pub fn new(redis: Redis, changes: Arc<InvalidationLog>) -> Self {
        let hearing = tokio::spawn(hear(redis.clone(), Arc::clone(&changes)));
        Self { redis, changes, hearing }
    }
}

impl Drop for RedisNews {
    fn drop(&mut self) {
        self.hearing.abort();
    }
}

#[async_trait]
impl ChangeNotifier for RedisNews {
    async fn notify(&self, changes: &[Change]) {
        self.changes.notify(changes).await;
        let text = changes.iter().map(written).collect::<Vec<_>>().join(" ");
        let mut publish = redis::cmd("PUBLISH");
        // Whether anybody heard it is no matter.
        let _: Option<u64> = self.redis.command(publish.arg(channel(&self.redis)).arg(text)).await;
    }
}

/// Where all instances tell and hear.
fn channel(redis: &Redis) -> String {
    redis.name("news", "members")
}

/// Hears until the end, over one connection after the other.
async fn hear(redis: Redis, changes: Arc<InvalidationLog>) {
    loop {
        // Why it ended is known to whoever next asks Redis for something.
        let _ended = hear_once(&redis, &changes).await;
        sleep(RETRY).await;
    }
}

async fn hear_once(redis: &Redis, changes: &InvalidationLog) -> RedisResult<()> {
    let mut listening = redis.listen().await?;
    listening.subscribe(channel(redis)).await?;
    // What was told while nobody listened is lost.
    changes.invalidate_all();
    let (mut asking, mut told) = listening.split();
    loop {
        match timeout(SILENCE, told.next()).await {
            Ok(Some(message)) => note(&message, changes),
            Ok(None) => return Ok(()),
            Err(_) => {
                let answer = timeout(ANSWER_MAX, asking.ping::<redis::Value>()).await;
                answer.map_err(|_| super::late())??;
            }
        }
    }
}

/// What one does not understand may be anything: all is forgotten then.
fn note(message: &Msg, changes: &InvalidationLog) {
    let text = str::from_utf8(message.get_payload_bytes()).unwrap_or_default();
    match text.split(' ').map(read).collect::<Option<Vec<_>>>() {
        Some(told) => changes.record(&told),
        None => changes.invalidate_all(),
    }
}

fn written(change: &Change) -> String {
    match change {
        Change::Member(member) => format!("member:{}", member.0.simple()),
        Change::Session(session) => format!("session:{}", session.0.simple()),
    }
}

fn read(text: &str) -> Option<Change> {
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
    fn what_is_written_is_read() {
        let id = Uuid::from_u128(0x0193_4a5b_6c7d_7e8f_9012_3456_789a_bcde);
        for change in [Change::Member(MemberId(id)), Change::Session(SessionId(id))] {
            assert_eq!(read(&written(&change)), Some(change));
        }
        for other in ["", "member", "member:", "member:x", "app:01934a5b6c7d7e8f90123456789abcde"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
