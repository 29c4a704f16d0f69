//! Quotas of endpoints: the allowance of an app and its usage.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::errcode::Errcode;

/// Allowance of one app at one endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    /// Calls from midnight to midnight in China.
    pub(crate) daily: u64,
    /// Calls in a minute, and the error above that limit. Absent where WeChat publishes no figure.
    pub(crate) per_minute: Option<(u64, Errcode)>,
}

/// Calls of one app at one endpoint.
#[derive(Default)]
pub(crate) struct Usage {
    day: u64,
    calls: u64,
    minute: Window,
}

impl Usage {
    /// Counts a call and rejects it above the allowance if limits are `enforced`.
    pub(crate) fn count_call(
        &mut self,
        allowance: Allowance,
        now: Timestamp,
        enforced: bool,
    ) -> Result<(), Errcode> {
        let calls = self.calls_today(now);
        if enforced && calls >= allowance.daily {
            return Err(Errcode::DAILY_QUOTA);
        }
        let in_minute = self.minute.count(now);
        if let Some((limit, errcode)) = allowance.per_minute
            && enforced
            && in_minute > limit
        {
            return Err(errcode);
        }
        self.day = day(now);
        self.calls = calls + 1;
        Ok(())
    }

    /// Number of calls today.
    pub(crate) fn calls_today(&self, now: Timestamp) -> u64 {
        if self.day == day(now) { self.calls } else { 0 }
    }
}

/// Calls in one minute, which begins with the first of them.
#[derive(Default)]
pub(crate) struct Window {
    start: Timestamp,
    calls: u64,
}

impl Window {
    /// Counts a call and returns the number of calls in this minute.
    pub(crate) fn count(&mut self, now: Timestamp) -> u64 {
        if now.saturating_sub(self.start) >= Duration::from_mins(1) {
            *self = Self { start: now, calls: 0 };
        }
        self.calls += 1;
        self.calls
    }
}

/// Number of the day. WeChat counts days in China Standard Time, eight hours ahead of UTC.
pub(crate) fn day(now: Timestamp) -> u64 {
    now.saturating_add(Duration::from_hours(8)).as_secs() / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Allowance = Allowance { daily: 3, per_minute: Some((2, Errcode::MINUTE_QUOTA)) };

    #[test]
    fn limits_apply_per_minute_and_per_day_in_china() {
        let mut usage = Usage::default();
        let noon = Duration::from_hours(24 * 365 + 4);
        let mut call =
            |after: u64| usage.count_call(SMALL, noon + Duration::from_secs(after), true);
        assert_eq!(call(0), Ok(()));
        assert_eq!(call(1), Ok(()));
        assert_eq!(call(59), Err(Errcode::MINUTE_QUOTA));
        assert_eq!(call(60), Ok(()));
        assert_eq!(call(120), Err(Errcode::DAILY_QUOTA));
        assert_eq!(call(12 * 3600 - 1), Err(Errcode::DAILY_QUOTA));
        assert_eq!(call(12 * 3600), Ok(()), "midnight in China");
    }

    #[test]
    fn calls_are_counted_when_limits_are_lifted() {
        let mut usage = Usage::default();
        for _ in 0..5 {
            assert_eq!(usage.count_call(SMALL, Timestamp::ZERO, false), Ok(()));
        }
        assert_eq!(usage.calls_today(Timestamp::ZERO), 5);
    }
}
