//! Heartbeat: a row that instances write to find out whether the database keeps what it acknowledges.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, small_integer};

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
        let heartbeat = Table::create()
            .table("heartbeat")
            .col(small_integer("id").primary_key())
            .col(big_integer("beats"))
            .take();
        create_table(manager, heartbeat).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "heartbeat").await
    }
}
