//! The rows of our tables. The modules are generated from the migrated schema; the list is not: add a
//! new table's module here. What names a member in it is then part of the member's export.

#![expect(
    unreachable_pub,
    reason = "the generator makes everything public, also in a private module"
)]

use domain::model::member::MemberId;
use domain::model::member::personal_data::ExportedTable;
use sea_orm::{DatabaseConnection, DbErr};

use crate::store::repository::personal_data::of_table;

/// Declares every table's module, and with it whose rows they are.
macro_rules! tables {
    ($($table:ident)*) => {
        $(pub(super) mod $table;)*

        /// Everything that the tables hold of a member.
        pub(super) async fn export_member(
            reader: &DatabaseConnection,
            member: MemberId,
        ) -> Result<Vec<ExportedTable>, DbErr> {
            let held = [$(of_table::<$table::Entity>(reader, member).await?),*];
            Ok(held.into_iter().flatten().collect())
        }
    };
}

tables! {
    admin
    admin_session
    app
    audit_event
    data_key
    identity
    member
    outbox
    redemption
    seen_push
    session
    session_key
    signing_key
    tombstone
    withdrawal
}
