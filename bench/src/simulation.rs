//! Simulation of one day with many members, in steps of one second, which no single machine can
//! measure.
//!
//! Work is a continuous quantity: in each second an amount arrives and the instances complete an
//! amount; the rest waits. Requests that would wait longer than a login may take are refused and
//! repeated after a back-off, as the SDK does.

use std::collections::VecDeque;

use anyhow::{Result, ensure};

const SECONDS_PER_HOUR: usize = 3_600;
const SECONDS_PER_DAY: usize = 24 * SECONDS_PER_HOUR;

/// Maximum time that a request waits before it is refused, in seconds.
const MAX_WAIT: f64 = 4.0;

/// Time until a refused request is repeated, in seconds.
const BACK_OFF: usize = 8;

/// Shares of the day's visits in each hour, in thousandths: an assumption with a small peak at noon
/// and a large one in the evening.
const HOURLY_SHARES: [f64; 24] = [
    12.0, 7.0, 5.0, 4.0, 4.0, 6.0, 14.0, 28.0, 42.0, 48.0, 50.0, 54.0, 66.0, 54.0, 46.0, 44.0,
    46.0, 52.0, 64.0, 82.0, 98.0, 84.0, 58.0, 32.0,
];

/// Start of the burst and of the zone failure: 20:00, in seconds since midnight.
const INCIDENT_START: usize = 20 * SECONDS_PER_HOUR;

/// Duration of the burst, in seconds.
const BURST_DURATION: usize = 60;

/// Duration of the zone failure, in seconds.
const OUTAGE_DURATION: usize = 600;

/// Minimum number of processors: one instance in each of three zones.
const MIN_PROCESSORS: f64 = 3.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of members.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000, 100_000_000, 1_000_000_000])]
    members: Vec<u64>,
    /// Share of the members who visit on a day.
    #[arg(long, default_value_t = 0.2)]
    active: f64,
    /// Visits of each of these members per day.
    #[arg(long, default_value_t = 2.0)]
    visits: f64,
    /// Authenticated requests per visit.
    #[arg(long, default_value_t = 5.0)]
    reads: f64,
    /// Share of the visits that begin with a login; the others begin with a refresh.
    #[arg(long, default_value_t = 0.1)]
    logins: f64,
    /// Share of the logins that create a member.
    #[arg(long, default_value_t = 0.1)]
    new: f64,
    /// Share of the day's visits within the minute of a burst, for example after an announcement.
    #[arg(long, default_value_t = 0.02)]
    burst: f64,
    /// Planned processor load at the evening's peak.
    #[arg(long, default_value_t = 0.6)]
    load: f64,
    /// CPU milliseconds of a login, a login that creates a member, a refresh and a read, as in
    /// docs/reference/performance.md.
    #[arg(long, value_delimiter = ',', required = true)]
    cpu: Vec<f64>,
    /// Database statements of the same requests, including begin and commit.
    #[arg(long, value_delimiter = ',', default_values_t = [7.0, 9.0, 4.0, 2.0])]
    statements: Vec<f64>,
    /// Bytes of a member in the database, and of a login in the audit log, including indexes.
    #[arg(long, value_delimiter = ',', required = true)]
    bytes: Vec<f64>,
}

/// Average cost of one visit.
struct Visit {
    /// CPU time, in seconds.
    cpu: f64,
    statements: f64,
    requests: f64,
}

/// Incidents of a simulated day.
struct Scenario {
    name: &'static str,
    has_burst: bool,
    /// Share of the processors that work during the outage; 1 without an outage.
    available: f64,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "ordinary day", has_burst: false, available: 1.0 },
    Scenario { name: "burst", has_burst: true, available: 1.0 },
    Scenario {
        name: "one of three zones fails at the peak",
        has_burst: false,
        available: 2.0 / 3.0,
    },
    Scenario { name: "burst and zone failure", has_burst: true, available: 2.0 / 3.0 },
];

