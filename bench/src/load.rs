//! The load: so many connections, each of which asks again as soon as it was answered.

mod connection;
mod scenario;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::connection::Connection;
use self::scenario::{Scenario, Visitor};
use crate::process;

/// Before this, nothing is counted: connections are opened and statements prepared.
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Host and port of what is measured.
    #[arg(long)]
    address: String,
    /// Its process.
    #[arg(long)]
    pid: u32,
    #[arg(long, value_enum)]
    scenario: Scenario,
    #[arg(long)]
    connections: u64,
    #[arg(long)]
    seconds: f64,
    /// How many members there are: those with the numbers 1 to this.
    #[arg(long)]
    members: u64,
    /// The number of the first new member; those after it are free as well.
    #[arg(long)]
    first_new: u64,
    /// The key of the back end that checks tokens.
    #[arg(long)]
    service_key: String,
}

/// What one connection saw.
struct Seen {
    latencies: Histogram<u64>,
}

/// When something is counted.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

pub(crate) async fn run(options: &Options) -> Result<Value> {
    ensure!(options.connections > 0 && options.members > 0, "nobody would ask for anything");
    let mut ready = JoinSet::new();
    for number in 0..options.connections {
        let visitor = Visitor::new(options, number)?;
        let address = options.address.clone();
        ready.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut visitor = visitor;
            visitor.prepare(&mut connection).await?;
            Ok::<_, anyhow::Error>((visitor, connection))
        });
    }
    let mut prepared = Vec::new();
    while let Some(one) = ready.join_next().await {
        prepared.push(one??);
    }
    let from = Instant::now() + WARM_UP;
    let window = Window { from, to: from + Duration::try_from_secs_f64(options.seconds)? };
    let mut asking = JoinSet::new();
    for (visitor, connection) in prepared {
        asking.spawn(ask(visitor, connection, window));
    }
    tokio::time::sleep_until(window.from.into()).await;
    let (began, cpu) = (Instant::now(), process::cpu_micros(options.pid)?);
    tokio::time::sleep_until(window.to.into()).await;
    let (lasted, cpu) = (began.elapsed(), process::cpu_micros(options.pid)?.saturating_sub(cpu));
    let mut all = histogram()?;
    while let Some(seen) = asking.join_next().await {
        all.add(seen??.latencies)?;
    }
    ensure!(!all.is_empty(), "nothing was answered in that time");
    Ok(json!({
        "requests": all.len(),
        "seconds": lasted.as_secs_f64(),
        "p50": all.value_at_quantile(0.5),
        "p99": all.value_at_quantile(0.99),
        "cpu": cpu,
    }))
}

/// Asks until the window closes, and counts what was answered in it.
async fn ask(mut visitor: Visitor, mut connection: Connection, window: Window) -> Result<Seen> {
    let mut latencies = histogram()?;
    loop {
        let request = visitor.request()?;
        let began = Instant::now();
        if began >= window.to {
            return Ok(Seen { latencies });
        }
        let answer = connection.ask(request).await.context("a request failed")?;
        let ended = Instant::now();
        visitor.answered(&answer)?;
        if ended >= window.from && ended < window.to {
            latencies.record(u64::try_from((ended - began).as_micros())?)?;
        }
    }
}

/// Microseconds, to three digits.
fn histogram() -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    histogram.auto(true);
    Ok(histogram)
}
