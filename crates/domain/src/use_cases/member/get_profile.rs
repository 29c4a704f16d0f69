//! Tell callers who they are.

use std::sync::Arc;

use crate::model::member::{Banned, Member};
use crate::model::session::claims::Caller;
use crate::ports::store::error::StoreError;
use crate::ports::store::members::MemberReader;
use crate::use_cases::ports::Ports;

/// The use case.
pub struct GetProfile {
    /// Members.
    pub members: Arc<dyn MemberReader>,
}

/// Why callers are not told who they are.
#[derive(Debug, thiserror::Error)]
pub enum GetProfileError {
    /// The token is good, but its member is no more.
    #[error("the member is no more")]
    NotFound,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GetProfile {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { members: ports.readers.profiles.clone() }
    }

    /// The member behind a verified token.
    pub async fn run(&self, caller: &Caller) -> Result<Member, GetProfileError> {
        let member = self.members.find(caller.member).await?.ok_or(GetProfileError::NotFound)?;
        member.ensure_active()?;
        Ok(member)
    }
}
