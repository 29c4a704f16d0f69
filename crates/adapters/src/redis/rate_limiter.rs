//! Rate limiter with buckets in Redis, shared by all instances.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::rate_limit::{LimitKey, Quota, RateLimited};
use domain::ports::rate_limiter::RateLimiter;
use redis::Script;

use super::Redis;
use super::refusals::Operation;

/// [`Quota::take`] as a Lua script. It returns the microseconds until the next request is allowed, or 0.
///
/// Without a time as argument it uses the clock of Redis. A bucket expires a minute after it is full again. All
/// numbers are below 2⁵³, where Lua's are exact.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local now = tonumber(ARGV[1])
        if not now then
            local time = redis.call('TIME')
            now = time[1] * 1000000 + time[2]
        end
        local each, all = tonumber(ARGV[2]), tonumber(ARGV[3])
        local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
        if full_at > now + all or full_at < now then full_at = now end
        full_at = full_at + each
        if full_at > now + all then return full_at - now - all end
        redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', 60000 + math.ceil((full_at - now) / 1000))
        return 0
        ",
    )
});

/// Rate limiter in Redis. While Redis is unavailable, each instance uses its fallback.
pub struct RedisRateLimiter {
    redis: Redis,
    fallback: Arc<dyn RateLimiter>,
    clock: Option<Arc<dyn Clock>>,
}

impl RedisRateLimiter {
    /// Creates a limiter with the clock of Redis, which is the same for all instances, and with `fallback` for
    /// the time that Redis is unavailable.
    #[must_use]
    pub fn new(redis: Redis, fallback: Arc<dyn RateLimiter>) -> Self {
        Self { redis, fallback, clock: None }
    }

    /// Replaces the clock of Redis by this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited> {
        let now = self.clock.as_ref().map(|clock| clock.now().unix_millis().saturating_mul(1000));
        let mut take = TAKE.prepare_invoke();
        take.key(self.redis.key("limit", &key_name(key)))
            .arg(now.map_or(String::new(), |now| now.to_string()));
        take.arg(quota.refill_micros()).arg(quota.capacity_micros());
        match self.redis.script::<u64>(Operation::RateLimit, &take).await {
            Some(0) => Ok(()),
            Some(micros) => {
                Err(RateLimited { retry_after: Duration::from_millis(micros.div_ceil(1000)) })
            }
            None => self.fallback.take(key, quota).await,
        }
    }
}

/// Name of a limit key in Redis. Names are unique because the kind comes first and contains no colon.
fn key_name(key: &LimitKey) -> String {
    let id = match key {
        LimitKey::Address(network)
        | LimitKey::HealthCheck(network)
        | LimitKey::AdminSignIn(network) => network.to_string(),
        LimitKey::AdminAccount(name) => name.as_str().to_owned(),
        LimitKey::App(app) => app.as_str().to_owned(),
        LimitKey::Member(member) => member.0.to_string(),
        LimitKey::Session(session) => session.0.to_string(),
        LimitKey::Service(service) => service.clone(),
    };
    format!("{}:{id}", key.kind())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use domain::model::admin::AdminName;
    use domain::model::app::name::AppName;
    use domain::model::member::MemberId;
    use domain::model::rate_limit::Network;
    use domain::model::session::SessionId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn key_names_are_unique() {
        let addresses: [IpAddr; 3] =
            [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into()];
        let mut keys: Vec<LimitKey> = Vec::new();
        for network in addresses.map(Network::of) {
            keys.extend([
                LimitKey::Address(network),
                LimitKey::HealthCheck(network),
                LimitKey::AdminSignIn(network),
            ]);
        }
        for id in [1, 2] {
            let id = Uuid::from_u128(id);
            keys.extend([LimitKey::Member(MemberId(id)), LimitKey::Session(SessionId(id))]);
            keys.push(LimitKey::Service(id.to_string()));
        }
        for text in ["main", "member:main", "", ":"] {
            keys.extend(AppName::parse(text).ok().map(LimitKey::App));
            keys.extend(AdminName::parse(text).ok().map(LimitKey::AdminAccount));
            keys.push(LimitKey::Service(text.to_owned()));
        }
        let names: HashSet<_> = keys.iter().map(key_name).collect();
        assert_eq!(names.len(), keys.len(), "{names:?}");
    }
}
