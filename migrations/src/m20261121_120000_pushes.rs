//! Message pushes of the provider: fingerprints of processed pushes, and pending withdrawals of user
//! data.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string_len, uuid, var_binary};

use crate::steps::{create_index, create_table, drop_table};

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let seen = Table::create()
            .table("seen_push")
            .col(var_binary("fingerprint", 32).primary_key())
            .col(big_integer("seen_at"))
            .take();
        create_table(manager, seen).await?;
        let age = Index::create().col("seen_at").take();
        create_index(manager, "seen_push", "idx_seen_push_age", age).await?;
        let withdrawals = Table::create()
            .table("withdrawal")
            .col(uuid("id").primary_key())
            .col(var_binary("app", 32))
            .col(var_binary("namespace", 128))
            .col(string_len("kind", 16))
            .col(var_binary("value", 128))
            .col(string_len("withdrawn", 16))
            .take();
        create_table(manager, withdrawals).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["withdrawal", "seen_push"] {
            drop_table(manager, table).await?;
        }
        Ok(())
    }
}
