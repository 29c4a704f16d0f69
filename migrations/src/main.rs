//! Migrates a database by hand; `cargo xtask migrate` calls it.

use std::io::{Write, stdout};

use clap::{Parser, ValueEnum};

/// Migrates a database.
#[derive(Parser)]
struct Cli {
    /// What to do.
    command: Command,
    /// The database: `sqlite://PATH`, `postgres://…` or `mysql://…`
    #[arg(long)]
    database_url: String,
}

#[derive(Clone, ValueEnum)]
enum Command {
    /// Applies every migration the database does not have.
    Up,
    /// Takes back the migration that was applied last.
    Down,
    /// Lists the migrations and whether the database has them.
    Status,
    /// Drops everything in the database, then applies every migration.
    Fresh,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Cli { command, database_url: url } = Cli::parse();
    match command {
        Command::Up => migration::up(&url).await?,
        Command::Down => migration::down(&url).await?,
        Command::Status => {}
        Command::Fresh => migration::fresh(&url).await?,
    }
    for migration in migration::status(&url).await? {
        let applied = if migration.applied { "applied" } else { "pending" };
        writeln!(stdout(), "{applied}  {}", migration.name)?;
    }
    Ok(())
}
