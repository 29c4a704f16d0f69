//! Entities of the tables. The modules are generated from the migrated schema.
//!
//! The list of tables is not generated: add the module of a new table here. The export of a member then
//! includes the table's rows that name the member.

#![expect(
    unreachable_pub,
    reason = "the generator makes everything public, also in a private module"
)]

use domain::model::member::MemberId;
use domain::model::member::personal_data::ExportedTable;
use sea_orm::{ConnectionTrait, DbErr};

use crate::store::repository::personal_data::export_table;

/// Declares the module of every table, and a function that exports a member's rows from all of them.
macro_rules! tables {
    ($($table:ident)*) => {
        $(pub(super) mod $table;)*

        /// Exports all rows that name a member.
        pub(super) async fn export_member(
            reader: &impl ConnectionTrait,
            member: MemberId,
        ) -> Result<Vec<ExportedTable>, DbErr> {
            let tables = [$(export_table::<$table::Entity>(reader, member).await?),*];
            Ok(tables.into_iter().flatten().collect())
        }
    };
}

tables! {
    admin
    admin_session
    app
    audit_event
    data_key
    heartbeat
    identity
    member
    outbox
    redemption
    seen_push
    session
    session_epoch
    session_key
    signing_key
    tombstone
    withdrawal
}
