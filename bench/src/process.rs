//! What the kernel has counted of a process.

use std::fs;

use anyhow::{Context, Result};

/// Microseconds in one of the ticks of `/proc`, which Linux has a hundred of in a second.
const TICK: u64 = 10_000;

/// The microseconds of processor time that a process has taken.
pub(crate) fn cpu_micros(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before may hold anything.
    let (_, rest) = stat.rsplit_once(')').context("/proc has another form here")?;
    let times = rest.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(times.sum::<Result<u64, _>>()? * TICK)
}
