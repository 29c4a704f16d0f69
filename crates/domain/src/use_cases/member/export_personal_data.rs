//! Tell callers everything that is held of them.

use std::sync::Arc;

use crate::model::member::personal_data::Holding;
use crate::model::session::claims::Caller;
use crate::ports::store::members::MemberDirectory;
use crate::use_cases::member::get_profile::CurrentMemberError;

/// The use case.
pub struct ExportMember {
    /// Where everything is held.
    pub directory: Arc<dyn MemberDirectory>,
}

impl ExportMember {
    /// All that is held of the caller's own member, and nothing of anyone else.
    pub async fn run(&self, caller: &Caller) -> Result<Vec<Holding>, CurrentMemberError> {
        let member = self.directory.find(caller.member).await?.ok_or(CurrentMemberError::Gone)?;
        member.ensure_active()?;
        Ok(self.directory.held_of(member.id).await?)
    }
}
