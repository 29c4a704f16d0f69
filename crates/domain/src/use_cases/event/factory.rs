//! Factory of audit events and domain events.

use std::sync::Arc;

use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::event::{DomainEvent, EventKind};
use crate::model::id::uuid_v7;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use crate::ports::request_context::RequestContext;
use crate::use_cases::ports::Ports;

/// Creates events with an id and the current request.
///
/// The caller passes the time, so that a row and all events of one change have the same one.
#[derive(Clone)]
pub struct EventFactory {
    /// Randomness of the ids.
    pub random: Arc<dyn Random>,
    /// Request that the events are attributed to.
    pub request_context: Arc<dyn RequestContext>,
}

impl EventFactory {
    /// Connects the factory with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { random: ports.random.clone(), request_context: ports.request_context.clone() }
    }

    /// Creates an audit event.
    #[must_use]
    pub fn audit_event(&self, kind: AuditKind, now: Timestamp) -> AuditEvent {
        AuditEvent {
            id: uuid_v7(now, self.random.as_ref()),
            at: now,
            kind,
            detail: None,
            count: 1,
            member: None,
            session: None,
            merged_member: None,
            app: None,
            actor: None,
            target_admin: None,
            request: self.request_context.request_id(),
        }
    }

    /// Creates a domain event, for webhooks.
    #[must_use]
    pub fn domain_event(&self, kind: EventKind, member: MemberId, now: Timestamp) -> DomainEvent {
        DomainEvent::new(kind, member, now, self.random.as_ref())
    }
}
