//! A day in the life of many members, second by second: what no single machine can measure.
//!
//! Work flows like water: in each second so much arrives, and the instances do so much of it; what is left waits.
//! Whoever would wait longer than a login may take is refused and comes again a little later, as the SDK does.

use std::collections::VecDeque;

use anyhow::{Result, ensure};

const DAY: usize = 86_400;

/// How long a request may wait before it is refused, in seconds.
const WAIT_MAX: f64 = 4.0;

/// When those who were refused come again, in seconds.
const BACK_OFF: usize = 8;

/// How the visits of a day spread over its hours, in parts of a thousand: a made-up day with a small peak at noon
/// and a large one in the evening.
const HOURS: [f64; 24] = [
    12.0, 7.0, 5.0, 4.0, 4.0, 6.0, 14.0, 28.0, 42.0, 48.0, 50.0, 54.0, 66.0, 54.0, 46.0, 44.0,
    46.0, 52.0, 64.0, 82.0, 98.0, 84.0, 58.0, 32.0,
];

/// When the rush comes, and where the zone fails: at eight in the evening.
const RUSH: usize = 20 * 3_600;

/// How long a failed zone stays away, in seconds.
const OUTAGE: usize = 600;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many members there are.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000, 100_000_000, 1_000_000_000])]
    members: Vec<u64>,
    /// Which part of them comes on a day.
    #[arg(long, default_value_t = 0.2)]
    active: f64,
    /// How often each of these comes.
    #[arg(long, default_value_t = 2.0)]
    visits: f64,
    /// How many authenticated requests each visit makes of this service.
    #[arg(long, default_value_t = 5.0)]
    reads: f64,
    /// Which part of the visits begins with a login; the others refresh.
    #[arg(long, default_value_t = 0.1)]
    logins: f64,
    /// Which part of the logins makes a member.
    #[arg(long, default_value_t = 0.1)]
    new: f64,
    /// Which part of a day's visits comes within one minute, when something is announced.
    #[arg(long, default_value_t = 0.02)]
    rush: f64,
    /// Which part of their time processors may be busy at the evening's peak.
    #[arg(long, default_value_t = 0.6)]
    load: f64,
    /// Processor time of a login, a login that makes a member, a refresh and a read, in milliseconds, as in
    /// docs/reference/performance.md.
    #[arg(long, value_delimiter = ',', required = true)]
    cpu: Vec<f64>,
    /// Statements of the same, with begin and commit.
    #[arg(long, value_delimiter = ',', default_values_t = [7.0, 9.0, 4.0, 2.0])]
    statements: Vec<f64>,
    /// Bytes that a member takes in the database, with indexes, and that a login adds to the record.
    #[arg(long, value_delimiter = ',', required = true)]
    bytes: Vec<f64>,
}

/// What one visit costs, on average.
struct Visit {
    /// Processor time, in seconds.
    cpu: f64,
    statements: f64,
    requests: f64,
}

/// What became of a day.
#[derive(Default)]
struct Day {
    longest_wait: f64,
    refused: f64,
    /// Seconds from the rush until nobody waits any more.
    recovery: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.cpu.len() == 4, "--cpu: four numbers");
    ensure!(options.statements.len() == 4, "--statements: four numbers");
    ensure!(options.bytes.len() == 2, "--bytes: two numbers");
    let visit = Visit::of(options);
    println!(
        "| members | visits a second: mean | peak | rush | logins a second at the peak | processors for the peak | for the rush | statements a second: peak | rush | data GB | record GB a year |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for members in &options.members {
        let plan = Plan::new(options, &visit, *members);
        println!("{}", plan.row(options, &visit));
    }
    println!();
    println!(
        "| members | what happens | longest wait s | refusals, repeated ones too | clear again after s |"
    );
    println!("| ---: | --- | ---: | ---: | ---: |");
    for members in &options.members {
        let plan = Plan::new(options, &visit, *members);
        for (what, rush, zones) in [
            ("an ordinary day", false, 1.0),
            ("the rush", true, 1.0),
            ("one zone of three fails at the peak", false, 2.0 / 3.0),
            ("both at once", true, 2.0 / 3.0),
        ] {
            let Day { longest_wait, refused, recovery } = plan.day(options, &visit, rush, zones);
            println!("| {members} | {what} | {longest_wait:.1} | {refused:.0} | {recovery} |");
        }
    }
    Ok(())
}

impl Visit {
    fn of(options: &Options) -> Self {
        let (login, new) = (options.logins * (1.0 - options.new), options.logins * options.new);
        let times = [login, new, 1.0 - options.logins, options.reads];
        let sum =
            |costs: &[f64]| times.iter().zip(costs).map(|(times, cost)| times * cost).sum::<f64>();
        Self {
            cpu: sum(&options.cpu) / 1_000.0,
            statements: sum(&options.statements),
            requests: times.iter().sum(),
        }
    }
}

