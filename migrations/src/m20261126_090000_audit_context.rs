//! Audit events without a member, and the app, request and administrators of all audit events.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, string_len, string_len_null, uuid, uuid_null, var_binary_null,
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::steps::{
    add_column, change_column, create_index, create_table, drop_column, drop_index, drop_table,
};

const TABLE: &str = "audit_event";

/// Columns that the table has before and after this migration.
const COMMON_COLUMNS: [&str; 6] =
    ["id", "at", "kind", "member_id", "session_id", "other_member_id"];

/// Indexes and their columns.
const INDEXES: [(&str, &[&str]); 4] = [
    ("idx_audit_event_day", &["at", "kind", "detail"]),
    ("idx_audit_event_kind", &["kind", "id"]),
    ("idx_audit_event_other", &["other_member_id"]),
    ("idx_audit_event_by", &["by_admin_id"]),
];

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Builds indexes on tables with rows, step by step.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            rebuild(manager, uuid_null("member_id"), new_columns()).await?;
        } else {
            change_column(manager, TABLE, uuid_null("member_id")).await?;
            for column in new_columns() {
                add_column(manager, TABLE, column).await?;
            }
        }
        for (name, columns) in INDEXES {
            let mut index = Index::create();
            for column in columns {
                index.col(*column);
            }
            create_index(manager, TABLE, name, index).await?;
        }
        Ok(())
    }

    /// Audit events without a member are lost.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            drop_index(manager, TABLE, name).await?;
        }
        let without_member = Query::delete()
            .from_table(TABLE)
            .and_where(Expr::col("member_id").is_null())
            .to_owned();
        manager.execute(without_member).await?;
        if manager.get_database_backend() == DbBackend::Sqlite {
            return rebuild(manager, uuid("member_id"), vec![]).await;
        }
        for column in ["detail", "app", "by_admin_id", "admin_id", "request_id"] {
            drop_column(manager, TABLE, column).await?;
        }
        change_column(manager, TABLE, uuid("member_id")).await
    }
}

fn new_columns() -> Vec<ColumnDef> {
    vec![
        string_len_null("detail", 128).take(),
        var_binary_null("app", 32).take(),
        uuid_null("by_admin_id").take(),
        uuid_null("admin_id").take(),
        string_len_null("request_id", 64).take(),
    ]
}

/// Recreates the table, because SQLite cannot change the constraints of an existing column.
async fn rebuild(
    manager: &SchemaManager<'_>,
    member: ColumnDef,
    columns: Vec<ColumnDef>,
) -> Result<(), DbErr> {
    let new = "audit_event_new";
    let mut table = Table::create()
        .table(new)
        .col(uuid("id").primary_key())
        .col(big_integer("at"))
        .col(string_len("kind", 32))
        .col(member)
        .col(uuid_null("session_id"))
        .col(uuid_null("other_member_id"))
        .take();
    for column in columns {
        table.col(column);
    }
    create_table(manager, table).await?;
    let rows = Query::select().columns(COMMON_COLUMNS).from(TABLE).to_owned();
    let mut copy = Query::insert();
    copy.into_table(new).columns(COMMON_COLUMNS);
    copy.select_from(rows).map_err(|error| DbErr::Custom(error.to_string()))?;
    manager.execute(copy).await?;
    drop_table(manager, TABLE).await?;
    manager.rename_table(Table::rename().table(new, TABLE).take()).await?;
    let index = Index::create().col("member_id").take();
    create_index(manager, TABLE, "idx_audit_event_member", index).await
}
