//! Requests counted in the memory of this process.

pub mod metered;

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::rate_limit::{Bucket, LimitKey, Quota, RateLimited};
use domain::model::timestamp::Timestamp;
use domain::ports::rate_limiter::RateLimiter;

/// How many keys one generation holds: both of them full take about 11 MB.
const GENERATION: usize = 65_536;

/// Counts for one instance of this service: several of them let as many times as much pass.
///
/// Memory is bound by two generations. Whoever is asked for lives in the young one; when that is full it
/// becomes the old one, and what nobody asked for since then is forgotten. So a crowd of new keys pushes
/// only the silent out, who mostly have nothing left to pay.
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
    /// Counts by this clock.
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
        // Who is refused is kept as well: nobody is forgotten for asking too often.
        if let Some(bucket) = taken.ok().or(bucket) {
            self.keep(key, bucket);
        }
        taken.map(|_| ())
    }

    fn keep(&mut self, key: &LimitKey, bucket: Bucket) {
        if let Some(kept) = self.young.get_mut(key) {
            *kept = bucket;
            return;
        }
        if self.young.len() >= GENERATION {
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
    fn memory_is_bound_whatever_addresses_come() {
        let mut generations = Generations::default();
        for number in 0..300_000 {
            generations.take(&address(number), quota(), NOW).unwrap();
            assert!(generations.young.len() <= GENERATION && generations.old.len() <= GENERATION);
        }
        assert!(size_of::<(LimitKey, Bucket)>() <= 40);
    }

    #[test]
    fn nobody_is_forgotten_for_being_refused() {
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
