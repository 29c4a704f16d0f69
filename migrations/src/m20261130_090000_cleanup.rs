//! Indexes by which the cleanup finds expired rows.

use sea_orm_migration::prelude::*;

use crate::steps::{create_index, drop_index};

/// Indexes with their tables and columns.
const INDEXES: [(&str, &str, &str); 3] = [
    ("idx_session_expires_at", "session", "expires_at"),
    ("idx_admin_session_used_at", "admin_session", "used_at"),
    ("idx_outbox_at", "outbox", "at"),
];

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, column) in INDEXES {
            create_index(manager, table, name, Index::create().col(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, _) in INDEXES {
            drop_index(manager, table, name).await?;
        }
        Ok(())
    }
}
