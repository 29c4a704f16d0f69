//! Export of a member's personal data.
//!
//! The types have no `Debug`, because nearly all values are personal data.

/// Rows of one table that reference the member.
pub struct ExportedTable {
    /// Name of the table, e.g. `member` or `session`.
    pub table: String,
    /// Rows, each as pairs of column name and value.
    pub rows: Vec<Vec<(String, ExportedValue)>>,
}

/// Value of a column.
#[derive(PartialEq, Eq)]
pub enum ExportedValue {
    /// No value.
    Null,
    /// Number, or time in milliseconds since 1970.
    Integer(i64),
    /// Text, or id in its usual form.
    Text(String),
}
