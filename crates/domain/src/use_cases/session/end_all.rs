//! End of all sessions, and the epoch of sessions.
//!
//! A restored backup contains sessions that have ended since, and refresh tokens that were exchanged since.
//! The epoch is configured outside of the database, and part of every refresh token. Raising it after a
//! restore rejects all refresh tokens from before, whatever the database contains.

use std::sync::Arc;

use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::retry::retry_on_contention;

/// Maximum number of sessions that one unit of work ends.
const BATCH_SIZE: u64 = 1_000;

/// Detail of the audit event.
const ALL_MEMBERS: &str = "all members";

/// Ends the sessions of all members.
pub struct EndAllSessions {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Configured epoch of sessions.
    pub epoch: u32,
}

/// Reason why the configured epoch cannot be used with the sessions in the store.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The sessions are of an earlier epoch: the epoch was raised, or the database was restored from a
    /// backup.
    #[error("the sessions in the database are of epoch {stored}, which is over")]
    Outdated {
        /// Epoch of the stored sessions.
        stored: u32,
    },
    /// The sessions are of a later epoch: the configured epoch was not raised, or was lowered.
    #[error(
        "the sessions in the database are of epoch {stored}, which is later than the configured one"
    )]
    NotRaised {
        /// Epoch of the stored sessions.
        stored: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EndAllSessions {
    /// Checks that the stored sessions are of the configured epoch.
    pub async fn check_epoch(&self) -> Result<(), EpochError> {
        let stored = self.stored_epoch().await?;
        if stored < self.epoch {
            return Err(EpochError::Outdated { stored });
        }
        self.ensure_raised(stored)
    }

    /// Ends all sessions that were opened before this call, starts the configured epoch, and returns the
    /// number of ended sessions. Calls `report` after every batch.
    ///
    /// Sessions that are opened meanwhile continue. An interrupted run is continued by the next one.
    pub async fn run(&self, report: &(dyn Fn(u64) + Sync)) -> Result<u64, EpochError> {
        self.ensure_raised(self.stored_epoch().await?)?;
        let now = self.clock.now();
        // Recorded first, so that the audit log contains an interrupted run too.
        self.record(now).await?;
        let mut ended = 0;
        loop {
            let batch = retry_on_contention(|| self.end_batch(now)).await?;
            ended += batch;
            report(ended);
            if batch == 0 {
                break;
            }
        }
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.sessions().start_epoch(self.epoch).await?;
            work.commit().await
        })
        .await?;
        Ok(ended)
    }

    fn ensure_raised(&self, stored: u32) -> Result<(), EpochError> {
        if stored > self.epoch {
            return Err(EpochError::NotRaised { stored });
        }
        Ok(())
    }

    async fn stored_epoch(&self) -> Result<u32, StoreError> {
        let work = self.store.begin().await?;
        let epoch = work.sessions().epoch().await?;
        work.commit().await?;
        Ok(epoch)
    }

    async fn record(&self, now: Timestamp) -> Result<(), StoreError> {
        let event = self.events.audit_event(AuditKind::SessionsEnded, now).with_detail(ALL_MEMBERS);
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.audit().record(&event).await?;
            work.commit().await
        })
        .await
    }

    async fn end_batch(&self, now: Timestamp) -> Result<u64, StoreError> {
        let work = self.store.begin().await?;
        let ended = work.sessions().remove_opened_until(now, BATCH_SIZE).await?;
        work.commit().await?;
        Ok(ended)
    }
}
