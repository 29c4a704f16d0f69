//! Tell callers everything that is held of them.

use std::sync::Arc;

use crate::model::member::personal_data::ExportedTable;
use crate::model::session::claims::Caller;
use crate::ports::store::members::MemberReader;
use crate::use_cases::member::get_profile::GetProfileError;

/// The use case.
pub struct ExportPersonalData {
    /// Where everything is held.
    pub directory: Arc<dyn MemberReader>,
}

impl ExportPersonalData {
    /// All that is held of the caller's own member, and nothing of anyone else.
    pub async fn run(&self, caller: &Caller) -> Result<Vec<ExportedTable>, GetProfileError> {
        let member = self.directory.find(caller.member).await?.ok_or(GetProfileError::NotFound)?;
        member.ensure_active()?;
        Ok(self.directory.export_member(member.id).await?)
    }
}
