//! Steps of migrations.
//!
//! MySQL does not roll back schema changes of an interrupted migration. There, each step is skipped if
//! it was completed already, so that the next run continues.
#![expect(clippy::disallowed_methods, reason = "this module makes the calls repeatable")]

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Creates a table with its keys.
pub(crate) async fn create_table(
    manager: &SchemaManager<'_>,
    mut table: TableCreateStatement,
) -> Result<(), DbErr> {
    if is_non_transactional(manager) {
        table.if_not_exists();
    }
    manager.create_table(table).await
}

/// Creates an index on the table.
pub(crate) async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &str,
    mut index: IndexCreateStatement,
) -> Result<(), DbErr> {
    if is_non_transactional(manager) && manager.has_index(table, name).await? {
        return Ok(());
    }
    manager.create_index(index.table(table).name(name).take()).await
}

/// Adds a column to the table.
pub(crate) async fn add_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    if is_non_transactional(manager) && manager.has_column(table, column.get_column_name()).await? {
        return Ok(());
    }
    manager.alter_table(Table::alter().table(table).add_column(column).take()).await
}

/// Changes the definition of a column. Repeating the step has no effect.
pub(crate) async fn change_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).modify_column(column).take()).await
}

/// Drops a table with its indexes and keys.
pub(crate) async fn drop_table(
    manager: &SchemaManager<'_>,
    table: &'static str,
) -> Result<(), DbErr> {
    let mut drop = Table::drop().table(table).take();
    if is_non_transactional(manager) {
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
    if is_non_transactional(manager) && !manager.has_index(table, name).await? {
        return Ok(());
    }
    manager.drop_index(Index::drop().table(table).name(name).to_owned()).await
}

/// Drops a column of the table.
pub(crate) async fn drop_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: &'static str,
) -> Result<(), DbErr> {
    if is_non_transactional(manager) && !manager.has_column(table, column).await? {
        return Ok(());
    }
    manager.alter_table(Table::alter().table(table).drop_column(column).take()).await
}

/// Returns true if the database commits each schema change by itself.
fn is_non_transactional(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::MySql
}