/// How much comes, and what is there for it.
struct Plan {
    members: f64,
    /// In a day.
    visits: f64,
    /// Seconds of work that are done in a second.
    processors: f64,
}

impl Plan {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2⁵³ members")]
    fn new(options: &Options, visit: &Visit, members: u64) -> Self {
        let members = members as f64;
        let visits = members * options.active * options.visits;
        let processors = (peak(visits) * visit.cpu / options.load).ceil().max(3.0);
        Self { members, visits, processors }
    }

    fn row(&self, options: &Options, visit: &Visit) -> String {
        let Self { members, visits, processors } = self;
        let (mean, peak, rush) = (visits / 86_400.0, peak(*visits), visits * options.rush / 60.0);
        let rush = peak + rush;
        let data = members * options.bytes[0] / 1e9;
        let record = visits * options.logins * 365.0 * options.bytes[1] / 1e9;
        format!(
            "| {members} | {mean:.0} | {peak:.0} | {rush:.0} | {:.0} | {processors:.0} | {:.0} | {:.0} | {:.0} | {data:.1} | {record:.1} |",
            peak * options.logins,
            (rush * visit.cpu).ceil(),
            peak * visit.statements,
            rush * visit.statements,
        )
    }

    /// Lets a day pass.
    fn day(&self, options: &Options, visit: &Visit, rush: bool, zones: f64) -> Day {
        let (mut day, mut waiting) = (Day::default(), 0.0);
        let mut again: VecDeque<f64> = VecDeque::from(vec![0.0; BACK_OFF]);
        for second in 0..DAY {
            let mut visits =
                self.visits * HOURS[second / 3_600] / HOURS.iter().sum::<f64>() / 3_600.0;
            if rush && (RUSH..RUSH + 60).contains(&second) {
                visits += self.visits * options.rush / 60.0;
            }
            let away = zones < 1.0 && (RUSH..RUSH + OUTAGE).contains(&second);
            let capacity = self.processors * if away { zones } else { 1.0 };
            let arriving = visits * visit.cpu + again.pop_front().unwrap_or_default();
            // What fits behind those who wait already; the others are told to come later, which costs next to nothing.
            let taken = arriving.min((WAIT_MAX * capacity - waiting).max(0.0) + capacity);
            let refused = arriving - taken;
            again.push_back(refused);
            waiting = (waiting + taken - capacity).max(0.0);
            day.refused += refused / visit.cpu * visit.requests;
            let wait = waiting / capacity;
            day.longest_wait = day.longest_wait.max(wait);
            if second >= RUSH && (wait > 0.0 || refused > 0.0) {
                day.recovery = second + 1 - RUSH;
            }
        }
        day
    }
}

/// Visits a second in the busiest hour.
fn peak(visits: f64) -> f64 {
    visits * HOURS.iter().copied().fold(0.0, f64::max) / HOURS.iter().sum::<f64>() / 3_600.0
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(more: &[&str]) -> Options {
        let line = ["scale", "--cpu", "0.5,0.6,0.3,0.2", "--bytes", "1000,300"];
        Line::parse_from(line.iter().chain(more)).options
    }

    fn day(options: &Options, rush: bool, zones: f64) -> Day {
        let visit = Visit::of(options);
        Plan::new(options, &visit, 10_000_000_000).day(options, &visit, rush, zones)
    }

    #[test]
    fn on_an_ordinary_day_nobody_waits() {
        let Day { longest_wait, refused, recovery } = day(&options(&[]), false, 1.0);
        assert!(longest_wait == 0.0 && refused == 0.0 && recovery == 0);
    }

    #[test]
    fn what_is_too_much_waits_then_is_refused_and_in_the_end_is_done() {
        let small = day(&options(&["--rush", "0.001"]), true, 1.0);
        let large = day(&options(&[]), true, 1.0);
        assert!(small.refused == 0.0);
        assert!(large.refused > 0.0 && large.longest_wait <= WAIT_MAX + 1.0);
        assert!((60..3_600).contains(&large.recovery), "{}", large.recovery);
    }

    #[test]
    fn who_is_too_few_for_what_is_left_never_recovers_before_the_zone_does() {
        let tight = options(&["--load", "0.9"]);
        assert!(day(&tight, false, 2.0 / 3.0).recovery > OUTAGE);
        assert!(day(&options(&[]), false, 2.0 / 3.0).refused == 0.0);
    }
}
