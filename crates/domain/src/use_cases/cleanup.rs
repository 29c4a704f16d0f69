//! Cleanup of expired rows.

use std::sync::Arc;
use std::time::Duration;

use crate::model::admin::AdminSessionPolicy;
use crate::model::clock::Clock;
use crate::model::event::delivery::ReceiverName;
use crate::model::provider::session_key::SESSION_KEY_TTL;
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;

/// Retention of events for receivers that are not configured. They may be missing by mistake, or
/// configured on other instances already.
const ORPHAN_RETENTION: Duration = Duration::from_hours(30 * 24);

/// Deletes expired rows. Any instance runs it about every minute.
pub struct Cleanup {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Lifetime of administrators' sessions.
    pub admin_sessions: AdminSessionPolicy,
    /// Retention of audit events; `None` keeps them forever.
    pub audit_retention: Option<Duration>,
    /// Configured webhook receivers.
    pub receivers: Vec<ReceiverName>,
}

impl Cleanup {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            store: ports.store.clone(),
            clock: ports.clock.clone(),
            admin_sessions: policies.admin_sessions,
            audit_retention: policies.audit_retention,
            receivers: policies.webhook_receivers.clone(),
        }
    }

    /// Deletes expired login codes with their responses, session keys that no login has replaced,
    /// administrators' sessions that have ended, old audit events and orphaned webhook events.
    pub async fn run(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        retry_on_contention(|| self.delete_expired(now)).await?;
        let orphans = retry_on_contention(|| self.delete_orphans(now)).await?;
        if orphans > 0 {
            tracing::error!(orphans, "deleted webhook events of receivers that are not configured");
        }
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        let work = self.store.begin().await?;
        work.redemptions().delete_expired(now).await?;
        work.session_keys().delete_obtained_before(now.minus(SESSION_KEY_TTL)).await?;
        work.admins().delete_sessions_before(now.minus(self.admin_sessions.idle)).await?;
        if let Some(retention) = self.audit_retention {
            work.audit().delete_before(now.minus(retention)).await?;
        }
        work.commit().await
    }

    async fn delete_orphans(&self, now: Timestamp) -> Result<u64, StoreError> {
        let work = self.store.begin().await?;
        let then = now.minus(ORPHAN_RETENTION);
        let orphans = work.outbox().remove_orphans(&self.receivers, then).await?;
        work.commit().await?;
        Ok(orphans)
    }
}
