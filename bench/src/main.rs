//! `menshen-bench`: what `cargo xtask bench` measures with, each part a process of its own.
#![expect(clippy::print_stdout, reason = "a command-line tool speaks there")]
#![expect(clippy::indexing_slicing, reason = "only of JSON, where what is missing is null")]

mod database;
mod fill;
mod baseline;
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

/// What `cargo xtask bench` measures with.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Stands in for WeChat: answers at once, and reads in each code whose it is.
    Wechat {
        #[arg(long)]
        listen: SocketAddr,
        /// The app that phone numbers are given to.
        #[arg(long)]
        app_id: String,
    },
    /// Does the unavoidable work of each request and nothing else.
    Floor {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        database: String,
        /// Where the stand-in for WeChat is.
        #[arg(long)]
        wechat: String,
    },
    /// Makes the database where there is none.
    Create {
        #[arg(long)]
        database: String,
    },
    /// Adds members to the database of the server, and to that of the floor.
    Fill(fill::Options),
    /// Sends requests of one kind for a while, and prints in JSON how it went.
    Load(load::Options),
    /// Lets a day of many members pass, and tells what it takes and what breaks first.
    Scale(simulation::Options),
}

fn main() -> Result<()> {
    match Cli::parse().part {
        Part::Wechat { listen, app_id } => many_threads(wechat::run(listen, app_id)),
        Part::Floor { listen, database, wechat } => {
            many_threads(baseline::run(listen, &database, &wechat))
        }
        Part::Create { database } => one_thread(Database::create(&database)),
        Part::Fill(options) => one_thread(fill::run(&options)),
        Part::Load(options) => {
            println!("{}", one_thread(load::run(&options))?);
            Ok(())
        }
        Part::Scale(options) => simulation::run(&options),
    }
}

/// As the server runs.
fn many_threads<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(work)
}
