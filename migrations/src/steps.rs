//! Steps of migrations. Other programs write to the tables meanwhile.
//!
//! A step that runs outside of a transaction can be repeated: it is skipped if it was completed before,
//! so that the next run of an interrupted migration continues. MySQL commits each schema change, also
//! within a transaction.
//!
//! | step | PostgreSQL | MySQL |
//! | --- | --- | --- |
//! | index on a table with rows | `CONCURRENTLY`, outside of a transaction | `ALGORITHM=INPLACE LOCK=NONE` |
//! | new, changed or dropped column | a short lock | `ALGORITHM=INSTANT`, or as above |
//! | new or dropped table | a short lock, also on tables that its foreign keys refer to | likewise |
#![expect(clippy::disallowed_methods, reason = "this module makes the calls repeatable and online")]

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, SqlErr, Statement};

use crate::contention::is_unsupported_algorithm;

/// Creates a table with its keys.
pub(crate) async fn create_table(
    manager: &SchemaManager<'_>,
    mut table: TableCreateStatement,
) -> Result<(), DbErr> {
    if commits_each_step(manager) {
        table.if_not_exists();
    }
    manager.create_table(table).await
}

/// Creates an index on the table; `index` can be unique.
///
/// On PostgreSQL, an index on a table with rows cannot be part of a transaction, which would block
/// writers: the `use_transaction` of the migration must return `Some(false)`.
pub(crate) async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &str,
    mut index: IndexCreateStatement,
) -> Result<(), DbErr> {
    index.table(table).name(name);
    if !commits_each_step(manager) {
        if manager.get_database_backend() == DbBackend::Postgres && has_rows(manager, table).await?
        {
            return Err(DbErr::Migration(format!(
                "{name} is an index on a table with rows: return `Some(false)` from `use_transaction`"
            )));
        }
        return manager.create_index(index).await;
    }
    if manager.get_database_backend() == DbBackend::Postgres {
        return create_index_concurrently(manager, name, index).await;
    }
    if manager.has_index(table, name).await? {
        return Ok(());
    }
    let sql = index.to_string(MysqlQueryBuilder);
    change_online(manager, table, &sql, &[" ALGORITHM=INPLACE LOCK=NONE"]).await
}

/// Adds a column to the table. It must be nullable or have a constant default.
pub(crate) async fn add_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    if commits_each_step(manager) && manager.has_column(table, column.get_column_name()).await? {
        return Ok(());
    }
    alter_table(manager, table, Table::alter().table(table).add_column(column)).await
}

/// Changes the definition of a column. Repeating the step has no effect.
///
/// PostgreSQL rewrites the table for a change of the type, and reads all of it for `NOT NULL`: make only
/// changes that the tests with rows accept.
pub(crate) async fn change_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    alter_table(manager, table, Table::alter().table(table).modify_column(column)).await
}

/// Drops a table with its indexes and keys.
pub(crate) async fn drop_table(
    manager: &SchemaManager<'_>,
    table: &'static str,
) -> Result<(), DbErr> {
    let mut drop = Table::drop().table(table).take();
    if commits_each_step(manager) {
        drop.if_exists();
    }
    manager.drop_table(drop).await
}

/// Drops an index on the table.
pub(crate) async fn drop_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &str,
) -> Result<(), DbErr> {
    if commits_each_step(manager) {
        if manager.get_database_backend() == DbBackend::Postgres {
            return drop_index_concurrently(manager, name).await;
        }
        if !manager.has_index(table, name).await? {
            return Ok(());
        }
    }
    manager.drop_index(Index::drop().table(table).name(name).to_owned()).await
}

/// Drops a column of the table.
pub(crate) async fn drop_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: &'static str,
) -> Result<(), DbErr> {
    if commits_each_step(manager) && !manager.has_column(table, column).await? {
        return Ok(());
    }
    alter_table(manager, table, Table::alter().table(table).drop_column(column)).await
}

/// Returns true if each step is committed by itself: outside of a transaction, and on MySQL.
fn commits_each_step(manager: &SchemaManager<'_>) -> bool {
    let is_in_transaction = match manager.get_connection() {
        SchemaManagerConnection::Connection(_) => false,
        SchemaManagerConnection::Transaction(_) | SchemaManagerConnection::OwnedTransaction(_) => {
            true
        }
    };
    !is_in_transaction || manager.get_database_backend() == DbBackend::MySql
}

