//! Encrypted session keys of users.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string_len, var_binary};
use sea_orm_migration::sea_orm::DbBackend;

use crate::steps::{create_index, create_table, drop_table};

/// Primary key of an identity.
const IDENTITY: [&str; 3] = ["namespace", "kind", "value"];

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = session_keys();
        if manager.get_database_backend() == DbBackend::MySql {
            // A foreign key on text needs the character set of the referenced table.
            table.character_set("utf8mb4");
        }
        create_table(manager, table).await?;
        let age = Index::create().col("obtained_at").take();
        create_index(manager, "session_key", "idx_session_key_obtained_at", age).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "session_key").await
    }
}

fn session_keys() -> TableCreateStatement {
    let mut identity = ForeignKey::create()
        .name("fk_session_key_identity")
        .from_tbl("session_key")
        .to_tbl("identity")
        .on_delete(ForeignKeyAction::Cascade)
        .take();
    let mut key = Index::create();
    for column in IDENTITY {
        identity.from_col(column).to_col(column);
        key.col(column);
    }
    Table::create()
        .table("session_key")
        .col(var_binary("namespace", 128))
        .col(string_len("kind", 16))
        .col(var_binary("value", 128))
        // WeChat's session key has 24 characters, and sealing adds 32 bytes.
        .col(var_binary("sealed", 512))
        .col(big_integer("obtained_at"))
        .primary_key(&mut key)
        .foreign_key(&mut identity)
        .take()
}
