//! What is held of one member, as it lies in the store: for the member to take out.
//!
//! It has no `Debug`: nearly all of it is personal data.

/// The rows of one kind of thing that name the member.
pub struct ExportedTable {
    /// The kind of thing, e.g. `member` or `session`.
    pub table: String,
    /// Each of them, as names with what is held under them.
    pub rows: Vec<Vec<(String, ExportedValue)>>,
}

/// What is held under a name.
#[derive(PartialEq, Eq)]
pub enum ExportedValue {
    /// There is no value.
    Null,
    /// A number, or a time in milliseconds since 1970.
    Integer(i64),
    /// A text, or an id in its usual form.
    Text(String),
}
