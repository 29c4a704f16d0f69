//! `menshen-bench`: the programs of `cargo xtask bench`. Each subcommand runs in its own process.
#![expect(clippy::print_stdout, reason = "a command-line tool prints")]
#![expect(
    clippy::indexing_slicing,
    reason = "a missing JSON value is null; other indexes are checked or constant"
)]

mod baseline;
mod database;
mod fill;
mod http;
mod load;
mod process;
mod simulation;
mod user;
mod wechat;

use std::net::SocketAddr;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

use crate::database::Database;

/// Programs of `cargo xtask bench`.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the WeChat stub, which derives the user from the code.
    Wechat {
        /// Address to listen on.
        #[arg(long)]
        listen: SocketAddr,
        /// App id in the watermark of phone numbers.
        #[arg(long)]
        app_id: String,
    },
    /// Run the baseline server, which does only the unavoidable work of each request.
    Baseline {
        /// Address to listen on.
        #[arg(long)]
        listen: SocketAddr,
        /// URL of its database.
        #[arg(long)]
        database: String,
        /// URL of the WeChat stub.
        #[arg(long)]
        wechat: String,
    },
    /// Create the database unless it exists.
    Create {
        /// URL of the database.
        #[arg(long)]
        database: String,
    },
    /// Insert members into the databases of the server and of the baseline.
    Fill(fill::Options),
    /// Send requests of one kind and print the measurement in JSON.
    Load(load::Options),
    /// Simulate a day with many members and print the required capacity.
    Simulate(simulation::Options),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Wechat { listen, app_id } => many_threads(wechat::run(listen, app_id)),
        Command::Baseline { listen, database, wechat } => {
            many_threads(baseline::run(listen, &database, &wechat))
        }
        Command::Create { database } => one_thread(Database::create(&database)),
        Command::Fill(options) => one_thread(fill::run(&options)),
        Command::Load(options) => {
            println!("{}", one_thread(load::run(&options))?);
            Ok(())
        }
        Command::Simulate(options) => simulation::run(&options),
    }
}

/// Runs `work` on several threads, like the server.
fn many_threads<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(work)
}
