//! Number of occurrences that an audit event stands for.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

use crate::steps::{add_column, drop_column};

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "audit_event", big_integer("occurrences").default(1).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_column(manager, "audit_event", "occurrences").await
    }
}
