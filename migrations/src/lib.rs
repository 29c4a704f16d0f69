//! The database schema, as migrations, and the ways to run them on a database named by its URL.

mod connection;
mod m20261120_090000_members;
mod m20261121_090000_signing_keys;
mod m20261121_100000_redemptions;
mod m20261121_110000_tombstones;
mod m20261121_120000_pushes;
mod m20261121_130000_session_keys;
mod m20261121_140000_sealed_phones;
mod m20261126_090000_audit_context;
mod m20261126_100000_admins;
mod m20261126_110000_outbox;
mod m20261126_120000_apps;
mod steps;
mod lock;

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr, EntityTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager, seaql_migrations};

use crate::lock::{Way, migrate};

/// Where the migrator records what is applied.
const RECORD: &str = "seaql_migrations";

/// All migrations, the oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_090000_members::Migration),
            Box::new(m20261121_090000_signing_keys::Migration),
            Box::new(m20261121_100000_redemptions::Migration),
            Box::new(m20261121_110000_tombstones::Migration),
            Box::new(m20261121_120000_pushes::Migration),
            Box::new(m20261121_130000_session_keys::Migration),
            Box::new(m20261121_140000_sealed_phones::Migration),
            Box::new(m20261126_090000_audit_context::Migration),
            Box::new(m20261126_100000_admins::Migration),
            Box::new(m20261126_110000_outbox::Migration),
            Box::new(m20261126_120000_apps::Migration),
            // `cargo xtask migrate new` adds further ones above this line.
        ]
    }
}

/// Why a database was not migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The URL is not one of a database this service runs on.
    #[error("the database URL begins with none of sqlite://, postgres:// and mysql://")]
    UnknownDatabase,
    /// SQLite in memory is gone as soon as the migration ends.
    #[error("SQLite must be a file: sqlite://PATH")]
    InMemory,
    /// The folder of the SQLite file could not be made.
    #[error("the folder {folder} could not be made")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database could not be reached or opened.
    #[error("the database could not be opened")]
    Connect(#[source] sea_orm_migration::sea_orm::SqlxError),
    /// A statement failed.
    #[error("the database refused a migration")]
    Refused(#[source] DbErr),
}

/// A migration, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name, which begins with the time it was written.
    pub name: String,
    /// Whether it was applied.
    pub applied: bool,
}

/// Applies every migration the database does not have. Makes an SQLite file, and its folder, if there
/// is none.
///
/// Of several programs that do so at once, one does and the others wait for it. What was interrupted is
/// gone on with, by whatever program does so next.
pub async fn up(url: &str) -> Result<(), MigrationError> {
    let database = connection::open(url).await?;
    let result = migrate(&database, Way::Up).await;
    close(database, result).await
}

/// Takes back the migration that was applied last.
pub async fn down(url: &str) -> Result<(), MigrationError> {
    let database = connection::open(url).await?;
    let result = migrate(&database, Way::Down).await;
    close(database, result).await
}

/// Drops **everything** in the database, then applies every migration.
pub async fn fresh(url: &str) -> Result<(), MigrationError> {
    let database = connection::open(url).await?;
    let result = Migrator::fresh(&database).await;
    close(database, result).await
}

/// Every migration, the oldest first, and whether the database has it. Changes no table, so that a
/// database user without the right to do so may ask. Migrations of later programs are not told: this one
/// runs on what they leave.
pub async fn status(url: &str) -> Result<Vec<Status>, MigrationError> {
    let database = connection::open(url).await?;
    let result = status_on(&SchemaManager::new(&database)).await;
    close(database, result).await
}

async fn status_on(manager: &SchemaManager<'_>) -> Result<Vec<Status>, DbErr> {
    let mut applied = Vec::new();
    if manager.has_table(RECORD).await? {
        applied = seaql_migrations::Entity::find().all(manager.get_connection()).await?;
    }
    let status = Migrator::migrations().into_iter().map(|migration| Status {
        applied: applied.iter().any(|applied| applied.version == migration.name()),
        name: migration.name().to_owned(),
    });
    Ok(status.collect())
}

/// Closes the connection properly, which for SQLite moves everything into the one file.
async fn close<T>(
    database: DatabaseConnection,
    result: Result<T, DbErr>,
) -> Result<T, MigrationError> {
    let closed = database.close().await;
    let result = result.map_err(MigrationError::Refused)?;
    closed.map_err(MigrationError::Refused)?;
    Ok(result)
}
