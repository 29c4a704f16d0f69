//! Development tasks of this repository, run as `cargo xtask TASK`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool prints")]

mod apt;
mod bench;
mod cargo;
mod child_process;
mod codegen;
mod dev;
mod docs;
mod migrate;
mod servers;
mod soak;
mod test;
#[cfg(test)]
mod tidy;
mod toolchains;

use std::process::ExitCode;

use clap::Parser;

/// Development tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Start the WeChat sandbox and the server, perform one login, and run until Ctrl-C.
    Dev(dev::Options),
    /// Run all tests, installing missing tools where possible.
    Test(test::Options),
    /// Migrate a database, or create a new migration.
    #[command(subcommand)]
    Migrate(migrate::Action),
    /// Generate entities, OpenAPI, reference pages and TypeScript types.
    Codegen(codegen::Options),
    /// Build the documentation site and check its links.
    Docs(docs::Options),
    /// Run the soak tests with all iterations and print their figures.
    Soak(soak::Options),
    /// Measure the release build under load, next to a minimal baseline server.
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
        Task::Soak(options) => soak::run(&sh, &options),
        Task::Bench(options) => bench::run(&sh, &options),
    }
}
