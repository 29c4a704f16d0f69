//! Members, their identities and sessions, and the audit log.
//!
//! Conventions for columns:
//! - values that are compared byte by byte are binary: in MySQL's text collations, openids that differ
//!   in case or in trailing blanks are equal;
//! - times are milliseconds since 1970 in a 64-bit integer: MySQL's `timestamp` truncates to seconds
//!   and ends in 2038;
//! - columns have a length, because MySQL cannot index a column without one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, small_integer, small_integer_null, string_len, string_len_null, text_null, uuid,
    uuid_null, var_binary, var_binary_null,
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::steps::{create_index, create_table, drop_table};

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Atomic where the database supports it (SQLite, PostgreSQL).
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        create_table(manager, with_utf8(members(), backend)).await?;
        create_table(manager, with_utf8(identities(), backend)).await?;
        create_member_index(manager, "identity").await?;
        create_table(manager, with_utf8(sessions(), backend)).await?;
        create_member_index(manager, "session").await?;
        create_table(manager, with_utf8(audit_events(), backend)).await?;
        create_member_index(manager, "audit_event").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_event", "session", "identity", "member"] {
            drop_table(manager, table).await?;
        }
        Ok(())
    }
}

fn members() -> TableCreateStatement {
    Table::create()
        .table("member")
        .col(uuid("id").primary_key())
        .col(string_len("nickname", 64))
        .col(string_len_null("avatar", 512))
        // 0 unknown, 1 male, 2 female.
        .col(small_integer("gender"))
        // E.164: a plus sign and at most 15 digits; next to it, the number of digits of the country code.
        .col(var_binary_null("phone", 16).unique_key())
        .col(small_integer_null("phone_country_code"))
        .col(string_len("status", 16))
        .col(text_null("remark"))
        .col(big_integer("created_at"))
        .col(string_len("created_by", 16))
        .col(big_integer("updated_at"))
        .col(string_len("updated_by", 16))
        .col(big_integer("version"))
        .take()
}

fn identities() -> TableCreateStatement {
    Table::create()
        .table("identity")
        .col(var_binary("namespace", 128))
        .col(string_len("kind", 16))
        .col(var_binary("value", 128))
        .col(uuid("member_id"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("namespace").col("kind").col("value"))
        .foreign_key(&mut member_key("identity"))
        .take()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("session")
        .col(uuid("id").primary_key())
        .col(uuid("member_id"))
        .col(var_binary("app", 32))
        .col(big_integer("generation"))
        .col(big_integer("created_at"))
        .col(big_integer("refreshed_at"))
        .col(big_integer("expires_at"))
        .foreign_key(&mut member_key("session"))
        .take()
}

/// The table has no foreign key: audit events are kept when their member is erased.
fn audit_events() -> TableCreateStatement {
    Table::create()
        .table("audit_event")
        .col(uuid("id").primary_key())
        .col(big_integer("at"))
        .col(string_len("kind", 32))
        .col(uuid("member_id"))
        .col(uuid_null("session_id"))
        .take()
}

fn member_key(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{table}_member"))
        .from(table, "member_id")
        .to("member", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

async fn create_member_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
) -> Result<(), DbErr> {
    let index = Index::create().col("member_id").take();
    create_index(manager, table, &format!("idx_{table}_member"), index).await
}

/// Selects UTF-8 on MariaDB, where the default for text is latin1, which cannot store emoji.
fn with_utf8(mut table: TableCreateStatement, backend: DbBackend) -> TableCreateStatement {
    if backend == DbBackend::MySql {
        table.character_set("utf8mb4");
    }
    table
}
