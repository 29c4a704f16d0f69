//! Change what a member says of themselves.

use std::sync::Arc;

use crate::member::{Banned, Member, ProfileChange};
use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError, UpdateError};
use crate::ports::tokens::Caller;

/// How often a change is applied anew after someone else wrote the same member first.
const ATTEMPTS: u32 = 5;

/// The use case.
pub struct UpdateProfile {
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why a profile was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateProfileError {
    /// The token is good, but its member is no more.
    #[error("the member is no more")]
    Gone,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// Others were faster, time and again.
    #[error("the change lost a race {ATTEMPTS} times")]
    Contended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UpdateProfile {
    /// Applies the change to the caller's own member, and tells what the member is then.
    pub async fn run(
        &self,
        caller: &Caller,
        change: ProfileChange,
    ) -> Result<Member, UpdateProfileError> {
        for _ in 0..ATTEMPTS {
            let work = self.store.begin().await?;
            let found = work.members().find(caller.member).await?;
            let mut member = found.ok_or(UpdateProfileError::Gone)?;
            member.ensure_active()?;
            if !member.change_profile(change.clone(), self.clock.now()) {
                return Ok(member);
            }
            match work.members().update(&member).await {
                Ok(()) => {
                    work.commit().await?;
                    return Ok(member);
                }
                // A profile holds nothing unique: whatever was in the way, another look decides.
                Err(UpdateError::Stale | UpdateError::Taken) => {}
                Err(UpdateError::Store(error)) => return Err(error.into()),
            }
        }
        Err(UpdateProfileError::Contended)
    }
}
