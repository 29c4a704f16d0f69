//! Generations of connections: which pooled connections may be used again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Minimum time between two generations, so that a database that goes on failing does not cost a new
/// connection for every statement.
const MIN_AGE: Duration = Duration::from_secs(1);

/// Current generation of the connections of a pool. Connections of earlier generations are closed at their
/// next use or return.
#[derive(Debug, Default)]
pub(crate) struct ConnectionGeneration(Mutex<Option<Instant>>);

impl ConnectionGeneration {
    /// Retires all connections that are open.
    ///
    /// After a statement without response, the state of its connection is unknown, and the others probably
    /// lead to the same server. After a write that a read-only server refused, all of them do.
    pub(crate) fn retire(&self) {
        let now = Instant::now();
        let mut began = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if began.is_none_or(|began| now.duration_since(began) >= MIN_AGE) {
            tracing::warn!("database connections are closed and opened again");
            *began = Some(now);
        }
    }

    /// Returns true if a connection of this age is of the current generation.
    pub(crate) fn is_current(&self, age: Duration) -> bool {
        let began = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        began.is_none_or(|began| age < began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn retired_connections_are_not_current_and_later_ones_are() {
        let generation = ConnectionGeneration::default();
        assert!(generation.is_current(Duration::from_hours(24)));
        let opened = Instant::now();
        sleep(Duration::from_millis(2)).await;
        generation.retire();
        sleep(Duration::from_millis(2)).await;
        assert!(!generation.is_current(opened.elapsed()));
        assert!(generation.is_current(Duration::ZERO));
    }
}
