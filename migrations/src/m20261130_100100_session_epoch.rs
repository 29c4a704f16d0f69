//! Epoch of the sessions in the database.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

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
        // The table has at most one row, with the id 1.
        let epoch = Table::create()
            .table("session_epoch")
            .col(big_integer("id").primary_key())
            .col(big_integer("epoch"))
            .take();
        create_table(manager, epoch).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "session_epoch").await
    }
}
