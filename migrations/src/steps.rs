//! The steps of migrations. MySQL undoes none of them when a migration is interrupted: there, each is
//! taken only where it has not been, so that the next run goes on where that one ended.
#![expect(clippy::disallowed_methods, reason = "here they are called where it is safe")]

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Creates a table with its keys.
pub(crate) async fn create_table(
    manager: &SchemaManager<'_>,
    mut table: TableCreateStatement,
) -> Result<(), DbErr> {
    if keeps_steps(manager) {
        table.if_not_exists();
    }
    manager.create_table(table).await
}

/// Creates an index of the table.
pub(crate) async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &str,
    mut index: IndexCreateStatement,
) -> Result<(), DbErr> {
    if keeps_steps(manager) && manager.has_index(table, name).await? {
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
    if keeps_steps(manager) && manager.has_column(table, column.get_column_name()).await? {
        return Ok(());
    }
    manager.alter_table(Table::alter().table(table).add_column(column).take()).await
}

/// Says anew what a column holds. To say it twice changes nothing.
pub(crate) async fn change_column(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).modify_column(column).take()).await
}

/// Drops a table and what belongs to it.
pub(crate) async fn drop_table(
    manager: &SchemaManager<'_>,
    table: &'static str,
) -> Result<(), DbErr> {
    let mut drop = Table::drop().table(table).take();
    if keeps_steps(manager) {
        drop.if_exists();
    }
    manager.drop_table(drop).await
}

/// Drops an index of the table.
pub(crate) async fn drop_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &str,
) -> Result<(), DbErr> {
    if keeps_steps(manager) && !manager.has_index(table, name).await? {
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
    if keeps_steps(manager) && !manager.has_column(table, column).await? {
        return Ok(());
    }
    manager.alter_table(Table::alter().table(table).drop_column(column).take()).await
}

fn keeps_steps(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::MySql
}
