//! What is held of members, for themselves: to take out, and to have erased.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::model::session::claims::Caller;
use domain::use_cases::member::erase::{EraseMember, EraseMemberError};
use domain::use_cases::member::export_personal_data::ExportPersonalData;
use domain::use_cases::member::get_profile::GetProfileError;
use salvo::craft::craft;
use salvo::oapi::{Array, BasicType, Components, Object, Ref, RefOr, Schema, ToSchema};
use salvo::writing::Writer;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::auth::Authenticated;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::response::envelope::Envelope;

/// Routes for members over what is held of them.
#[derive(Clone)]
pub struct PersonalDataApi {
    pub(crate) export_member: Arc<ExportPersonalData>,
    pub(crate) erase_member: Arc<EraseMember>,
}

#[craft]
impl PersonalDataApi {
    /// Tell everything that is held of me
    ///
    /// Every row that names the member, by the kind of thing it is about, with nothing masked. Times
    /// are milliseconds since 1970.
    #[craft(endpoint(operation_id = "exportMe", tags("member")))]
    pub(crate) async fn export(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<ExportData>, ErrorResponse<GetProfileError>> {
        Ok(Envelope(self.export_member.run(&caller.0).await?.into()))
    }

    /// Erase me
    ///
    /// For good: profile, phone number, ids and sessions go, and all tokens with them. Whoever logs in
    /// again afterwards is a new member.
    #[craft(endpoint(operation_id = "eraseMe", tags("member")))]
    pub(crate) async fn erase(
        &self,
        caller: Authenticated<Caller>,
    ) -> Result<Envelope<Erased>, ErrorResponse<EraseMemberError>> {
        let erase = self.erase_member.clone();
        run_detached(async move { erase.run(caller.0.member, None).await }).await?;
        Ok(Envelope(Erased))
    }
}

/// Everything that is held of a member.
#[derive(Serialize)]
pub(crate) struct ExportData(BTreeMap<String, Vec<Map<String, Value>>>);

impl From<Vec<ExportedTable>> for ExportData {
    fn from(holdings: Vec<ExportedTable>) -> Self {
        let row = |row: Vec<(String, ExportedValue)>| {
            row.into_iter().map(|(column, held)| (camel_case(&column), json(held))).collect()
        };
        let table = |holding: ExportedTable| {
            (camel_case(&holding.table), holding.rows.into_iter().map(row).collect())
        };
        Self(holdings.into_iter().map(table).collect())
    }
}

/// Which kinds there are is the store's matter and may grow: the document names none.
impl ToSchema for ExportData {
    fn to_schema(components: &mut Components) -> RefOr<Schema> {
        let row = Object::new().description("What is held, by its name.");
        let rows = Array::new().items(row);
        let kinds = Object::new()
            .description(
                "Everything that is held of a member: by kind of thing, what is held of each.",
            )
            .additional_properties(RefOr::Type(Schema::from(rows)));
        components.schemas.insert("ExportData", Schema::from(kinds));
        RefOr::Ref(Ref::from_schema_name("ExportData"))
    }
}

fn json(held: ExportedValue) -> Value {
    match held {
        ExportedValue::Null => Value::Null,
        ExportedValue::Integer(number) => number.into(),
        ExportedValue::Text(text) => text.into(),
    }
}

/// `member_id` as `memberId`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at_checked(1).unwrap_or((word, ""));
        name + &head.to_ascii_uppercase() + tail
    })
}

/// There is nobody any more, and nothing to tell: null.
#[derive(Serialize)]
pub(crate) struct Erased;

impl ToSchema for Erased {
    fn to_schema(_components: &mut Components) -> RefOr<Schema> {
        RefOr::Type(Schema::from(Object::with_type(BasicType::Null)))
    }
}
