//! A program that runs beside a task and never outlives it.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A running program. Dropping it stops it, and so does the end of this process, however it ends.
pub(crate) struct ManagedProcess {
    name: &'static str,
    guard: Child,
    log: PathBuf,
}

/// Runs its arguments as a program until the program ends, or until its own standard input does:
/// the kernel closes that pipe when the task dies, be it by Ctrl-C, `kill -9` or a panic. The
/// program gets SIGTERM and, if it has not stopped by then, SIGKILL ten seconds later. The first
/// argument is not its own: it names what goes with it, if that is not empty.
const GUARD: &str = r#"
exec 3<&0 </dev/null
data=$1
shift
"$@" 3<&- &
program=$!
{ read -r _ <&3; kill "$program"; sleep 10; kill -9 "$program"; } >/dev/null 2>&1 &
watch=$!
wait "$program"
code=$?
kill "$watch" 2>/dev/null
[ -z "$data" ] || rm -rf -- "$data"
exit "$code"
"#;

/// How long a program may take to get ready: it has only to bind a port and open a small database.
const PATIENCE: Duration = Duration::from_secs(30);

impl ManagedProcess {
    /// Starts `command` with what it prints going to the file `log`.
    pub(crate) fn start(name: &'static str, command: &Command, log: PathBuf) -> Result<Self> {
        Self::start_with_data(name, command, log, Path::new(""))
    }

    /// As [`start`](Self::start), with a folder of data that is deleted once the program has ended.
    pub(crate) fn start_with_data(
        name: &'static str,
        command: &Command,
        log: PathBuf,
        data: &Path,
    ) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, name]).arg(data);
        guard.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => guard.env(key, value),
                None => guard.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guard.current_dir(folder);
        }
        // A group of its own, so that the terminal's Ctrl-C reaches it through the guard alone.
        guard.process_group(0).stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let guard = guard.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, guard, log })
    }

    /// Asks `ready` until it answers, and gives up when the program ends or takes too long.
    pub(crate) fn wait_for<T>(&mut self, ready: impl Fn(&Self) -> Option<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            self.check()?;
            if let Some(answer) = ready(self) {
                return Ok(answer);
            }
            if start.elapsed() > PATIENCE {
                let (name, seconds) = (self.name, PATIENCE.as_secs());
                bail!("{name} was not ready within {seconds} s; its last words:\n{}", self.tail());
            }
            pause(Duration::from_millis(50));
        }
    }

    /// An error, with the program's last words, once it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.guard.try_wait()? {
            bail!("{} ended ({status}); its last words:\n{}", self.name, self.tail());
        }
        Ok(())
    }

    /// The first `http://127.0.0.1:PORT` that the program printed.
    pub(crate) fn printed_url(&self) -> Option<String> {
        find_url(&fs::read_to_string(&self.log).ok()?)
    }

    /// The number of the program's process, once there is one: the first child of its guard.
    pub(crate) fn pid(&self) -> Option<u32> {
        let guard = self.guard.id();
        let children = fs::read_to_string(format!("/proc/{guard}/task/{guard}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    fn tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
        format!("{}\n(all of them: {})", last.join("\n"), self.log.display())
    }
}

impl Drop for ManagedProcess {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // Nothing can be done about a failure here, and the guard acts without being waited for.
        let _ = self.guard.wait();
    }
}

/// Holds `port` (for 0: any free one) while the other ports are chosen.
pub(crate) fn reserve(port: u16, option: &str) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).with_context(|| {
        format!(
            "port {port} is taken: stop what listens there, or choose another with `{option} N`"
        )
    })
}

/// Lets some time pass between two looks at a running program.
#[expect(clippy::disallowed_methods, reason = "this program has no runtime whose thread it blocks")]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}

fn find_url(log: &str) -> Option<String> {
    let host = "http://127.0.0.1:";
    let (_, rest) = log.split_once(host)?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let port: u16 = rest.get(..end)?.parse().ok()?;
    Some(format!("{host}{port}"))
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    fn shell(name: &'static str, script: &str) -> ManagedProcess {
        let log = std::env::temp_dir().join(format!("xtask-{name}-{}.log", process::id()));
        ManagedProcess::start(name, Command::new("sh").args(["-c", script]), log).unwrap()
    }

    fn runs(pid: &str) -> bool {
        Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().unwrap().success()
    }

    #[test]
    fn a_dropped_service_has_stopped_and_was_asked_to_before() {
        let script = "trap 'echo asked; exit' TERM; echo pid=$$.; while :; do sleep 0.05; done";
        let mut service = shell("dropped", script);
        let log = service.log.clone();
        let pid = service
            .wait_for(|_| {
                let log = fs::read_to_string(&log).ok()?;
                Some(log.split_once("pid=")?.1.split_once('.')?.0.to_owned())
            })
            .unwrap();
        assert!(runs(&pid));
        drop(service);
        assert!(!runs(&pid));
        assert!(fs::read_to_string(&log).unwrap().ends_with("asked\n"));
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn the_data_of_a_service_goes_with_it() {
        let data = std::env::temp_dir().join(format!("xtask-data-{}", process::id()));
        fs::create_dir(&data).unwrap();
        let log = data.with_extension("log");
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap 'touch late; exit' TERM; touch here; while :; do sleep 0.05; done"]);
        command.current_dir(&data);
        let mut service = ManagedProcess::start_with_data("data", &command, log.clone(), &data).unwrap();
        service.wait_for(|_| data.join("here").is_file().then_some(())).unwrap();
        drop(service);
        assert!(!data.exists());
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_service_that_ends_early_is_reported_with_its_last_words() {
        let mut service = shell("early", "echo no database here; exit 3");
        let error = service.wait_for(|_| None::<()>).unwrap_err().to_string();
        assert!(error.contains("early ended (exit status: 3)"), "{error}");
        assert!(error.contains("no database here"), "{error}");
        fs::remove_file(&service.log).unwrap();
    }

    #[test]
    fn a_url_counts_only_when_its_port_is_whole() {
        assert_eq!(find_url("at http://127.0.0.1:41\n").unwrap(), "http://127.0.0.1:41");
        assert_eq!(find_url("at http://127.0.0.1:41"), None);
        assert_eq!(find_url("listening"), None);
    }

    #[test]
    fn a_taken_port_names_the_option_that_moves_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = reserve(port, "--sandbox-port").unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is taken")), "{error}");
        assert!(error.contains("--sandbox-port N"), "{error}");
    }
}
