//! Outbox: events that are not delivered yet. The table has no foreign key to members, because events
//! are also delivered after their member is erased.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string_len, uuid, uuid_null, var_binary};

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
        create_table(manager, outbox()).await?;
        // Indexes for due events, for the first event of a member, and for the oldest event.
        for (name, columns) in [
            ("idx_outbox_due", ["receiver", "due_at"].as_slice()),
            ("idx_outbox_member", &["member_id", "receiver", "position"]),
            ("idx_outbox_age", &["receiver", "at"]),
        ] {
            let mut index = Index::create();
            for column in columns {
                index.col(*column);
            }
            create_index(manager, "outbox", name, index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "outbox").await
    }
}

fn outbox() -> TableCreateStatement {
    Table::create()
        .table("outbox")
        .col(var_binary("receiver", 32))
        .col(uuid("event_id"))
        .col(big_integer("at"))
        .col(string_len("kind", 32))
        .col(uuid("member_id"))
        .col(uuid_null("other_member_id"))
        // Position among the receiver's events of the member.
        .col(big_integer("position"))
        .col(big_integer("attempts"))
        .col(big_integer("due_at"))
        .primary_key(Index::create().col("receiver").col("event_id"))
        .take()
}
