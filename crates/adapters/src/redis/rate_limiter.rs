//! Requests counted in Redis, for all instances together.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::rate_limit::{LimitKey, Quota, RateLimited};
use domain::ports::rate_limiter::RateLimiter;
use redis::Script;

use super::Redis;

/// [`Quota::take`], by Redis' own clock where it is given none. What is full again is kept a minute longer. Answers the microseconds until the next
/// request is let pass, or 0. All numbers are below 2⁵³, where Lua's are exact.
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

/// Counts for all instances; as long as Redis does not answer, each counts for itself.
pub struct RedisRateLimiter {
    redis: Redis,
    alone: Arc<dyn RateLimiter>,
    clock: Option<Arc<dyn Clock>>,
}

impl RedisRateLimiter {
    /// Counts in Redis by its clock, which is one for all, and in `alone` when it does not answer.
    #[must_use]
    pub fn new(redis: Redis, alone: Arc<dyn RateLimiter>) -> Self {
        Self { redis, alone, clock: None }
    }

    /// Counts by this clock.
    #[must_use]
    pub fn by(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited> {
        let now = self.clock.as_ref().map(|clock| clock.now().unix_millis().saturating_mul(1000));
        let mut take = TAKE.prepare_invoke();
        take.key(self.redis.name("limit", &name(key)))
            .arg(now.map_or(String::new(), |now| now.to_string()));
        take.arg(quota.refill()).arg(quota.capacity());
        match self.redis.script::<u64>(&take).await {
            Some(0) => Ok(()),
            Some(early) => {
                Err(RateLimited { retry_after: Duration::from_millis(early.div_ceil(1000)) })
            }
            None => self.alone.take(key, quota).await,
        }
    }
}

/// Under which key it is counted: another one for every other, as the kind comes first and has no colon.
fn name(key: &LimitKey) -> String {
    let whose = match key {
        LimitKey::Address(network)
        | LimitKey::HealthCheck(network)
        | LimitKey::AdminSignIn(network) => network.to_string(),
        LimitKey::App(app) => app.as_str().to_owned(),
        LimitKey::Member(member) => member.0.to_string(),
        LimitKey::Session(session) => session.0.to_string(),
        LimitKey::Service(service) => service.clone(),
    };
    format!("{}:{whose}", key.kind())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use domain::model::app::name::AppName;
    use domain::model::member::MemberId;
    use domain::model::rate_limit::Network;
    use domain::model::session::SessionId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_two_are_counted_under_one_name() {
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
            keys.push(LimitKey::Service(text.to_owned()));
        }
        let names: HashSet<_> = keys.iter().map(name).collect();
        assert_eq!(names.len(), keys.len(), "{names:?}");
    }
}
