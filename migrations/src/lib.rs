//! The database schema, as migrations.
