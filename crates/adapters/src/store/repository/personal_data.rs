//! Export of a member's rows from every table, independent of its columns.

use domain::model::member::MemberId;
use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::model::member::phone::PhoneNumber;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Iden, Iterable, ModelTrait, QueryFilter,
    Value,
};

/// Exports the rows of a table that name the member. Returns `None` if the table names no members.
pub(crate) async fn export_table<E: EntityTrait>(
    reader: &impl ConnectionTrait,
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
    let export_row = |row: E::Model| {
        E::Column::iter().map(|column| (column.to_string(), to_exported(row.get(column)))).collect()
    };
    Ok(Some(ExportedTable { table, rows: rows.into_iter().map(export_row).collect() }))
}

/// Sets the decrypted phone number. The export shows it in the column of plaintext numbers.
pub(crate) fn with_decrypted_phone(
    mut tables: Vec<ExportedTable>,
    phone: Option<&PhoneNumber>,
) -> Vec<ExportedTable> {
    let members = tables.iter_mut().filter(|exported| exported.table == "member");
    for (column, value) in members.flat_map(|exported| &mut exported.rows).flatten() {
        if column == "phone" {
            *value = phone.map_or(ExportedValue::Null, |phone| ExportedValue::Text(phone.e164()));
        }
    }
    tables
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a column of a new type is exported in any format rather than left out"
)]
fn to_exported(value: Value) -> ExportedValue {
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

/// Formats a binary column: as text if it holds text that is compared byte by byte, and by its length if it
/// holds a sealed value or a fingerprint.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| format!("({} bytes)", error.into_bytes().len()))
}
