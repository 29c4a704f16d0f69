//! Parsing of requests into domain values.

pub(crate) mod body;
pub(crate) mod extracted;
pub(crate) mod fields;
pub(crate) mod form;
pub(crate) mod form_body;
pub(crate) mod idempotency_key;
pub(crate) mod json_body;
pub(crate) mod language;
pub(crate) mod limits;
pub(crate) mod path;
pub(crate) mod query;
