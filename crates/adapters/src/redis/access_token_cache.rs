//! WeChat's access tokens in Redis, sealed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::clock::Clock;
use redis::Cmd;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};

use super::Redis;
use crate::crypto::sealer::{Place, Sealer};
use crate::wechat::access_token::serves_for;
use crate::wechat::access_token_cache::{Found, SharedToken, TokenShelf};

/// How long a fetch by another instance is waited for: what a call to WeChat may take.
const FETCH_MAX: Duration = Duration::from_millis(1_500);

/// How often one who waits looks.
const LOOK: Duration = Duration::from_millis(25);

/// The tokens of all instances with this sealing key.
pub struct RedisTokenShelf {
    redis: Redis,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
}

impl RedisTokenShelf {
    /// Keeps tokens in Redis, sealed by `sealer`, and tells their ends by `clock`.
    #[must_use]
    pub fn new(redis: Redis, sealer: Arc<Sealer>, clock: Arc<dyn Clock>) -> Self {
        Self { redis, sealer, clock }
    }

    /// What is there; the outer `None` when Redis does not answer.
    async fn look(
        &self,
        app_id: &str,
        refused: Option<&SecretString>,
    ) -> Option<Option<SharedToken>> {
        let sealed: Option<Vec<u8>> =
            self.redis.command(&Cmd::get(self.redis.name("access-token", app_id))).await?;
        let opened = sealed.and_then(|sealed| self.sealer.open(place(app_id), &sealed).ok());
        let found = opened.and_then(|opened| {
            let (until, token) = opened.split_first_chunk::<8>()?;
            let left = i64::from_be_bytes(*until) - self.clock.now().unix_seconds();
            let token = SecretString::from(str::from_utf8(token).ok()?);
            (left > 0).then_some(SharedToken { token, expires_in: left })
        });
        let refused = refused.map(ExposeSecret::expose_secret);
        Some(found.filter(|found| Some(found.token.expose_secret()) != refused))
    }

    /// Whether nobody else has the turn; `None` when Redis does not answer.
    async fn take_turn(&self, app_id: &str) -> Option<bool> {
        let mut claim = redis::cmd("SET");
        claim.arg(self.redis.name("access-token-fetch", app_id)).arg("").arg("NX");
        claim.arg("PX").arg(millis(FETCH_MAX));
        let taken: Option<String> = self.redis.command(&claim).await?;
        Some(taken.is_some())
    }
}

#[async_trait]
impl TokenShelf for RedisTokenShelf {
    async fn find(&self, app_id: &str, refused: Option<&SecretString>) -> Found {
        let begun = Instant::now();
        loop {
            match self.look(app_id, refused).await {
                Some(Some(token)) => return Found::Token(token),
                Some(None) => {}
                None => return Found::Nothing,
            }
            match self.take_turn(app_id).await {
                Some(true) => return Found::Turn,
                Some(false) if begun.elapsed() < FETCH_MAX => sleep(LOOK).await,
                Some(false) | None => return Found::Nothing,
            }
        }
    }

    async fn leave(&self, app_id: &str, token: &SharedToken) {
        let until = self.clock.now().unix_seconds().saturating_add(token.expires_in);
        let text = [&until.to_be_bytes()[..], token.token.expose_secret().as_bytes()].concat();
        let sealed = self.sealer.seal(place(app_id), &text);
        let name = self.redis.name("access-token", app_id);
        let kept = serves_for(token.expires_in);
        // Whoever finds nothing asks WeChat.
        let _: Option<()> = self.redis.command(&Cmd::pset_ex(name, sealed, millis(kept))).await;
        let claim = self.redis.name("access-token-fetch", app_id);
        let _: Option<u64> = self.redis.command(&Cmd::del(claim)).await;
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn place(app_id: &str) -> Place<'_> {
    Place { table: "redis", column: "access_token", row: app_id.as_bytes() }
}