async fn alter_table(
    manager: &SchemaManager<'_>,
    table: &'static str,
    alter: &mut TableAlterStatement,
) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::MySql {
        return manager.alter_table(alter.take()).await;
    }
    let sql = alter.to_string(MysqlQueryBuilder);
    let options = [", ALGORITHM=INSTANT", ", ALGORITHM=INPLACE, LOCK=NONE"];
    change_online(manager, table, &sql, &options).await
}

/// Changes the schema of MySQL with the first of the options that the server supports for this change.
/// All of them admit concurrent writes. A table without rows is changed in any way.
async fn change_online(
    manager: &SchemaManager<'_>,
    table: &'static str,
    sql: &str,
    options: &[&str],
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for option in options {
        match connection.execute_unprepared(&format!("{sql}{option}")).await {
            Err(error) if is_unsupported_algorithm(&error) => {}
            result => return result.map(|_| ()),
        }
    }
    if has_rows(manager, table).await? {
        return Err(DbErr::Migration(format!(
            "the server can do this only while no program writes to the table: stop the service, execute \
             `{sql}`, and run the command again"
        )));
    }
    connection.execute_unprepared(sql).await.map(|_| ())
}

/// Creates an index of PostgreSQL without blocking writers. An index that an interrupted build has left
/// behind is invalid: it slows down writers and serves no query.
async fn create_index_concurrently(
    manager: &SchemaManager<'_>,
    name: &str,
    mut index: IndexCreateStatement,
) -> Result<(), DbErr> {
    match is_valid_index(manager, name).await? {
        Some(true) => return Ok(()),
        Some(false) => {
            tracing::warn!(index = name, "the index is incomplete and will be built again");
            drop_index_concurrently(manager, name).await?;
        }
        None => {}
    }
    tracing::info!(index = name, "building the index, after the transactions that are open now");
    let sql = index.concurrently().to_string(PostgresQueryBuilder);
    let result = execute_without_lock_timeout(manager, &sql).await;
    let sql_error = result.as_ref().err().and_then(DbErr::sql_err);
    if let Some(SqlErr::UniqueConstraintViolation(_)) = sql_error {
        // An incomplete unique index rejects further rows. After other errors, the next run drops it.
        drop_index_concurrently(manager, name).await?;
    }
    result
}

async fn drop_index_concurrently(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    let mut drop = Index::drop();
    let sql = drop.name(name).if_exists().concurrently().to_string(PostgresQueryBuilder);
    execute_without_lock_timeout(manager, &sql).await
}

/// Executes a statement of PostgreSQL that waits for other transactions without blocking any.
async fn execute_without_lock_timeout(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let lock_timeout = query_one(manager, "SHOW lock_timeout").await?.unwrap_or_default();
    connection.execute_unprepared("SET lock_timeout = 0").await?;
    let result = connection.execute_unprepared(sql).await;
    connection.execute_unprepared(&format!("SET lock_timeout = '{lock_timeout}'")).await?;
    result.map(|_| ())
}

/// Returns false for an index of PostgreSQL whose build was interrupted, and none for an unknown one.
async fn is_valid_index(manager: &SchemaManager<'_>, name: &str) -> Result<Option<bool>, DbErr> {
    let sql =
        format!("SELECT indisvalid::text FROM pg_index WHERE indexrelid = to_regclass('{name}')");
    Ok(query_one(manager, &sql).await?.map(|is_valid| is_valid == "true"))
}

async fn has_rows(manager: &SchemaManager<'_>, table: &str) -> Result<bool, DbErr> {
    let row = Query::select().expr(Expr::val(1)).from(table.to_owned()).limit(1).take();
    Ok(manager.get_connection().query_one(&row).await?.is_some())
}

/// Returns the text in the first row of a query, or none without a row.
async fn query_one(manager: &SchemaManager<'_>, sql: &str) -> Result<Option<String>, DbErr> {
    let statement = Statement::from_string(manager.get_database_backend(), sql);
    let row = manager.get_connection().query_one_raw(statement).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}
