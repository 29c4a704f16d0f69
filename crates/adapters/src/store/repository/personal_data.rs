//! What a table holds of a member, whichever columns it has.

use domain::model::member::MemberId;
use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::model::member::phone::PhoneNumber;
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, Iden, Iterable, ModelTrait, QueryFilter,
    Value,
};

/// The rows of this table that name the member; none where the table names no members.
pub(crate) async fn of_table<E: EntityTrait>(
    reader: &DatabaseConnection,
    member: MemberId,
) -> Result<Option<ExportedTable>, DbErr>
where
    E::Model: ModelTrait<Entity = E>,
{
    let table = E::default().table_name().to_owned();
    let key = if table == "member" { "id" } else { "member_id" };
    let Some(key) = E::Column::iter().find(|column| column.to_string() == key) else {
        return Ok(None);
    };
    let rows = E::find().filter(key.eq(member.0)).all(reader).await?;
    let row = |row: E::Model| {
        E::Column::iter().map(|column| (column.to_string(), held(row.get(column)))).collect()
    };
    Ok(Some(ExportedTable { table, rows: rows.into_iter().map(row).collect() }))
}

/// The same with the member's phone number, which lies sealed beside the column it is told under.
pub(crate) fn with_phone(
    mut held: Vec<ExportedTable>,
    phone: Option<&PhoneNumber>,
) -> Vec<ExportedTable> {
    let members = held.iter_mut().filter(|holding| holding.table == "member");
    for (column, value) in members.flat_map(|holding| &mut holding.rows).flatten() {
        if column == "phone" {
            *value = phone.map_or(ExportedValue::Null, |phone| ExportedValue::Text(phone.e164()));
        }
    }
    held
}

/// A value as it is told.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of what no column has so far, any form is better than silence"
)]
fn held(value: Value) -> ExportedValue {
    match value {
        Value::SmallInt(number) => {
            number.map(i64::from).map_or(ExportedValue::Null, ExportedValue::Integer)
        }
        Value::BigInt(number) => number.map_or(ExportedValue::Null, ExportedValue::Integer),
        Value::Uuid(id) => id.map_or(ExportedValue::Null, |id| ExportedValue::Text(id.to_string())),
        Value::String(text) => text.map_or(ExportedValue::Null, ExportedValue::Text),
        Value::Bytes(bytes) => {
            bytes.map_or(ExportedValue::Null, |bytes| ExportedValue::Text(text(bytes)))
        }
        other => ExportedValue::Text(other.to_string()),
    }
}

/// Bytes are texts that are compared byte by byte, or else sealed or a fingerprint: of those the member
/// is told that they are there.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|unreadable| format!("({} bytes)", unreadable.into_bytes().len()))
}
