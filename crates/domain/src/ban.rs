//! Keep a member out, or let them in again.

use std::sync::Arc;

use crate::audit::{AuditEvent, AuditKind};
use crate::member::{Member, MemberId};
use crate::ports::clock::Clock;
use crate::ports::random::Random;
use crate::ports::store::{Store, StoreError, UpdateError};
use crate::timestamp::Timestamp;

/// How often a ban is tried anew after someone else wrote the same member first.
const ATTEMPTS: u32 = 5;

/// The use cases.
pub struct Ban {
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BanError {
    /// There is no such member.
    #[error("there is no such member")]
    NotFound,
    /// Others were faster, time and again.
    #[error("the change lost a race {ATTEMPTS} times")]
    Contended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ban {
    /// Keeps the member out: no login, no refresh and no token of theirs works once this is done.
    pub async fn ban(&self, member: MemberId) -> Result<(), BanError> {
        self.change(member, AuditKind::Banned, Member::ban).await
    }

    /// Lets the member log in again.
    pub async fn unban(&self, member: MemberId) -> Result<(), BanError> {
        self.change(member, AuditKind::Unbanned, Member::unban).await
    }

    async fn change(
        &self,
        id: MemberId,
        kind: AuditKind,
        apply: impl Fn(&mut Member, Timestamp) + Send,
    ) -> Result<(), BanError> {
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let work = self.store.begin().await?;
            let mut member = work.members().find(id).await?.ok_or(BanError::NotFound)?;
            apply(&mut member, now);
            match work.members().update(&member).await {
                Ok(()) => {}
                // What is banned holds nothing unique that could be new: another look decides.
                Err(UpdateError::Stale | UpdateError::Taken) => continue,
                Err(UpdateError::Store(error)) => return Err(error.into()),
            }
            work.sessions().remove_all(id).await?;
            let event = AuditEvent::new(kind, id, None, now, self.random.as_ref());
            work.audit().record(&event).await?;
            return Ok(work.commit().await?);
        }
        Err(BanError::Contended)
    }
}
