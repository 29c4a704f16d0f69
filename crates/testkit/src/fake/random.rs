//! Deterministic randomness.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::model::random::Random;

/// Random source with a seed: equal seeds give equal bytes. For tests only.
#[derive(Debug)]
pub struct FixedRandom(AtomicU64);

impl FixedRandom {
    /// Creates a source from a seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Returns the next 64 bits of `SplitMix64` (Steele, Lea and Flood 2014).
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Default for FixedRandom {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Random for FixedRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(self.next().to_be_bytes()) {
                *byte = random;
            }
        }
    }
}
