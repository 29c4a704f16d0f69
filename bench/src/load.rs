//! Load generator: each connection sends the next request as soon as it has received a response.

mod connection;
mod scenario;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::connection::Connection;
use self::scenario::{LoadClient, Scenario};
use crate::process;

/// Time before the measurement, in which the server opens connections and prepares statements.
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Host and port of the measured program.
    #[arg(long)]
    address: String,
    /// Process id of the measured program.
    #[arg(long)]
    pid: u32,
    /// Kind of requests.
    #[arg(long, value_enum)]
    scenario: Scenario,
    /// Number of concurrent connections.
    #[arg(long)]
    connections: u64,
    /// Duration of the measurement.
    #[arg(long)]
    seconds: f64,
    /// Number of members in the database. Their numbers start at 1.
    #[arg(long)]
    members: u64,
    /// Number of the first new member. All higher numbers must be unused, too.
    #[arg(long)]
    first_new: u64,
    /// Key of the service account that introspects tokens.
    #[arg(long)]
    service_key: String,
}

/// Time span of the measurement.
#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    end: Instant,
}

pub(crate) async fn run(options: &Options) -> Result<Value> {
    ensure!(
        options.connections > 0 && options.members > 0,
        "--connections and --members must be positive"
    );
    let clients = prepare(options).await?;
    let start = Instant::now() + WARM_UP;
    let window = Window { start, end: start + Duration::try_from_secs_f64(options.seconds)? };
    let mut tasks = JoinSet::new();
    for (client, connection) in clients {
        tasks.spawn(send_requests(client, connection, window));
    }
    tokio::time::sleep_until(window.start.into()).await;
    let measured_from = Instant::now();
    let cpu_before = process::cpu_micros(options.pid)?;
    tokio::time::sleep_until(window.end.into()).await;
    let elapsed = measured_from.elapsed();
    let cpu = process::cpu_micros(options.pid)?.saturating_sub(cpu_before);
    let mut latencies = histogram()?;
    while let Some(of_client) = tasks.join_next().await {
        latencies.add(of_client??)?;
    }
    ensure!(!latencies.is_empty(), "no response arrived during the measurement");
    Ok(json!({
        "requests": latencies.len(),
        "seconds": elapsed.as_secs_f64(),
        "p50": latencies.value_at_quantile(0.5),
        "p99": latencies.value_at_quantile(0.99),
        "cpu": cpu,
    }))
}

/// Opens the connections and creates the sessions that the scenario needs.
async fn prepare(options: &Options) -> Result<Vec<(LoadClient, Connection)>> {
    let mut tasks = JoinSet::new();
    for number in 0..options.connections {
        let mut client = LoadClient::new(options, number)?;
        let address = options.address.clone();
        tasks.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            client.prepare(&mut connection).await?;
            Ok::<_, anyhow::Error>((client, connection))
        });
    }
    let mut prepared = Vec::new();
    while let Some(client) = tasks.join_next().await {
        prepared.push(client??);
    }
    Ok(prepared)
}

/// Sends requests until the window ends; returns the latencies of the responses within it.
async fn send_requests(
    mut client: LoadClient,
    mut connection: Connection,
    window: Window,
) -> Result<Histogram<u64>> {
    let mut latencies = histogram()?;
    loop {
        let request = client.request()?;
        let sent_at = Instant::now();
        if sent_at >= window.end {
            return Ok(latencies);
        }
        let response = connection.send(request).await.context("a request failed")?;
        let received_at = Instant::now();
        client.process(&response)?;
        if received_at >= window.start && received_at < window.end {
            latencies.record(u64::try_from((received_at - sent_at).as_micros())?)?;
        }
    }
}

/// Creates a histogram of microseconds with a precision of three digits.
fn histogram() -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    histogram.auto(true);
    Ok(histogram)
}
