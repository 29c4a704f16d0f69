//! Cache of WeChat access tokens in Redis. The tokens are sealed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::clock::Clock;
use redis::{Cmd, FromRedisValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};

use super::Redis;
use super::refusals::Operation;
use crate::crypto::sealer::{SealContext, Sealer};
use crate::wechat::access_token::usable_for;
use crate::wechat::access_token_cache::{AccessTokenCache, Lookup, SharedToken};

/// Lifetime of the fetch lock, and maximum wait for the instance that holds it: the maximum duration of a call to
/// WeChat.
const LOCK_TTL: Duration = Duration::from_millis(1_500);

/// Interval between two lookups while another instance fetches the token.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Access token cache shared by all instances with the same sealing key.
pub struct RedisAccessTokenCache {
    redis: Redis,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
}

impl RedisAccessTokenCache {
    /// Creates a cache whose tokens are sealed by `sealer` and expire by `clock`.
    #[must_use]
    pub fn new(redis: Redis, sealer: Arc<Sealer>, clock: Arc<dyn Clock>) -> Self {
        Self { redis, sealer, clock }
    }

    async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.redis.command(Operation::AccessToken, command).await
    }

    /// Cached token, if it has not expired and is not `refused`. The outer `None` means that Redis is
    /// unavailable.
    async fn get(
        &self,
        app_id: &str,
        refused: Option<&SecretString>,
    ) -> Option<Option<SharedToken>> {
        let sealed: Option<Vec<u8>> =
            self.command(&Cmd::get(self.redis.key("access-token", app_id))).await?;
        let opened = sealed.and_then(|sealed| self.sealer.open(seal_context(app_id), &sealed).ok());
        let cached = opened.and_then(|opened| {
            let (expires_at, token) = opened.split_first_chunk::<8>()?;
            let expires_in = i64::from_be_bytes(*expires_at) - self.clock.now().unix_seconds();
            let token = SecretString::from(str::from_utf8(token).ok()?);
            (expires_in > 0).then_some(SharedToken { token, expires_in })
        });
        let refused = refused.map(ExposeSecret::expose_secret);
        Some(cached.filter(|cached| Some(cached.token.expose_secret()) != refused))
    }

    /// Tries to acquire the fetch lock. `None` means that Redis is unavailable.
    async fn try_lock(&self, app_id: &str) -> Option<bool> {
        let mut set = redis::cmd("SET");
        set.arg(self.redis.key("access-token-fetch", app_id)).arg("").arg("NX");
        set.arg("PX").arg(millis(LOCK_TTL));
        let reply: Option<String> = self.command(&set).await?;
        Some(reply.is_some())
    }
}

#[async_trait]
impl AccessTokenCache for RedisAccessTokenCache {
    async fn get_or_lock(&self, app_id: &str, refused: Option<&SecretString>) -> Lookup {
        let started_at = Instant::now();
        loop {
            match self.get(app_id, refused).await {
                Some(Some(token)) => return Lookup::Hit(token),
                Some(None) => {}
                None => return Lookup::Unavailable,
            }
            match self.try_lock(app_id).await {
                Some(true) => return Lookup::LockAcquired,
                Some(false) if started_at.elapsed() < LOCK_TTL => sleep(POLL_INTERVAL).await,
                Some(false) | None => return Lookup::Unavailable,
            }
        }
    }

    async fn put(&self, app_id: &str, token: &SharedToken) {
        let expires_at = self.clock.now().unix_seconds().saturating_add(token.expires_in);
        let text = [&expires_at.to_be_bytes()[..], token.token.expose_secret().as_bytes()].concat();
        let sealed = self.sealer.seal(seal_context(app_id), &text);
        let key = self.redis.key("access-token", app_id);
        let ttl = millis(usable_for(token.expires_in));
        // A failure needs no handling: the other instances then fetch the token from WeChat.
        let _: Option<()> = self.command(&Cmd::pset_ex(key, sealed, ttl)).await;
        let lock = self.redis.key("access-token-fetch", app_id);
        let _: Option<u64> = self.command(&Cmd::del(lock)).await;
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn seal_context(app_id: &str) -> SealContext<'_> {
    SealContext { table: "redis", column: "access_token", row: app_id.as_bytes() }
}
