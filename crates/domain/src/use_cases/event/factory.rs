//! Factory of audit events and domain events.

use crate::model::audit::AuditEvent;
use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::event::{DomainEvent, EventKind};
use crate::model::id::uuid_v7;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::ports::request_context::RequestContext;
use crate::use_cases::ports::Ports;
use std::sync::Arc;

/// What makes events: it knows the time and the request that is being served.
#[derive(Clone)]
pub struct EventFactory {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// The request that is being served.
    pub requests: Arc<dyn RequestContext>,
}

impl EventFactory {
    /// Connects the factory with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            clock: ports.clock.clone(),
            random: ports.random.clone(),
            requests: ports.request_context.clone(),
        }
    }

    /// Something that happened now.
    #[must_use]
    pub fn event(&self, kind: AuditKind) -> AuditEvent {
        let at = self.clock.now();
        AuditEvent {
            id: uuid_v7(at, self.random.as_ref()),
            at,
            kind,
            detail: None,
            member: None,
            session: None,
            merged_member: None,
            app: None,
            actor: None,
            target_admin: None,
            request: self.requests.request_id(),
        }
    }

    /// Something that happened now, for systems outside.
    #[must_use]
    pub fn domain_event(&self, kind: EventKind, member: MemberId) -> DomainEvent {
        DomainEvent::new(kind, member, self.clock.now(), self.random.as_ref())
    }
}
