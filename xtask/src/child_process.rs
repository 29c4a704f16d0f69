//! A child process that never outlives its task.

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

/// A running program. It stops when this is dropped, and when this process ends for any reason.
pub(crate) struct ManagedProcess {
    name: &'static str,
    supervisor: Child,
    log: PathBuf,
}

/// Shell script that supervises the program.
///
/// The script runs its arguments as a program until the program ends or the script's standard input
/// is closed. The kernel closes that pipe when the task dies, be it by Ctrl-C, `kill -9` or a panic.
/// The program then gets SIGTERM, and SIGKILL ten seconds later if it is still running. The first
/// argument is a path to delete after the program has ended; it may be empty.
const SUPERVISOR: &str = r#"
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

/// Maximum time until a program is ready: it has to bind a port and open a small database.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

impl ManagedProcess {
    /// Starts `command` and redirects its output to the file `log`.
    pub(crate) fn start(name: &'static str, command: &Command, log: PathBuf) -> Result<Self> {
        Self::start_with_data(name, command, log, Path::new(""))
    }

    /// Starts `command` like [`start`](Self::start); deletes the folder `data` after the program has
    /// ended.
    pub(crate) fn start_with_data(
        name: &'static str,
        command: &Command,
        log: PathBuf,
        data: &Path,
    ) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let output =
            File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut script = Command::new("sh");
        script.args(["-c", SUPERVISOR, name]).arg(data);
        script.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => script.env(key, value),
                None => script.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            script.current_dir(folder);
        }
        // A process group of its own: the terminal's Ctrl-C must not reach the program directly.
        script.process_group(0).stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let supervisor = script.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, supervisor, log })
    }

    /// Polls `ready` until it returns a value. Fails if the program ends or the timeout expires.
    pub(crate) fn wait_for<T>(&mut self, ready: impl Fn(&Self) -> Option<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            self.check()?;
            if let Some(value) = ready(self) {
                return Ok(value);
            }
            if start.elapsed() > READY_TIMEOUT {
                let name = self.name;
                let seconds = READY_TIMEOUT.as_secs();
                bail!("{name} was not ready within {seconds} s; last output:\n{}", self.tail());
            }
            pause(Duration::from_millis(50));
        }
    }

    /// Fails with the program's last output if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.supervisor.try_wait()? {
            bail!("{} ended ({status}); last output:\n{}", self.name, self.tail());
        }
        Ok(())
    }

    /// Returns the first `http://127.0.0.1:PORT` that the program printed.
    pub(crate) fn printed_url(&self) -> Option<String> {
        find_url(&fs::read_to_string(&self.log).ok()?)
    }

    /// Returns the program's process id, which is the first child of its supervisor, once it exists.
    pub(crate) fn pid(&self) -> Option<u32> {
        let supervisor = self.supervisor.id();
        let children =
            fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// Returns the last lines of the log and its path.
    fn tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
        format!("{}\n(complete log: {})", last.join("\n"), self.log.display())
    }
}

impl Drop for ManagedProcess {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        // A failure cannot be handled here, and the supervisor stops the program without this wait.
        let _ = self.supervisor.wait();
    }
}

/// Holds `port` (0: any free port) while the other ports are chosen. `option` is the command-line
/// option that changes the port.
pub(crate) fn reserve(port: u16, option: &str) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).with_context(|| {
        format!(
            "port {port} is in use: stop the program that listens on it, or choose another with `{option} N`"
        )
    })
}

/// Waits between two polls of a running program.
#[expect(
    clippy::disallowed_methods,
    reason = "this program has no async runtime that it could block"
)]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}

/// Returns the first local URL in a log whose port is followed by another character: without one,
/// the port may be incomplete.
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

    fn is_running(pid: &str) -> bool {
        Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().unwrap().success()
    }

    #[test]
    fn dropped_process_is_terminated_gracefully() {
        let script =
            "trap 'echo terminated; exit' TERM; echo pid=$$.; while :; do sleep 0.05; done";
        let mut process = shell("dropped", script);
        let log = process.log.clone();
        let pid = process
            .wait_for(|_| {
                let log = fs::read_to_string(&log).ok()?;
                Some(log.split_once("pid=")?.1.split_once('.')?.0.to_owned())
            })
            .unwrap();
        assert!(is_running(&pid));
        drop(process);
        assert!(!is_running(&pid));
        assert!(fs::read_to_string(&log).unwrap().ends_with("terminated\n"));
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn data_folder_is_deleted_with_the_process() {
        let data = std::env::temp_dir().join(format!("xtask-data-{}", process::id()));
        fs::create_dir(&data).unwrap();
        let log = data.with_extension("log");
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap 'touch late; exit' TERM; touch here; while :; do sleep 0.05; done"]);
        command.current_dir(&data);
        let mut process =
            ManagedProcess::start_with_data("data", &command, log.clone(), &data).unwrap();
        process.wait_for(|_| data.join("here").is_file().then_some(())).unwrap();
        drop(process);
        assert!(!data.exists());
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn early_exit_is_reported_with_the_last_output() {
        let mut process = shell("early", "echo no database here; exit 3");
        let error = process.wait_for(|_| None::<()>).unwrap_err().to_string();
        assert!(error.contains("early ended (exit status: 3)"), "{error}");
        assert!(error.contains("no database here"), "{error}");
        fs::remove_file(&process.log).unwrap();
    }

    #[test]
    fn url_with_an_incomplete_port_is_ignored() {
        assert_eq!(find_url("at http://127.0.0.1:41\n").unwrap(), "http://127.0.0.1:41");
        assert_eq!(find_url("at http://127.0.0.1:41"), None);
        assert_eq!(find_url("listening"), None);
    }

    #[test]
    fn error_for_a_port_in_use_names_the_option() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = reserve(port, "--sandbox-port").unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is in use")), "{error}");
        assert!(error.contains("--sandbox-port N"), "{error}");
    }
}
