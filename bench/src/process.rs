//! CPU time of a process, as counted by the kernel.

use std::fs;

use anyhow::{Context, Result};

/// Duration of a clock tick in `/proc`, in microseconds: Linux has 100 ticks per second.
const TICK_MICROS: u64 = 10_000;

/// Returns the CPU time that a process has used, in microseconds.
pub(crate) fn cpu_micros(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may contain blanks and parentheses.
    let (_, rest) = stat.rsplit_once(')').context("unknown format of /proc/PID/stat")?;
    let times = rest.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(times.sum::<Result<u64, _>>()? * TICK_MICROS)
}
