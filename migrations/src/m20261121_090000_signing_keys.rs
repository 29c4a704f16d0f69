//! Signing keys of access tokens.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, var_binary};

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
        let keys = Table::create()
            .table("signing_key")
            .col(big_integer("number").primary_key())
            .col(var_binary("kid", 64))
            // The private key in PKCS#8, encrypted: 138 bytes and the overhead of sealing.
            .col(var_binary("sealed", 1024))
            .col(big_integer("created_at"))
            // Null until the key is activated.
            .col(big_integer_null("signs_from"))
            .take();
        create_table(manager, keys).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_table(manager, "signing_key").await
    }
}
