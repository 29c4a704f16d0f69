//! Insert of a row whose unique value may be taken, without a failed statement.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, Iden, Insert, QueryTrait,
};

/// Inserts the row unless another row has the same `key`. Returns true if the row was inserted.
///
/// A failed statement would end a PostgreSQL transaction. On MySQL, a statement that waits for the key with
/// a shared lock deadlocks with others that do the same. The statement therefore takes the exclusive lock of
/// the key and does nothing on conflict.
///
/// MySQL does not report the number of inserted rows (under sqlx, a row that was left unchanged counts as
/// one). The statement therefore leaves a mark in the id of the last insert, which is 0 otherwise.
pub(super) async fn insert_if_absent<A>(
    txn: &impl ConnectionTrait,
    row: A,
    key: &[<A::Entity as EntityTrait>::Column],
) -> Result<bool, DbErr>
where
    A: ActiveModelTrait,
{
    let mut insert = Insert::one(row).into_query();
    let mut conflict = OnConflict::columns(key.iter().copied());
    let is_mysql = txn.get_database_backend() == DbBackend::MySql;
    if is_mysql {
        for column in key.iter().take(1) {
            let name = column.to_string();
            let mark_and_keep = format!("IF(LAST_INSERT_ID(1), {name}, {name})");
            conflict.value(*column, Expr::cust(mark_and_keep));
        }
    } else {
        conflict.do_nothing();
    }
    let result = txn.execute(insert.on_conflict(conflict)).await?;
    Ok(if is_mysql { result.last_insert_id() == 0 } else { result.rows_affected() == 1 })
}
