//! `cargo xtask bench`: the release build under load, beside a program that does the unavoidable work
//! alone, on each database.

mod runner;
mod machine;
mod report;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xshell::Shell;

use self::{
    runner::{Contest, Ground, Load},
    report::Row,
};
use crate::{cargo, servers};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each figure is measured, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// On which databases.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    databases: Vec<Kind>,
    /// Over how many connections at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    connections: Vec<u32>,
    /// With which requests.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenario::ALL)]
    scenarios: Vec<Scenario>,
    /// With how many members in the database; each number is measured after those below it.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000])]
    members: Vec<u64>,
    /// Does not build, but takes the programs as they are under target/release.
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

/// A kind of request, by the name that `menshen-bench load` knows.
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

/// What the command line calls it.
fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    if !options.members.is_sorted() || options.members.first().is_none_or(|least| *least == 0) {
        bail!("--members: write numbers from 1 in rising order");
    }
    if !options.no_build {
        println!("Building the release: minutes the first time.");
        cargo::build_release(sh, &["server", "bench"])?;
    }
    println!("{}\n", machine::describe(sh)?);
    println!("{}", report::HEAD);
    let mut lives = Vec::new();
    for kind in &options.databases {
        let outcome = on_database(sh, options, *kind);
        lives.extend(outcome.with_context(|| format!("on {}", name(kind)))?);
    }
    println!("\n{}", report::LIVES_HEAD);
    for life in lives {
        println!("{life}");
    }
    Ok(())
}

/// Measures everything on one database, and answers what the server's processes needed.
fn on_database(sh: &Shell, options: &Options, kind: Kind) -> Result<Vec<report::Life>> {
    let lasting = servers::Lasting::Everything;
    let server = match kind {
        Kind::Sqlite => None,
        Kind::Postgresql => Some(servers::postgresql::start(sh, lasting)?),
        Kind::Mariadb => Some(servers::mariadb::start(sh, lasting)?),
    };
    let ground = Ground::new(sh, kind, server.as_ref().map(|server| server.url.as_str()))?;
    let (mut lives, mut there) = (Vec::new(), 0);
    for members in &options.members {
        ground.fill(there + 1, *members)?;
        there = *members;
        let contest = Contest::start(&ground)?;
        for scenario in &options.scenarios {
            for connections in &options.connections {
                let (scenario, connections) = (name(scenario), *connections);
                let (seconds, members) = (options.seconds, *members);
                let load = Load { scenario: &scenario, connections, seconds, members };
                // By turns, so that whatever else the machine does meets both.
                let (floor, server) = (contest.floor(&load)?, contest.server(&load)?);
                let database = name(&kind);
                println!("{}", Row { database, members, scenario, connections, server, floor });
            }
        }
        lives.push(contest.end(*members)?);
    }
    Ok(lives)
}
