//! Redeemed login codes, and the second member of audit events.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, uuid, uuid_null, var_binary, var_binary_null};

use crate::steps::{add_column, create_index, create_table, drop_column, drop_table};

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_table(manager, redemptions()).await?;
        for column in ["member_id", "expires_at"] {
            let name = format!("idx_redemption_{column}");
            let index = Index::create().col(column).take();
            create_index(manager, "redemption", &name, index).await?;
        }
        add_column(manager, "audit_event", uuid_null("other_member_id")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_column(manager, "audit_event", "other_member_id").await?;
        drop_table(manager, "redemption").await
    }
}

fn redemptions() -> TableCreateStatement {
    let mut member = ForeignKey::create()
        .name("fk_redemption_member")
        .from("redemption", "member_id")
        .to("member", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take();
    Table::create()
        .table("redemption")
        // Fingerprints: HMAC-SHA256.
        .col(var_binary("code", 32).primary_key())
        .col(var_binary_null("request", 32))
        .col(uuid("member_id"))
        .col(uuid("session_id"))
        .col(big_integer("redeemed_at"))
        .col(big_integer("expires_at"))
        // Encrypted response: two tokens, a nickname and some ids, with a margin.
        .col(var_binary_null("answer", 8192))
        .foreign_key(&mut member)
        .take()
}
