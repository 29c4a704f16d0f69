//! `cargo xtask test`: all tests in one command.

pub(crate) mod browser;
mod deploy;
mod doc_commands;
mod embedded_assets;
mod mini_program;
pub(crate) mod schemathesis;
mod verifiers;
mod wechatpy;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use xshell::Shell;

use crate::{
    cargo::{self, Tests},
    docs,
    servers::{self, Server},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the tests that need nothing but the Rust toolchain.
    #[arg(long)]
    embedded: bool,
    /// Run only the Rust tests whose names contain one of these.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// Name of a part of the tests, and the function that runs it.
type Step = (&'static str, fn(&Shell) -> Result<()>);

/// Parts that need more than the Rust toolchain.
const WITH_TOOLS: [Step; 9] = [
    ("wechatpy, a third-party SDK, against the WeChat sandbox", wechatpy::run),
    ("commands in the documentation", doc_commands::run),
    ("documentation site and how-to guides", docs::check),
    ("documented verifiers of tokens and webhooks", verifiers::run),
    ("committed build output of npm packages", embedded_assets::run),
    ("mini program SDK", mini_program::run),
    ("pages in a browser", browser::run),
    ("OpenAPI document against the server", schemathesis::run),
    ("deployment files", deploy::run),
];

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let mut outcomes = vec![timed("Rust tests", || run_rust(sh, options))];
    if options.filter.is_empty() {
        outcomes.push(timed("examples in doc comments", || cargo::doctest(sh)));
        let steps = if options.embedded { &[] } else { WITH_TOOLS.as_slice() };
        outcomes.extend(steps.iter().map(|(name, step)| timed(name, || step(sh))));
    }
    for outcome in &outcomes {
        println!("{}", outcome.line());
    }
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.has_passed).collect();
    match failed.as_slice() {
        [] => Ok(()),
        [only] => bail!("{} failed", only.name),
        several => bail!("{} parts failed", several.len()),
    }
}

/// Runs the Rust tests and, unless `--embedded` is given, the servers that some of them need.
fn run_rust(sh: &Shell, options: &Options) -> Result<()> {
    if options.embedded {
        return cargo::test(sh, Tests::Embedded, &options.filter);
    }
    let servers = servers::start_all(sh)?;
    cargo::test(sh, Tests::All, &options.filter)?;
    if options.filter.is_empty() {
        for url in servers.iter().filter_map(Server::shared_state_url) {
            println!("Repeating tests with shared state in {url}");
            let _shared = sh.push_env("MENSHEN_TEST_SHARED_STATE", url);
            cargo::test(sh, Tests::All, &["login::on_", "idempotency::on_"].map(str::to_owned))?;
        }
    }
    Ok(())
}

struct Outcome {
    name: &'static str,
    has_passed: bool,
    time: Duration,
}

impl Outcome {
    fn line(&self) -> String {
        let word = if self.has_passed { "passed" } else { "FAILED" };
        format!("{word}  {:>6.1} s  {}", self.time.as_secs_f64(), self.name)
    }
}

/// Runs one part. A failure is printed immediately and does not stop the other parts.
fn timed(name: &'static str, step: impl FnOnce() -> Result<()>) -> Outcome {
    println!("── {name}");
    let start = Instant::now();
    let result = step();
    if let Err(error) = &result {
        println!("{name}: {error:#}");
    }
    println!();
    Outcome { name, has_passed: result.is_ok(), time: start.elapsed() }
}
