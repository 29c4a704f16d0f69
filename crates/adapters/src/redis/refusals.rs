//! Operations that Redis refuses with an error reply, while its connection works.

use std::time::{Duration, Instant};

/// Pause between two attempts of an operation that Redis refuses.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Kind of operation. Redis may refuse one kind and serve the others, for example when its memory is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Rate limits.
    RateLimit,
    /// Cached access tokens.
    AccessToken,
    /// Published changes.
    Publish,
}

impl Operation {
    /// Name for the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RateLimit => "rate limit",
            Self::AccessToken => "access token",
            Self::Publish => "change notification",
        }
    }
}

/// Time of the last attempt of each refused operation.
#[derive(Default)]
pub(super) struct Refusals {
    rate_limit: Option<Instant>,
    access_token: Option<Instant>,
    publish: Option<Instant>,
}

impl Refusals {
    /// Returns true if the operation may be attempted. A refused operation is attempted once per
    /// [`RETRY_INTERVAL`], by one caller.
    pub(super) fn admit(&mut self, operation: Operation, now: Instant) -> bool {
        match self.slot(operation) {
            None => true,
            Some(last) if now.duration_since(*last) < RETRY_INTERVAL => false,
            Some(last) => {
                *last = now;
                true
            }
        }
    }

    /// Records a refusal. Returns true if the operation was not refused before.
    pub(super) fn record_refusal(&mut self, operation: Operation, now: Instant) -> bool {
        self.slot(operation).replace(now).is_none()
    }

    /// Records a success. Returns true if the operation was refused before.
    pub(super) fn record_success(&mut self, operation: Operation) -> bool {
        self.slot(operation).take().is_some()
    }

    fn slot(&mut self, operation: Operation) -> &mut Option<Instant> {
        match operation {
            Operation::RateLimit => &mut self.rate_limit,
            Operation::AccessToken => &mut self.access_token,
            Operation::Publish => &mut self.publish,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_operation_is_attempted_once_per_interval_until_it_succeeds() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert!(refusals.admit(Operation::RateLimit, at(0)));
        assert!(refusals.record_refusal(Operation::RateLimit, at(0)), "the state changes");
        assert!(!refusals.record_refusal(Operation::RateLimit, at(1)));
        assert!(!refusals.admit(Operation::RateLimit, at(900)));
        assert!(refusals.admit(Operation::Publish, at(900)), "other operations continue");
        assert!(refusals.admit(Operation::RateLimit, at(1_001)));
        assert!(!refusals.admit(Operation::RateLimit, at(1_002)), "one caller attempts it");
        assert!(refusals.record_success(Operation::RateLimit), "the state changes");
        assert!(!refusals.record_success(Operation::RateLimit));
        assert!(refusals.admit(Operation::RateLimit, at(1_003)));
    }
}
