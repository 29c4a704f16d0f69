//! Profile of the caller.

use std::sync::Arc;

use crate::model::member::Member;
use crate::model::session::claims::Caller;
use crate::ports::store::members::MemberReader;
use crate::use_cases::member::access_error::MemberAccessError;
use crate::use_cases::ports::Ports;

/// Returns the caller's own member.
pub struct GetProfile {
    /// Members; a cache may answer.
    pub members: Arc<dyn MemberReader>,
}

impl GetProfile {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { members: ports.readers.profiles.clone() }
    }

    /// Returns the member of a verified access token.
    pub async fn run(&self, caller: &Caller) -> Result<Member, MemberAccessError> {
        let found = self.members.find(caller.member).await?;
        let member = found.ok_or(MemberAccessError::NotFound)?;
        member.ensure_active()?;
        Ok(member)
    }
}
