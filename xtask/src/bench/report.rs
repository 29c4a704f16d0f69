//! The tables in which the figures are printed.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result};
use serde_json::Value;

/// What a load saw.
pub(super) struct Measured {
    per_second: f64,
    /// Milliseconds, as all times here.
    p50: f64,
    p99: f64,
    cpu_per_request: f64,
}

/// One line of the table of requests.
pub(super) struct Row {
    pub(super) database: String,
    pub(super) members: u64,
    pub(super) scenario: String,
    pub(super) connections: u32,
    pub(super) server: Measured,
    pub(super) floor: Measured,
}

/// What one process of the server needed.
pub(super) struct Life {
    pub(super) database: String,
    pub(super) members: u64,
    /// From its start until it is ready, the median of several starts.
    pub(super) ready: f64,
    /// Mebibytes, as that below.
    pub(super) idle: f64,
    pub(super) peak: f64,
}

pub(super) const HEAD: &str = "\
| database | members | request | connections | per second | p50 ms | p99 ms | CPU ms each \
| floor: per second | p50 ms | p99 ms | CPU ms each | of the floor |
| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

pub(super) const LIVES_HEAD: &str = "\
| database | members | ready after ms | idle MiB | peak MiB |
| --- | ---: | ---: | ---: | ---: |";

impl Measured {
    /// From what `menshen-bench load` prints.
    pub(super) fn parse(printed: &str) -> Result<Self> {
        let printed: Value = serde_json::from_str(printed)?;
        let number = |name: &str| {
            let number = printed.pointer(name).and_then(Value::as_f64);
            number.with_context(|| format!("the load printed no {name}"))
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

impl Display for Measured {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { per_second, p50, p99, cpu_per_request } = self;
        write!(f, "{per_second:.0} | {p50:.2} | {p99:.2} | {cpu_per_request:.3}")
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { database, members, scenario, connections, server, floor } = self;
        let ratio = server.per_second / floor.per_second * 100.0;
        write!(f, "| {database} | {members} | {scenario} | {connections} ")?;
        write!(f, "| {server} | {floor} | {ratio:.0} % |")
    }
}

impl Display for Life {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { database, members, ready, idle, peak } = self;
        write!(f, "| {database} | {members} | {ready:.0} | {idle:.1} | {peak:.1} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(requests: u32) -> Measured {
        let printed = format!(
            r#"{{"requests":{requests},"seconds":2.0,"p50":1500,"p99":2500,"cpu":{}}}"#,
            requests * 250
        );
        Measured::parse(&printed).unwrap()
    }

    #[test]
    fn a_row_has_a_cell_for_each_of_its_head() {
        let row = Row {
            database: "sqlite".to_owned(),
            members: 10_000,
            scenario: "me".to_owned(),
            connections: 16,
            server: measured(1000),
            floor: measured(2000),
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
    fn a_life_has_a_cell_for_each_of_its_head() {
        let database = "sqlite".to_owned();
        let life = Life { database, members: 1, ready: 49.7, idle: 20.04, peak: 61.5 };
        assert_eq!(life.to_string(), "| sqlite | 1 | 50 | 20.0 | 61.5 |");
        for line in LIVES_HEAD.lines() {
            assert_eq!(line.matches('|').count(), 6, "{line}");
        }
    }

    #[test]
    fn a_load_that_printed_less_is_refused() {
        assert!(Measured::parse(r#"{"requests":1}"#).is_err());
        assert!(Measured::parse("").is_err());
    }
}
