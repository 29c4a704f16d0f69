//! `menshen migrate`.
#![expect(clippy::print_stdout, reason = "the command prints its result")]

use secrecy::ExposeSecret;

use crate::config::Config;

/// Applies all pending migrations and prints the status of each migration.
///
/// # Errors
/// When the database failed.
pub async fn up(config: &Config) -> anyhow::Result<()> {
    migration::up(config.database_url.expose_secret()).await?;
    status(config).await
}

/// Prints the status of each migration.
///
/// # Errors
/// When the database failed.
pub async fn status(config: &Config) -> anyhow::Result<()> {
    for migration in migration::status(config.database_url.expose_secret()).await? {
        let state = if migration.applied { "applied" } else { "pending" };
        println!("{state}  {}", migration.name);
    }
    Ok(())
}
