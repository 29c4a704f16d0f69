//! Administrators and their sessions, reasons for a member's status, and indexes for the member search
//! by the provider's id or by masked phone number.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, string_len, string_len_null, uuid, var_binary,
    var_binary_null,
};

use crate::steps::{add_column, create_index, create_table, drop_column, drop_index, drop_table};

const MASK_INDEX: &str = "idx_member_phone_mask";
const VALUE_INDEX: &str = "idx_identity_value";
const SESSION_INDEX: &str = "idx_admin_session_admin";

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
        create_table(manager, admins()).await?;
        create_table(manager, sessions()).await?;
        let admin = Index::create().col("admin_id").take();
        create_index(manager, "admin_session", SESSION_INDEX, admin).await?;
        for column in [string_len_null("status_reason", 200), var_binary_null("phone_mask", 32)] {
            add_column(manager, "member", column).await?;
        }
        let mask = Index::create().col("phone_mask").take();
        create_index(manager, "member", MASK_INDEX, mask).await?;
        let value = Index::create().col("value").take();
        create_index(manager, "identity", VALUE_INDEX, value).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in [(VALUE_INDEX, "identity"), (MASK_INDEX, "member")] {
            drop_index(manager, table, name).await?;
        }
        for column in ["phone_mask", "status_reason"] {
            drop_column(manager, "member", column).await?;
        }
        for table in ["admin_session", "admin"] {
            drop_table(manager, table).await?;
        }
        Ok(())
    }
}

fn admins() -> TableCreateStatement {
    Table::create()
        .table("admin")
        .col(uuid("id").primary_key())
        .col(var_binary("name", 64).unique_key())
        .col(string_len("role", 16))
        .col(boolean("active"))
        // A PHC string of argon2id.
        .col(string_len_null("password", 255))
        // A fingerprint: HMAC-SHA256.
        .col(var_binary_null("invitation", 32))
        .col(big_integer_null("invited_until"))
        .col(big_integer("created_at"))
        .col(big_integer("version"))
        .take()
}

fn sessions() -> TableCreateStatement {
    let mut admin = ForeignKey::create()
        .name("fk_admin_session_admin")
        .from("admin_session", "admin_id")
        .to("admin", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take();
    Table::create()
        .table("admin_session")
        // A fingerprint: HMAC-SHA256.
        .col(var_binary("token", 32).primary_key())
        .col(uuid("admin_id"))
        .col(big_integer("created_at"))
        .col(big_integer("used_at"))
        .foreign_key(&mut admin)
        .take()
}
