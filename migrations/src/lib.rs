//! Database schema as migrations, and functions that run them on the database at a URL.

mod apply;
mod connection;
mod contention;
mod lock;
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
mod m20261130_090000_cleanup;
mod m20261130_100000_lasting_tombstones;
mod m20261130_100100_session_epoch;
mod m20261130_120000_heartbeat;
mod m20261130_124500_audit_counts;
mod steps;

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr, EntityTrait};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager, seaql_migrations};

use crate::apply::{Direction, apply};

/// Table of the applied migrations.
const MIGRATION_TABLE: &str = "seaql_migrations";

/// All migrations, oldest first.
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
            Box::new(m20261130_090000_cleanup::Migration),
            Box::new(m20261130_100000_lasting_tombstones::Migration),
            Box::new(m20261130_100100_session_epoch::Migration),
            Box::new(m20261130_120000_heartbeat::Migration),
            Box::new(m20261130_124500_audit_counts::Migration),
            // `cargo xtask migrate new` adds migrations above this line.
        ]
    }
}

/// Migrator without migrations: its `fresh` drops all tables and creates none.
struct NoMigrations;

impl MigratorTrait for NoMigrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

/// Error of a migration.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The URL is not of a supported database.
    #[error("the database URL must start with sqlite://, postgres:// or mysql://")]
    UnknownDatabase,
    /// An in-memory SQLite database would be lost when the migration ends.
    #[error("an in-memory SQLite database cannot be migrated: use a file, sqlite://PATH")]
    InMemory,
    /// The folder of the SQLite file could not be created.
    #[error("cannot create the folder {folder}")]
    Folder {
        /// Path of the folder.
        folder: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The database could not be reached or opened.
    #[error("cannot open the database")]
    Connect(#[source] sea_orm_migration::sea_orm::SqlxError),
    /// Another program migrates the database for too long.
    #[error(
        "another program has been migrating the database for ten minutes: run the command again when \
         it has ended"
    )]
    Locked,
    /// Others hold locks for too long. The migrations before, and completed steps of this one, are kept.
    #[error(
        "a migration was blocked by {}: wait until the transaction has ended, or end it, and run the \
         command again",
        transaction.as_deref().unwrap_or("a long transaction")
    )]
    Blocked {
        /// Description of the oldest transaction, if the database user may see it.
        transaction: Option<String>,
        /// Error of the last attempt.
        source: DbErr,
    },
    /// A statement failed.
    #[error("a migration failed")]
    Failed(#[from] DbErr),
}

/// State of a migration in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Name, which starts with the time of its creation.
    pub name: String,
    /// True if the migration is applied.
    pub applied: bool,
}

/// Applies all pending migrations. Creates a missing SQLite file and its folder.
///
/// If several programs migrate concurrently, one does and the others wait. Other programs can use the
/// database meanwhile: on PostgreSQL and MySQL, no statement of theirs waits for longer than about a
/// second. An interrupted migration is continued by the next call.
pub async fn up(url: &str) -> Result<(), MigrationError> {
    let database = connection::open(url).await?;
    let result = apply(&database, Direction::Up).await;
    close(database, result).await
}

/// Reverts the last applied migration.
pub async fn down(url: &str) -> Result<(), MigrationError> {
    let database = connection::open(url).await?;
    let result = apply(&database, Direction::Down).await;
    close(database, result).await
}

/// Drops **all** tables of the database, then applies all migrations.
pub async fn fresh(url: &str) -> Result<(), MigrationError> {
    let database = connection::open(url).await?;
    let result = drop_and_apply(&database).await;
    close(database, result).await
}

async fn drop_and_apply(database: &DatabaseConnection) -> Result<(), MigrationError> {
    NoMigrations::fresh(database).await?;
    apply(database, Direction::Up).await
}

/// Returns the state of all migrations, oldest first. Changes no table, so that it works with a
/// read-only database user. Migrations of later versions are left out: this version runs on their
/// schema.
pub async fn status(url: &str) -> Result<Vec<Status>, MigrationError> {
    let database = connection::open(url).await?;
    let result = status_on(&SchemaManager::new(&database)).await.map_err(MigrationError::Failed);
    close(database, result).await
}

async fn status_on(manager: &SchemaManager<'_>) -> Result<Vec<Status>, DbErr> {
    let mut applied = Vec::new();
    if manager.has_table(MIGRATION_TABLE).await? {
        applied = seaql_migrations::Entity::find().all(manager.get_connection()).await?;
    }
    let status = Migrator::migrations().into_iter().map(|migration| Status {
        applied: applied.iter().any(|applied| applied.version == migration.name()),
        name: migration.name().to_owned(),
    });
    Ok(status.collect())
}

/// Closes the connection cleanly, which merges SQLite's write-ahead log into the database file.
async fn close<T>(
    database: DatabaseConnection,
    result: Result<T, MigrationError>,
) -> Result<T, MigrationError> {
    let closed = database.close().await;
    let result = result?;
    closed?;
    Ok(result)
}
