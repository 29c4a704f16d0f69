//! Apps that administrators have registered at run time.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, string_len, string_len_null, var_binary,
    var_binary_null,
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::steps::{create_table, drop_table};

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = apps();
        if manager.get_database_backend() == DbBackend::MySql {
            table.character_set("utf8mb4");
        }
        create_table(manager, table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "app").await
    }
}

fn apps() -> TableCreateStatement {
    Table::create()
        .table("app")
        .col(var_binary("name", 32).primary_key())
        .col(var_binary("app_id", 64).unique_key())
        .col(boolean("auto_register"))
        .col(boolean("phone_required"))
        .col(string_len("on_conflict", 16))
        .col(string_len_null("open_platform", 64))
        .col(boolean("keep_session_keys"))
        // In milliseconds.
        .col(big_integer_null("access_ttl"))
        .col(big_integer_null("refresh_ttl"))
        .col(big_integer_null("session_ttl"))
        .col(var_binary("secret", 255))
        .col(var_binary_null("former_secret", 255))
        .col(big_integer("secret_changed_at"))
        .col(var_binary_null("push_token", 255))
        .col(var_binary_null("push_key", 255))
        .col(big_integer_null("disabled_at"))
        .col(big_integer("created_at"))
        .col(big_integer("version"))
        .take()
}
