//! `cargo xtask bench`: load on the release build and on a minimal baseline server, on each database.

mod machine;
mod report;
mod runner;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xshell::Shell;

use self::{
    report::Row,
    runner::{Environment, Load, Runner},
};
use crate::{cargo, servers};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Duration of each measurement, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Databases to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    databases: Vec<Kind>,
    /// Numbers of concurrent connections.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    connections: Vec<u32>,
    /// Kinds of requests.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenario::ALL)]
    scenarios: Vec<Scenario>,
    /// Numbers of members in the database, in ascending order.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000])]
    members: Vec<u64>,
    /// Use the programs in target/release without building them.
    #[arg(long)]
    no_build: bool,
}

/// A kind of database.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sqlite,
    Postgresql,
    Mariadb,
}

/// A kind of request, named as in `menshen-bench load`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    NewMember,
    NewMemberPhone,
    ReturningLogin,
    Refresh,
    Me,
    TokenCheck,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Sqlite, Self::Postgresql, Self::Mariadb];
}

impl Scenario {
    const ALL: [Self; 6] = [
        Self::NewMember,
        Self::NewMemberPhone,
        Self::ReturningLogin,
        Self::Refresh,
        Self::Me,
        Self::TokenCheck,
    ];
}

/// Returns the name of a value on the command line.
fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    if !options.members.is_sorted() || options.members.first().is_none_or(|smallest| *smallest == 0)
    {
        bail!("--members: expected positive numbers in ascending order");
    }
    if !options.no_build {
        println!("Building the release (some minutes for the first build).");
        cargo::build_release(sh, &["server", "bench"])?;
    }
    println!("{}\n", machine::describe(sh)?);
    println!("{}", report::HEAD);
    let mut footprints = Vec::new();
    for kind in &options.databases {
        let outcome = measure_database(sh, options, *kind);
        footprints.extend(outcome.with_context(|| format!("on {}", name(kind)))?);
    }
    println!("\n{}", report::FOOTPRINT_HEAD);
    for footprint in footprints {
        println!("{footprint}");
    }
    Ok(())
}

/// Measures all scenarios on one database; returns the footprint of each server process.
fn measure_database(sh: &Shell, options: &Options, kind: Kind) -> Result<Vec<report::Footprint>> {
    let durability = servers::Durability::Full;
    let server = match kind {
        Kind::Sqlite => None,
        Kind::Postgresql => Some(servers::postgresql::start(sh, durability)?),
        Kind::Mariadb => Some(servers::mariadb::start(sh, durability)?),
    };
    let environment = Environment::new(sh, kind, server.as_ref().map(|server| &*server.url))?;
    let mut footprints = Vec::new();
    let mut existing = 0;
    for members in &options.members {
        environment.fill(existing + 1, *members)?;
        existing = *members;
        let runner = Runner::start(&environment)?;
        for scenario in &options.scenarios {
            for connections in &options.connections {
                let load = Load {
                    scenario: name(scenario),
                    connections: *connections,
                    seconds: options.seconds,
                    members: *members,
                };
                // Alternating, so that other activity of the machine affects both.
                let baseline = runner.load_baseline(&load)?;
                let server = runner.load_server(&load)?;
                println!("{}", Row { database: name(&kind), load, server, baseline });
            }
        }
        footprints.push(runner.stop(*members)?);
    }
    Ok(footprints)
}
