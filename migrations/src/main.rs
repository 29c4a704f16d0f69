//! Command-line tool for migrations, called by `cargo xtask migrate`.

use std::io::{Write, stdout};

use clap::{Parser, ValueEnum};

/// Migrate a database.
#[derive(Parser)]
struct Cli {
    /// Action.
    command: Command,
    /// URL of the database: `sqlite://PATH`, `postgres://…` or `mysql://…`.
    #[arg(long)]
    database_url: String,
}

#[derive(Clone, ValueEnum)]
enum Command {
    /// Apply all pending migrations.
    Up,
    /// Revert the last applied migration.
    Down,
    /// List all migrations and their state.
    Status,
    /// Drop all tables, then apply all migrations.
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
