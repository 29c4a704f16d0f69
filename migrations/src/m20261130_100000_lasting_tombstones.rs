//! Mark of the tombstones whose fingerprints do not depend on the sealing key.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::boolean;

use crate::steps::{add_column, drop_column};

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    /// Existing tombstones, and those that the previous version adds, depend on the sealing key.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "tombstone", boolean("lasting").default(false).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_column(manager, "tombstone", "lasting").await
    }
}