/// Result of a simulated day.
#[derive(Default)]
struct DaySimulation {
    /// In seconds.
    longest_wait: f64,
    /// Number of refused requests. A repeated request counts again.
    refused: f64,
    /// Seconds from the start of the incident until no request waits or is refused.
    recovery: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.cpu.len() == 4, "--cpu: expected four numbers");
    ensure!(options.statements.len() == 4, "--statements: expected four numbers");
    ensure!(options.bytes.len() == 2, "--bytes: expected two numbers");
    let visit = Visit::new(options);
    println!(
        "| members | visits/s: mean | peak | burst | logins/s at the peak | processors for the peak | for the burst | statements/s: peak | burst | data GB | audit log GB per year |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for members in &options.members {
        let plan = Plan::new(options, &visit, *members);
        println!("{}", plan.row(options, &visit));
    }
    println!();
    println!(
        "| members | scenario | longest wait (s) | refusals, including repeated ones | recovered after (s) |"
    );
    println!("| ---: | --- | ---: | ---: | ---: |");
    for members in &options.members {
        let plan = Plan::new(options, &visit, *members);
        for scenario in &SCENARIOS {
            println!("{}", plan.scenario_row(options, &visit, scenario));
        }
    }
    Ok(())
}

impl Visit {
    fn new(options: &Options) -> Self {
        let returning_logins = options.logins * (1.0 - options.new);
        let new_members = options.logins * options.new;
        let refreshes = 1.0 - options.logins;
        let counts = [returning_logins, new_members, refreshes, options.reads];
        let total = |costs: &[f64]| -> f64 {
            counts.iter().zip(costs).map(|(count, cost)| count * cost).sum()
        };
        Self {
            cpu: total(&options.cpu) / 1_000.0,
            statements: total(&options.statements),
            requests: counts.iter().sum(),
        }
    }
}

/// Load of a day, and the capacity that is planned for it.
struct Plan {
    members: f64,
    /// Visits per day.
    visits: f64,
    /// Capacity, in seconds of CPU time per second.
    processors: f64,
}

impl Plan {
    #[expect(clippy::cast_precision_loss, reason = "no number of members reaches 2⁵³")]
    fn new(options: &Options, visit: &Visit, members: u64) -> Self {
        let members = members as f64;
        let visits = members * options.active * options.visits;
        let processors = (peak(visits) * visit.cpu / options.load).ceil().max(MIN_PROCESSORS);
        Self { members, visits, processors }
    }

    /// Row of the table of capacities.
    fn row(&self, options: &Options, visit: &Visit) -> String {
        let mean = self.visits / 86_400.0;
        let peak = peak(self.visits);
        let burst = peak + self.visits * options.burst / 60.0;
        let burst_processors = (burst * visit.cpu).ceil().max(MIN_PROCESSORS);
        let data = self.members * options.bytes[0] / 1e9;
        let audit_log = self.visits * options.logins * 365.0 * options.bytes[1] / 1e9;
        let cells = [
            grouped(self.members, 0),
            grouped(mean, 0),
            grouped(peak, 0),
            grouped(burst, 0),
            grouped(peak * options.logins, 0),
            grouped(self.processors, 0),
            grouped(burst_processors, 0),
            grouped(peak * visit.statements, 0),
            grouped(burst * visit.statements, 0),
            grouped(data, 1),
            grouped(audit_log, 1),
        ];
        format!("| {} |", cells.join(" | "))
    }

    /// Row of the table of scenarios.
    #[expect(clippy::cast_precision_loss, reason = "a day has few seconds")]
    fn scenario_row(&self, options: &Options, visit: &Visit, scenario: &Scenario) -> String {
        let day = self.simulate(options, visit, scenario);
        let cells = [
            grouped(self.members, 0),
            scenario.name.to_owned(),
            grouped(day.longest_wait, 1),
            grouped(day.refused, 0),
            grouped(day.recovery as f64, 0),
        ];
        format!("| {} |", cells.join(" | "))
    }

