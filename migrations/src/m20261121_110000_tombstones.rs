//! Tombstones of banned members who were erased: fingerprints of their ids.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, var_binary};

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
        let tombstones = Table::create()
            .table("tombstone")
            .col(var_binary("fingerprint", 32).primary_key())
            .col(big_integer("created_at"))
            .take();
        create_table(manager, tombstones).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "tombstone").await
    }
}
