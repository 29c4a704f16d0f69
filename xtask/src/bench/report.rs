//! Tables of the measurements.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result};
use serde_json::Value;

use super::runner::Load;

/// Measurement of a load on one program. Times are in milliseconds.
pub(super) struct Measurement {
    per_second: f64,
    p50: f64,
    p99: f64,
    cpu_per_request: f64,
}

/// Row of the table of requests.
pub(super) struct Row {
    pub(super) database: String,
    pub(super) load: Load,
    pub(super) server: Measurement,
    pub(super) baseline: Measurement,
}

/// Start-up time and memory use of one server process.
pub(super) struct Footprint {
    pub(super) database: String,
    pub(super) members: u64,
    /// Median time from the start until the server is ready, in milliseconds.
    pub(super) ready: f64,
    /// Memory before the first load, in MiB.
    pub(super) idle: f64,
    /// Maximum memory under load, in MiB.
    pub(super) peak: f64,
}

pub(super) const HEAD: &str = "\
| database | members | request | connections | per second | p50 ms | p99 ms | CPU ms each \
| baseline: per second | p50 ms | p99 ms | CPU ms each | % of baseline |
| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

pub(super) const FOOTPRINT_HEAD: &str = "\
| database | members | ready after ms | idle MiB | peak MiB |
| --- | ---: | ---: | ---: | ---: |";

impl Measurement {
    /// Parses the output of `menshen-bench load`.
    pub(super) fn parse(output: &str) -> Result<Self> {
        let output: Value = serde_json::from_str(output)?;
        let number = |pointer: &str| {
            let number = output.pointer(pointer).and_then(Value::as_f64);
            number.with_context(|| format!("the output of the load has no {pointer}"))
        };
        let requests = number("/requests")?;
        Ok(Self {
            per_second: requests / number("/seconds")?,
            p50: number("/p50")? / 1000.0,
            p99: number("/p99")? / 1000.0,
            cpu_per_request: number("/cpu")? / requests / 1000.0,
        })
    }
}

impl Display for Measurement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { per_second, p50, p99, cpu_per_request } = self;
        write!(f, "{per_second:.0} | {p50:.2} | {p99:.2} | {cpu_per_request:.3}")
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { database, load, server, baseline } = self;
        let Load { scenario, connections, members, seconds: _ } = load;
        let percent = server.per_second / baseline.per_second * 100.0;
        write!(f, "| {database} | {members} | {scenario} | {connections} ")?;
        write!(f, "| {server} | {baseline} | {percent:.0} % |")
    }
}

impl Display for Footprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { database, members, ready, idle, peak } = self;
        write!(f, "| {database} | {members} | {ready:.0} | {idle:.1} | {peak:.1} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(requests: u32) -> Measurement {
        let output = format!(
            r#"{{"requests":{requests},"seconds":2.0,"p50":1500,"p99":2500,"cpu":{}}}"#,
            requests * 250
        );
        Measurement::parse(&output).unwrap()
    }

    #[test]
    fn row_has_a_cell_for_each_column() {
        let scenario = "me".to_owned();
        let row = Row {
            database: "sqlite".to_owned(),
            load: Load { scenario, connections: 16, seconds: 2.0, members: 10_000 },
            server: measurement(1000),
            baseline: measurement(2000),
        };
        assert_eq!(
            row.to_string(),
            "| sqlite | 10000 | me | 16 | 500 | 1.50 | 2.50 | 0.250 | 1000 | 1.50 | 2.50 | 0.250 \
             | 50 % |"
        );
        let cells = |line: &str| line.matches('|').count();
        for line in HEAD.lines() {
            assert_eq!(cells(line), cells(&row.to_string()), "{line}");
        }
    }

    #[test]
    fn footprint_has_a_cell_for_each_column() {
        let database = "sqlite".to_owned();
        let footprint = Footprint { database, members: 1, ready: 49.7, idle: 20.04, peak: 61.5 };
        assert_eq!(footprint.to_string(), "| sqlite | 1 | 50 | 20.0 | 61.5 |");
        for line in FOOTPRINT_HEAD.lines() {
            assert_eq!(line.matches('|').count(), 6, "{line}");
        }
    }

    #[test]
    fn incomplete_output_of_a_load_is_an_error() {
        assert!(Measurement::parse(r#"{"requests":1}"#).is_err());
        assert!(Measurement::parse("").is_err());
    }
}
