//! Export of the caller's personal data.

use std::sync::Arc;

use crate::model::member::personal_data::ExportedTable;
use crate::model::session::claims::Caller;
use crate::ports::store::members::{MemberReader, PersonalDataReader};
use crate::use_cases::member::access_error::MemberAccessError;
use crate::use_cases::ports::Ports;

/// Exports the personal data of the caller's own member.
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

    /// Returns all data stored about the caller, and no data of other members.
    pub async fn run(&self, caller: &Caller) -> Result<Vec<ExportedTable>, MemberAccessError> {
        let found = self.members.find(caller.member).await?;
        let member = found.ok_or(MemberAccessError::NotFound)?;
        member.ensure_active()?;
        Ok(self.personal_data.export_member(member.id).await?)
    }
}
