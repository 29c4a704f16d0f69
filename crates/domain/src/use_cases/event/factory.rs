//! Factory of audit events and domain events.

use crate::model::audit::AuditEvent;
use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::event::{DomainEvent, EventKind};
use crate::model::id::time_ordered_id;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::ports::request_context::Requests;
use std::sync::Arc;

/// What makes events: it knows the time and the request that is being served.
#[derive(Clone)]
pub struct Journal {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The request that is being served.
    pub requests: Arc<dyn Requests>,
}

impl Journal {
    /// Something that happened now.
    #[must_use]
    pub fn event(&self, kind: AuditKind) -> AuditEvent {
        let at = self.clock.now();
        AuditEvent {
            id: time_ordered_id(at, self.random.as_ref()),
            at,
            kind,
            detail: None,
            member: None,
            session: None,
            other: None,
            app: None,
            by: None,
            admin: None,
            request: self.requests.current(),
        }
    }

    /// Something that happened now, for systems outside.
    #[must_use]
    pub fn domain_event(&self, kind: EventKind, member: MemberId) -> DomainEvent {
        DomainEvent::new(kind, member, self.clock.now(), self.random.as_ref())
    }
}
