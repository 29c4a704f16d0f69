//! Phone numbers sealed, found by a keyed index, and the data keys for both.
//!
//! A migration has no key: the program seals what is still in clear, and empties the old columns.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string_len, var_binary, var_binary_null};

const INDEX: &str = "idx_member_phone_index";

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(data_keys()).await?;
        // 17 characters at most, and what the seal adds.
        for column in [var_binary_null("phone_sealed", 64), var_binary_null("phone_index", 32)] {
            let add = Table::alter().table("member").add_column(column).take();
            manager.alter_table(add).await?;
        }
        let index = Index::create().name(INDEX).table("member").col("phone_index").unique().take();
        manager.create_index(index).await
    }

    /// The numbers that were sealed are lost.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(INDEX).table("member").to_owned()).await?;
        for column in ["phone_index", "phone_sealed"] {
            let drop = Table::alter().table("member").drop_column(column).take();
            manager.alter_table(drop).await?;
        }
        manager.drop_table(Table::drop().table("data_key").take()).await
    }
}

fn data_keys() -> TableCreateStatement {
    Table::create()
        .table("data_key")
        .col(string_len("purpose", 16))
        .col(big_integer("number"))
        // 32 random bytes, and what the seal adds.
        .col(var_binary("sealed", 128))
        .primary_key(Index::create().col("purpose").col("number"))
        .take()
}
