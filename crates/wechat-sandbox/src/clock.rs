//! Virtual clock of the sandbox.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time on the sandbox's clock since the Unix epoch.
pub(crate) type Timestamp = Duration;

/// Clock that runs at the machine's speed and can be moved forward.
#[derive(Default)]
pub(crate) struct Clock {
    /// Lead over the machine's clock.
    offset: Duration,
}

impl Clock {
    /// Current time on this clock.
    pub(crate) fn now(&self) -> Timestamp {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        machine.saturating_add(self.offset)
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.offset = self.offset.saturating_add(by);
    }

    /// Converts a timestamp of this clock to the time on the machine's clock.
    pub(crate) fn to_machine_time(&self, at: Timestamp) -> Duration {
        at.saturating_sub(self.offset)
    }
}