    /// Simulates a day.
    fn simulate(&self, options: &Options, visit: &Visit, scenario: &Scenario) -> DaySimulation {
        let mut day = DaySimulation::default();
        let mut waiting = 0.0;
        let mut repeated: VecDeque<f64> = VecDeque::from(vec![0.0; BACK_OFF]);
        for second in 0..SECONDS_PER_DAY {
            let since_incident = second.checked_sub(INCIDENT_START);
            let mut visits = self.visits_per_second(second / SECONDS_PER_HOUR);
            if scenario.has_burst && since_incident.is_some_and(|time| time < BURST_DURATION) {
                visits += self.visits * options.burst / 60.0;
            }
            let is_outage = since_incident.is_some_and(|time| time < OUTAGE_DURATION);
            let capacity = self.processors * if is_outage { scenario.available } else { 1.0 };
            let arriving = visits * visit.cpu + repeated.pop_front().unwrap_or_default();
            // Work that fits into the maximum wait is accepted. Refusing the rest costs almost nothing.
            let accepted = arriving.min((MAX_WAIT * capacity - waiting).max(0.0) + capacity);
            let refused = arriving - accepted;
            repeated.push_back(refused);
            waiting = (waiting + accepted - capacity).max(0.0);
            day.refused += refused / visit.cpu * visit.requests;
            let wait = waiting / capacity;
            day.longest_wait = day.longest_wait.max(wait);
            if let Some(time) = since_incident
                && (wait > 0.0 || refused > 0.0)
            {
                day.recovery = time + 1;
            }
        }
        day
    }

    fn visits_per_second(&self, hour: usize) -> f64 {
        self.visits * HOURLY_SHARES[hour] / HOURLY_SHARES.iter().sum::<f64>() / 3_600.0
    }
}

/// Visits per second in the busiest hour.
fn peak(visits: f64) -> f64 {
    let largest_share = HOURLY_SHARES.iter().copied().fold(0.0, f64::max);
    visits * largest_share / HOURLY_SHARES.iter().sum::<f64>() / 3_600.0
}

/// Formats a number with thousands separators.
fn grouped(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let integer_digits = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (position, digit) in text.char_indices() {
        if position > 0 && position < integer_digits && (integer_digits - position) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: Options,
    }

    fn options(further: &[&str]) -> Options {
        let line = ["simulate", "--cpu", "0.5,0.6,0.3,0.2", "--bytes", "1000,300"];
        CommandLine::parse_from(line.iter().chain(further)).options
    }

    fn simulate(options: &Options, has_burst: bool, available: f64) -> DaySimulation {
        let visit = Visit::new(options);
        let scenario = Scenario { name: "", has_burst, available };
        Plan::new(options, &visit, 10_000_000_000).simulate(options, &visit, &scenario)
    }

    #[test]
    fn ordinary_day_has_no_waits_and_no_refusals() {
        let day = simulate(&options(&[]), false, 1.0);
        assert!(day.longest_wait == 0.0 && day.refused == 0.0 && day.recovery == 0);
    }

    #[test]
    fn large_burst_is_refused_and_completed_later() {
        let small = simulate(&options(&["--burst", "0.001"]), true, 1.0);
        let large = simulate(&options(&[]), true, 1.0);
        assert!(small.refused == 0.0);
        assert!(large.refused > 0.0 && large.longest_wait <= MAX_WAIT + 1.0);
        assert!((60..3_600).contains(&large.recovery), "{}", large.recovery);
    }

    #[test]
    fn zone_failure_with_insufficient_capacity_recovers_after_the_outage() {
        let insufficient = options(&["--load", "0.9"]);
        assert!(simulate(&insufficient, false, 2.0 / 3.0).recovery > OUTAGE_DURATION);
        assert!(simulate(&options(&[]), false, 2.0 / 3.0).refused == 0.0);
    }

    #[test]
    fn numbers_have_thousands_separators() {
        assert_eq!(grouped(0.0, 0), "0");
        assert_eq!(grouped(999.0, 0), "999");
        assert_eq!(grouped(1_234_567.0, 0), "1,234,567");
        assert_eq!(grouped(3_942.04, 1), "3,942.0");
    }
}
