//! Description of the machine, and memory use of its processes.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Instant,
};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cargo;

/// Describes the machine, its operating system and its disk in one paragraph.
pub(super) fn describe(sh: &Shell) -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = value(&processors, "model name").unwrap_or("unknown processors");
    let count = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = kibibytes(&memory, "MemTotal").unwrap_or_default() / 1024.0 / 1024.0;
    let kernel = cmd!(sh, "uname -sr").quiet().read()?;
    let rust = cmd!(sh, "rustc --version").quiet().read()?;
    let commit = cmd!(sh, "git rev-parse --short HEAD").quiet().ignore_stderr().read();
    let commit = commit.map(|commit| format!("; commit {commit}")).unwrap_or_default();
    let sync = sync_millis(&cargo::scratch("bench")?)?;
    Ok(format!(
        "{count} × {model}, {memory:.0} GiB; {kernel}; {rust}{commit}. All programs run on this \
         machine. Appending 4 KiB to a file with fdatasync takes {sync:.2} ms."
    ))
}

/// Returns the current and the peak resident memory of a process, in MiB.
pub(super) fn memory(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mebibytes = |name| {
        let kibibytes = kibibytes(&status, name);
        kibibytes
            .map(|kib| kib / 1024.0)
            .with_context(|| format!("no {name} in /proc/{pid}/status"))
    };
    Ok((mebibytes("VmRSS")?, mebibytes("VmHWM")?))
}

/// Returns the median duration of 100 writes of 4 KiB with fdatasync, in milliseconds.
fn sync_millis(folder: &Path) -> Result<f64> {
    fs::create_dir_all(folder)?;
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(path)?;
    median(times).context("no write was measured")
}

/// Returns the median; `None` for an empty list.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn kibibytes(text: &str, name: &str) -> Option<f64> {
    value(text, name)?.strip_suffix("kB")?.trim().parse().ok()
}

/// Returns the first value of this name in a file of `/proc`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_values_are_found_by_their_complete_name() {
        let text = "VmRSSx:\t1 kB\nVmRSS:\t  2048 kB\nmodel name\t: A CPU @ 2.0\n";
        assert_eq!(kibibytes(text, "VmRSS"), Some(2048.0));
        assert_eq!(value(text, "model name"), Some("A CPU @ 2.0"));
        assert_eq!(value(text, "model"), None);
    }

    #[test]
    fn median_is_the_middle_value() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![]), None);
    }
}
