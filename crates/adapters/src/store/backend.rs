//! Connection options and special features of each database.

pub(super) mod mysql;
pub(super) mod postgres;
pub(super) mod sqlite;
