//! Adding a row whose unique value may be taken, without a failed statement.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Iden,
    Insert, QueryTrait,
};

/// Adds the row unless its `key` is another row's, and tells whether it did.
///
/// A failed statement would end a PostgreSQL transaction, and on MySQL one that waits for the key with
/// a shared lock ends in a deadlock with others that do the same: so the statement takes the key's own
/// lock and does nothing. How many rows that were, MySQL does not tell (under sqlx a row that was left
/// alone counts as one), therefore it leaves a mark in the id of the last insert, which is 0 otherwise.
pub(super) async fn insert_unless_taken<A>(
    txn: &DatabaseTransaction,
    row: A,
    key: &[<A::Entity as EntityTrait>::Column],
) -> Result<bool, DbErr>
where
    A: ActiveModelTrait,
{
    let mut insert = Insert::one(row).into_query();
    let mut conflict = OnConflict::columns(key.iter().copied());
    let mysql = txn.get_database_backend() == DbBackend::MySql;
    if mysql {
        for column in key.iter().take(1) {
            let name = column.to_string();
            let mark_and_keep = format!("IF(LAST_INSERT_ID(1), {name}, {name})");
            conflict.value(*column, Expr::cust(mark_and_keep));
        }
    } else {
        conflict.do_nothing();
    }
    let result = txn.execute(insert.on_conflict(conflict)).await?;
    Ok(if mysql { result.last_insert_id() == 0 } else { result.rows_affected() == 1 })
}
