//! Tell callers everything that is held of them.

use std::sync::Arc;

use crate::model::member::personal_data::ExportedTable;
use crate::model::session::claims::Caller;
use crate::ports::store::members::{MemberReader, PersonalDataReader};
use crate::use_cases::member::get_profile::GetProfileError;
use crate::use_cases::ports::Ports;

/// The use case.
pub struct ExportPersonalData {
    /// Members.
    pub members: Arc<dyn MemberReader>,
    /// Personal data.
    pub personal_data: Arc<dyn PersonalDataReader>,
}

impl ExportPersonalData {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            members: ports.readers.members.clone(),
            personal_data: ports.readers.personal_data.clone(),
        }
    }

    /// All that is held of the caller's own member, and nothing of anyone else.
    pub async fn run(&self, caller: &Caller) -> Result<Vec<ExportedTable>, GetProfileError> {
        let member = self.members.find(caller.member).await?.ok_or(GetProfileError::NotFound)?;
        member.ensure_active()?;
        Ok(self.personal_data.export_member(member.id).await?)
    }
}
