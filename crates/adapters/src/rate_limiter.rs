//! Rate limiter in the memory of this process.

pub mod metered;

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::rate_limit::{Bucket, LimitKey, Quota, RateLimited};
use domain::model::timestamp::Timestamp;
use domain::ports::rate_limiter::RateLimiter;

/// Maximum number of keys in one generation. Two full generations take about 11 MB.
const MAX_KEYS_PER_GENERATION: usize = 65_536;

/// Rate limiter of a single instance. With several instances, each of them allows the full quota.
///
/// Memory is bounded by two generations. Each request moves its key to the young generation. When that is full, it
/// becomes the old generation, and the keys that have not been used since are dropped. A flood of new keys
/// therefore evicts inactive keys only, and most of their buckets are full again anyway.
pub struct MemoryRateLimiter {
    clock: Arc<dyn Clock>,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<LimitKey, Bucket>,
    old: HashMap<LimitKey, Bucket>,
}

impl MemoryRateLimiter {
    /// Creates an empty limiter with this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, generations: Mutex::default() }
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited> {
        let now = self.clock.now();
        self.generations.lock().unwrap_or_else(PoisonError::into_inner).take(key, quota, now)
    }
}

impl Generations {
    fn take(&mut self, key: &LimitKey, quota: Quota, now: Timestamp) -> Result<(), RateLimited> {
        let bucket = self.young.get(key).or_else(|| self.old.get(key)).copied();
        let taken = quota.take(bucket, now);
        // A rejected request keeps its bucket as well. Otherwise a client could be forgotten, and allowed
        // again, by sending too many requests.
        if let Some(bucket) = taken.ok().or(bucket) {
            self.store(key, bucket);
        }
        taken.map(|_| ())
    }

    fn store(&mut self, key: &LimitKey, bucket: Bucket) {
        if let Some(stored) = self.young.get_mut(key) {
            *stored = bucket;
            return;
        }
        if self.young.len() >= MAX_KEYS_PER_GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key.clone(), bucket);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use domain::model::rate_limit::Network;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(0);

    fn quota() -> Quota {
        Quota::new(1, 1).unwrap()
    }

    fn address(number: u32) -> LimitKey {
        LimitKey::Address(Network::of(Ipv4Addr::from_bits(number).into()))
    }

    #[test]
    fn memory_is_bounded_under_a_flood_of_addresses() {
        let mut generations = Generations::default();
        for number in 0..300_000 {
            generations.take(&address(number), quota(), NOW).unwrap();
            assert!(
                generations.young.len() <= MAX_KEYS_PER_GENERATION
                    && generations.old.len() <= MAX_KEYS_PER_GENERATION
            );
        }
        assert!(size_of::<(LimitKey, Bucket)>() <= 40);
    }

    #[test]
    fn rejected_keys_are_not_evicted() {
        let mut generations = Generations::default();
        let persistent = address(u32::MAX);
        generations.take(&persistent, quota(), NOW).unwrap();
        for number in 0..300_000 {
            generations.take(&address(number), quota(), NOW).unwrap();
            if number % 10_000 == 0 {
                generations.take(&persistent, quota(), NOW).unwrap_err();
            }
        }
    }
}
