//! The login codes that were redeemed, and events that are about two members.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, uuid, uuid_null, var_binary, var_binary_null};

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(redemptions()).await?;
        for column in ["member_id", "expires_at"] {
            manager.create_index(index(column)).await?;
        }
        let other =
            Table::alter().table("audit_event").add_column(uuid_null("other_member_id")).take();
        manager.alter_table(other).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let other = Table::alter().table("audit_event").drop_column("other_member_id").take();
        manager.alter_table(other).await?;
        manager.drop_table(Table::drop().table("redemption").take()).await
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
        // Sealed. Two tokens, a nickname and some ids, with room to spare.
        .col(var_binary_null("answer", 8192))
        .foreign_key(&mut member)
        .take()
}

fn index(column: &'static str) -> IndexCreateStatement {
    Index::create().name(format!("idx_redemption_{column}")).table("redemption").col(column).take()
}
