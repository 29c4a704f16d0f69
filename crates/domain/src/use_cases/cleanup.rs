//! Forget what has outlived its purpose.

use std::sync::Arc;
use std::time::Duration;

use crate::model::admin::AdminSessionPolicy;
use crate::model::clock::Clock;
use crate::model::event::delivery::ReceiverName;
use crate::model::provider::session_key::SESSION_KEY_TTL;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;

/// How long events wait for receivers that are configured no more: they may be by mistake, or elsewhere
/// already.
const ORPHAN_RETENTION: Duration = Duration::from_hours(30 * 24);

/// The use case: to be run every minute or so, by any instance.
pub struct Cleanup {
    /// Where everything lasting is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long administrators stay signed in.
    pub admin_sessions: AdminSessionPolicy,
    /// How long security events are kept; for ever when `None`.
    pub audit_retention: Option<Duration>,
    /// The receivers that are told of events.
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

    /// Forgets the login codes whose time is over, and the answers kept for them; session keys that no
    /// login replaced for long; administrators' sessions that have ended; what happened long ago; and
    /// events that nobody is told of any more.
    pub async fn run(&self) -> Result<(), StoreError> {
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            let now = self.clock.now();
            work.redemptions().delete_expired(now).await?;
            work.session_keys().delete_obtained_before(now.minus(SESSION_KEY_TTL)).await?;
            work.admins().delete_sessions_before(now.minus(self.admin_sessions.idle)).await?;
            if let Some(age) = self.audit_retention {
                work.audit().delete_before(now.minus(age)).await?;
            }
            work.commit().await
        })
        .await?;
        self.delete_orphans().await
    }

    async fn delete_orphans(&self) -> Result<(), StoreError> {
        let then = self.clock.now().minus(ORPHAN_RETENTION);
        let orphans = retry_on_contention(|| async {
            let work = self.store.begin().await?;
            let orphans = work.outbox().remove_orphans(&self.receivers, then).await?;
            work.commit().await.map(|()| orphans)
        })
        .await?;
        if orphans > 0 {
            tracing::error!(orphans, "given up: events for receivers that are configured no more");
        }
        Ok(())
    }
}
