//! What instances share besides the database: by way of Redis where there is one.

use std::sync::Arc;

use adapters::cache::invalidation::{InvalidationLog, ChangeNotifier};
use adapters::cache::member_cache::MemberCache;
use adapters::crypto::sealer::Sealer;
use adapters::rate_limiter::MemoryRateLimiter;
use adapters::redis::Redis;
use adapters::redis::access_token_cache::RedisTokenShelf;
use adapters::redis::change_notifier::RedisNews;
use adapters::redis::rate_limiter::RedisRateLimiter;
use adapters::store::SeaStore;
use adapters::wechat::access_token_cache::TokenShelf;
use domain::model::clock::Clock;
use domain::ports::rate_limiter::RateLimiter;
use domain::ports::store::members::MemberReader;
use prometheus_client::registry::Registry;

use crate::config::Config;

/// The ways there are to other instances.
pub struct SharedState {
    redis: Option<Redis>,
    changes: Arc<InvalidationLog>,
    news: Arc<dyn ChangeNotifier>,
}

impl SharedState {
    /// Connects to Redis, if one is configured; goes on without it while it does not answer.
    pub async fn open(config: &Config) -> Self {
        let changes = Arc::new(InvalidationLog::new(config.member_ttl));
        let redis = match config.redis_url.clone() {
            Some(url) => Some(Redis::open(url, config.redis_prefix.clone()).await),
            None => None,
        };
        let news: Arc<dyn ChangeNotifier> = match redis.clone() {
            Some(redis) => Arc::new(RedisNews::new(redis, Arc::clone(&changes))),
            None => Arc::clone(&changes) as Arc<dyn ChangeNotifier>,
        };
        Self { redis, changes, news }
    }

    /// Who is told of what the store changes.
    #[must_use]
    pub fn news(&self) -> Arc<dyn ChangeNotifier> {
        Arc::clone(&self.news)
    }

    /// What counts requests.
    pub(super) fn limiter(&self, clock: &Arc<dyn Clock>) -> Arc<dyn RateLimiter> {
        let alone = Arc::new(MemoryRateLimiter::new(Arc::clone(clock)));
        match self.redis.clone() {
            Some(redis) => Arc::new(RedisRateLimiter::new(redis, alone)),
            None => alone,
        }
    }

    /// Where access tokens are left for the other instances.
    pub(super) fn shelf(
        &self,
        sealer: &Arc<Sealer>,
        clock: &Arc<dyn Clock>,
    ) -> Option<Arc<dyn TokenShelf>> {
        let redis = self.redis.clone()?;
        Some(Arc::new(RedisTokenShelf::new(redis, Arc::clone(sealer), Arc::clone(clock))))
    }

    /// What remembers the members in the store for a moment.
    pub(super) fn remembering(&self, store: &Arc<SeaStore>) -> Arc<dyn MemberReader> {
        Arc::new(MemberCache::new(store.clone(), Arc::clone(&self.changes)))
    }

    /// Shows operators how Redis goes.
    pub(super) fn register(&self, registry: &mut Registry) {
        if let Some(redis) = &self.redis {
            redis.register(registry);
        }
    }
}
