//! State that instances share through Redis, if it is configured.

use std::sync::Arc;

use adapters::cache::invalidation::{ChangeNotifier, InvalidationLog};
use adapters::cache::member_cache::MemberCache;
use adapters::crypto::sealer::Sealer;
use adapters::rate_limiter::MemoryRateLimiter;
use adapters::redis::Redis;
use adapters::redis::access_token_cache::RedisAccessTokenCache;
use adapters::redis::change_notifier::RedisChangeNotifier;
use adapters::redis::rate_limiter::RedisRateLimiter;
use adapters::store::SeaStore;
use adapters::wechat::access_token_cache::AccessTokenCache;
use domain::model::clock::Clock;
use domain::ports::rate_limiter::RateLimiter;
use prometheus_client::registry::Registry;

use crate::config::Config;

/// Connections to the other instances.
pub struct SharedState {
    redis: Option<Redis>,
    changes: Arc<InvalidationLog>,
    change_notifier: Arc<dyn ChangeNotifier>,
}

impl SharedState {
    /// Connects to Redis, if it is configured. The service works without it until it responds.
    pub async fn open(config: &Config) -> Self {
        let changes = Arc::new(InvalidationLog::new(config.member_ttl));
        let redis = match config.redis_url.clone() {
            Some(url) => Some(Redis::connect(url, config.redis_prefix.clone()).await),
            None => None,
        };
        let change_notifier: Arc<dyn ChangeNotifier> = match redis.clone() {
            Some(redis) => Arc::new(RedisChangeNotifier::new(redis, Arc::clone(&changes))),
            None => Arc::clone(&changes) as Arc<dyn ChangeNotifier>,
        };
        Self { redis, changes, change_notifier }
    }

    /// Notifier of committed changes.
    #[must_use]
    pub fn change_notifier(&self) -> Arc<dyn ChangeNotifier> {
        Arc::clone(&self.change_notifier)
    }

    /// Rate limiter.
    pub(super) fn rate_limiter(&self, clock: &Arc<dyn Clock>) -> Arc<dyn RateLimiter> {
        let fallback = Arc::new(MemoryRateLimiter::new(Arc::clone(clock)));
        match self.redis.clone() {
            Some(redis) => Arc::new(RedisRateLimiter::new(redis, fallback)),
            None => fallback,
        }
    }

    /// Cache of WeChat's access tokens, shared by all instances; `None` without Redis.
    pub(super) fn access_token_cache(
        &self,
        sealer: &Arc<Sealer>,
        clock: &Arc<dyn Clock>,
    ) -> Option<Arc<dyn AccessTokenCache>> {
        let redis = self.redis.clone()?;
        Some(Arc::new(RedisAccessTokenCache::new(redis, Arc::clone(sealer), Arc::clone(clock))))
    }

    /// Returns the cache of members and sessions in front of the store.
    pub(super) fn member_cache(&self, store: &Arc<SeaStore>) -> Arc<MemberCache> {
        Arc::new(MemberCache::new(store.clone(), store.clone(), Arc::clone(&self.changes)))
    }

    /// Registers the metrics of Redis.
    pub(super) fn register(&self, registry: &mut Registry) {
        if let Some(redis) = &self.redis {
            redis.register(registry);
        }
    }
}
