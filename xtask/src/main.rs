//! The tasks of this repository, run as `cargo xtask TASK`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks there")]

mod apt;
mod bench;
mod cargo;
mod codegen;
mod dev;
mod docs;
mod interpreters;
mod migrate;
mod servers;
mod service;
#[cfg(test)]
mod shape;
mod test;
mod trust;

use std::process::ExitCode;

use clap::Parser;

/// The tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Starts the offline WeChat and the server, plays one login, and stays up until Ctrl-C.
    Dev(dev::Options),
    /// Runs every test, finding or installing what the tests need.
    Test(test::Options),
    /// Brings a database's schema up or down, or starts a new migration.
    #[command(subcommand)]
    Migrate(migrate::Action),
    /// Writes everything that is generated: entities, OpenAPI, the pages of the API, errors and settings,
    /// TypeScript types.
    Codegen(codegen::Options),
    /// Makes the documentation's site, and fails where a link leads nowhere.
    Docs(docs::Options),
    /// Runs the long checks in full and prints their figures.
    Trust(trust::Options),
    /// Measures the release build under load, beside a program that does the unavoidable work alone.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let sh = cargo::workspace_shell()?;
    match task {
        Task::Dev(options) => dev::run(&sh, &options),
        Task::Test(options) => test::run(&sh, &options),
        Task::Migrate(action) => migrate::run(&sh, &action),
        Task::Codegen(options) => codegen::run(&sh, &options),
        Task::Docs(options) => docs::run(&sh, &options),
        Task::Trust(options) => trust::run(&sh, &options),
        Task::Bench(options) => bench::run(&sh, &options),
    }
}
