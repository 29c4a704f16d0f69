//! Routes for the export and the erasure of a member's personal data.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::model::session::claims::Caller;
use domain::use_cases::member::access_error::MemberAccessError;
use domain::use_cases::member::erase::{EraseMember, EraseMemberError};
use domain::use_cases::member::export_personal_data::ExportPersonalData;
use salvo::craft::craft;
use salvo::oapi::{Array, BasicType, Components, Object, Ref, RefOr, Schema, ToSchema};
use salvo::writing::Writer;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::auth::authenticated::Authenticated;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::response::envelope::Envelope;

/// Handlers for the personal data of the member.
#[derive(Clone)]
pub struct PersonalDataApi {
    pub(crate) export_personal_data: Arc<ExportPersonalData>,
    pub(crate) erase_member: Arc<EraseMember>,
}

#[craft]
impl PersonalDataApi {
    /// Export my personal data
    ///
    /// All stored records of the member by type, with nothing masked. Times are Unix times in milliseconds.
    #[craft(endpoint(operation_id = "exportMe", tags("member")))]
    pub(crate) async fn export(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<ExportData>, ErrorResponse<MemberAccessError>> {
        Ok(Envelope(self.export_personal_data.run(&caller.0).await?.into()))
    }

    /// Delete my account
    ///
    /// Erases profile, phone number, identities and sessions permanently; all tokens become invalid. A later
    /// login creates a new member.
    #[craft(endpoint(operation_id = "deleteMe", tags("member")))]
    pub(crate) async fn delete(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<NullResponse>, ErrorResponse<EraseMemberError>> {
        let erase = self.erase_member.clone();
        run_detached(async move { erase.run(caller.0.member, None).await }).await?;
        Ok(Envelope(NullResponse))
    }
}

/// Personal data of a member.
#[derive(Serialize)]
pub(crate) struct ExportData(BTreeMap<String, Vec<Map<String, Value>>>);

impl From<Vec<ExportedTable>> for ExportData {
    fn from(tables: Vec<ExportedTable>) -> Self {
        let row = |row: Vec<(String, ExportedValue)>| {
            row.into_iter().map(|(column, value)| (camel_case(&column), json(value))).collect()
        };
        let table = |table: ExportedTable| {
            (camel_case(&table.table), table.rows.into_iter().map(row).collect())
        };
        Self(tables.into_iter().map(table).collect())
    }
}

/// The schema names no record types: the store defines them, and new ones may be added.
impl ToSchema for ExportData {
    fn to_schema(components: &mut Components) -> RefOr<Schema> {
        let row = Object::new().description("Values by field name.");
        let rows = Array::new().items(row);
        let types = Object::new()
            .description("All stored records of a member by type.")
            .additional_properties(RefOr::Type(Schema::from(rows)));
        components.schemas.insert("ExportData", Schema::from(types));
        RefOr::Ref(Ref::from_schema_name("ExportData"))
    }
}

fn json(value: ExportedValue) -> Value {
    match value {
        ExportedValue::Null => Value::Null,
        ExportedValue::Integer(number) => number.into(),
        ExportedValue::Text(text) => text.into(),
    }
}

/// Converts `member_id` to `memberId`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at_checked(1).unwrap_or((word, ""));
        name + &head.to_ascii_uppercase() + tail
    })
}

/// Response without data: null.
#[derive(Serialize)]
pub(crate) struct NullResponse;

impl ToSchema for NullResponse {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        RefOr::Type(Schema::from(Object::with_type(BasicType::Null)))
    }
}
