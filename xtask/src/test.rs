//! `cargo xtask test`: everything that must pass, in one command.

pub(crate) mod browser;
mod embedded_assets;
mod deploy;
mod doc_commands;
mod mini_program;
pub(crate) mod schemathesis;
mod verifiers;
mod wechatpy;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use xshell::Shell;

use crate::{
    cargo::{self, Tests},
    docs, servers,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs only what needs nothing beside the Rust toolchain.
    #[arg(long)]
    embedded: bool,
    /// Runs only the Rust tests whose names contain one of these.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// A part of the tests: its name, and how it is run.
type Step = (&'static str, fn(&Shell) -> Result<()>);

/// What needs more than the Rust toolchain.
const WITH_SERVICES: [Step; 9] = [
    ("a stranger's SDK against the offline WeChat", wechatpy::run),
    ("the commands of the documentation", doc_commands::run),
    ("the documentation's site, and its how-tos to the letter", docs::check),
    ("the documented verifiers of tokens and webhooks", verifiers::run),
    ("what is committed of what npm builds", embedded_assets::run),
    ("the mini program's side", mini_program::run),
    ("the pages in a browser", browser::run),
    ("the OpenAPI document against the server", schemathesis::run),
    ("what deploys it", deploy::run),
];

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let mut outcomes = vec![timed("the Rust tests", || run_rust(sh, options))];
    if options.filter.is_empty() {
        outcomes.push(timed("the examples in doc comments", || cargo::doctest(sh)));
        let services = if options.embedded { &[] } else { WITH_SERVICES.as_slice() };
        outcomes.extend(services.iter().map(|(name, step)| timed(name, || step(sh))));
    }
    for outcome in &outcomes {
        println!("{}", outcome.line());
    }
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
    match failed.as_slice() {
        [] => Ok(()),
        [only] => bail!("{} failed", only.name),
        several => bail!("{} parts failed", several.len()),
    }
}

/// The Rust tests, and unless told otherwise the servers that some of them need.
fn run_rust(sh: &Shell, options: &Options) -> Result<()> {
    if options.embedded {
        return cargo::test(sh, Tests::Embedded, &options.filter);
    }
    let running = servers::start_all(sh)?;
    cargo::test(sh, Tests::All, &options.filter)?;
    if options.filter.is_empty() {
        for url in running.iter().filter_map(servers::Server::shared_state) {
            println!("Once more over {url}");
            let _shared = sh.push_env("MENSHEN_TEST_SHARED_STATE", url);
            cargo::test(sh, Tests::All, &["login::on_", "repetition::on_"].map(str::to_owned))?;
        }
    }
    Ok(())
}

struct Outcome {
    name: &'static str,
    passed: bool,
    time: Duration,
}

impl Outcome {
    fn line(&self) -> String {
        let word = if self.passed { "passed" } else { "FAILED" };
        format!("{word}  {:>6.1} s  {}", self.time.as_secs_f64(), self.name)
    }
}

/// Runs one part; its failure is told at once and does not keep the others from running.
fn timed(name: &'static str, step: impl FnOnce() -> Result<()>) -> Outcome {
    println!("── {name}");
    let start = Instant::now();
    let result = step();
    if let Err(error) = &result {
        println!("{name}: {error:#}");
    }
    println!();
    Outcome { name, passed: result.is_ok(), time: start.elapsed() }
}
