//! Whether the server is about to stop, so that nobody sends it anything new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Begun once, seen by every request; clones are one.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<AtomicBool>);

impl Drain {
    /// From now on the service says that it is not ready, and closes connections behind its answers:
    /// load balancers turn to other instances, and none is left with a connection that is about to end.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
