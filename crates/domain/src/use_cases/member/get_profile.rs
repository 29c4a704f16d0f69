//! Tell callers who they are.

use std::sync::Arc;

use crate::model::member::{Banned, Member};
use crate::model::session::claims::Caller;
use crate::ports::store::error::StoreError;
use crate::ports::store::members::MemberDirectory;

/// The use case.
pub struct CurrentMember {
    /// Where members are looked up.
    pub directory: Arc<dyn MemberDirectory>,
}

/// Why callers are not told who they are.
#[derive(Debug, thiserror::Error)]
pub enum CurrentMemberError {
    /// The token is good, but its member is no more.
    #[error("the member is no more")]
    Gone,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CurrentMember {
    /// The member behind a verified token.
    pub async fn run(&self, caller: &Caller) -> Result<Member, CurrentMemberError> {
        let member = self.directory.find(caller.member).await?.ok_or(CurrentMemberError::Gone)?;
        member.ensure_active()?;
        Ok(member)
    }
}
