//! Encrypted phone numbers with a blind index, and the data keys of both.
//!
//! A migration has no access to the keys: the server encrypts the plaintext numbers and empties the old
//! columns.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string_len, var_binary, var_binary_null};

use crate::steps::{add_column, create_index, create_table, drop_column, drop_index, drop_table};

const INDEX: &str = "idx_member_phone_index";

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Builds indexes on tables with rows, step by step.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_table(manager, data_keys()).await?;
        // At most 17 characters, and the overhead of sealing.
        for column in [var_binary_null("phone_sealed", 64), var_binary_null("phone_index", 32)] {
            add_column(manager, "member", column).await?;
        }
        let index = Index::create().col("phone_index").unique().take();
        create_index(manager, "member", INDEX, index).await
    }

    /// Encrypted phone numbers are lost.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "member", INDEX).await?;
        for column in ["phone_index", "phone_sealed"] {
            drop_column(manager, "member", column).await?;
        }
        drop_table(manager, "data_key").await
    }
}

fn data_keys() -> TableCreateStatement {
    Table::create()
        .table("data_key")
        .col(string_len("purpose", 16))
        .col(big_integer("number"))
        // 32 random bytes, and the overhead of sealing.
        .col(var_binary("sealed", 128))
        .primary_key(Index::create().col("purpose").col("number"))
        .take()
}
