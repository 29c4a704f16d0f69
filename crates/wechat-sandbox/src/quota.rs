//! How often an endpoint may be called, and how often it was.

use std::time::Duration;

use crate::errcode::Errcode;
use crate::state::Moment;

/// How often one app may call one endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    /// Calls from midnight to midnight in China.
    pub(crate) daily: u64,
    /// Calls within a minute, and the error above that; none where WeChat publishes no figure.
    pub(crate) per_minute: Option<(u64, Errcode)>,
}

/// How often one app has called one endpoint.
#[derive(Default)]
pub(crate) struct Usage {
    day: u64,
    used: u64,
    minute: Window,
}

impl Usage {
    /// Counts a call; when `enforced`, refuses it if it is one too many.
    pub(crate) fn spend(
        &mut self,
        allowance: Allowance,
        now: Moment,
        enforced: bool,
    ) -> Result<(), Errcode> {
        let used = self.used(now);
        if enforced && used >= allowance.daily {
            return Err(Errcode::DAILY_QUOTA);
        }
        let in_minute = self.minute.count(now);
        if let Some((limit, errcode)) = allowance.per_minute
            && enforced
            && in_minute > limit
        {
            return Err(errcode);
        }
        (self.day, self.used) = (day(now), used + 1);
        Ok(())
    }

    /// The calls of this day.
    pub(crate) fn used(&self, now: Moment) -> u64 {
        if self.day == day(now) { self.used } else { 0 }
    }
}

/// Calls within a minute that begins with the first of them.
#[derive(Default)]
pub(crate) struct Window {
    start: Moment,
    calls: u64,
}

impl Window {
    /// Counts a call and answers how many this minute has seen.
    pub(crate) fn count(&mut self, now: Moment) -> u64 {
        if now.saturating_sub(self.start) >= Duration::from_mins(1) {
            *self = Self { start: now, calls: 0 };
        }
        self.calls += 1;
        self.calls
    }
}

/// A number for each day. WeChat counts days in China's time, eight hours ahead of UTC.
pub(crate) fn day(now: Moment) -> u64 {
    now.saturating_add(Duration::from_hours(8)).as_secs() / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Allowance = Allowance { daily: 3, per_minute: Some((2, Errcode::MINUTE_QUOTA)) };

    #[test]
    fn a_minute_and_a_day_end() {
        let mut usage = Usage::default();
        let noon = Duration::from_hours(24 * 365 + 4);
        let mut spend = |after: u64| usage.spend(SMALL, noon + Duration::from_secs(after), true);
        assert_eq!(spend(0), Ok(()));
        assert_eq!(spend(1), Ok(()));
        assert_eq!(spend(59), Err(Errcode::MINUTE_QUOTA));
        assert_eq!(spend(60), Ok(()));
        assert_eq!(spend(120), Err(Errcode::DAILY_QUOTA));
        assert_eq!(spend(12 * 3600 - 1), Err(Errcode::DAILY_QUOTA));
        assert_eq!(spend(12 * 3600), Ok(()), "midnight in China");
    }

    #[test]
    fn lifted_limits_still_count() {
        let mut usage = Usage::default();
        for _ in 0..5 {
            assert_eq!(usage.spend(SMALL, Moment::ZERO, false), Ok(()));
        }
        assert_eq!(usage.used(Moment::ZERO), 5);
    }
}
