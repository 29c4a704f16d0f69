//! nginx in front of several instances, with `deploy/nginx.conf` except for addresses and TLS.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The configuration file for deployments.
const CONFIGURATION: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx.conf"));

/// Number of instances in the configuration file.
pub(crate) const INSTANCES: usize = 3;

/// Main configuration that includes the file. nginx runs as one process, so that killing it leaves no worker.
const MAIN_CONFIGURATION: &str = "daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events { }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include menshen.conf;
}
";

/// A running nginx; killed when dropped.
pub(crate) struct Nginx {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    /// Starts nginx in front of the instances at these loopback ports.
    pub(crate) async fn start(instances: [u16; INSTANCES]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        std::fs::write(folder.path().join("nginx.conf"), MAIN_CONFIGURATION).unwrap();
        std::fs::write(folder.path().join("menshen.conf"), configuration(instances, port)).unwrap();
        let process = nginx(folder.path()).spawn().expect("nginx: `cargo xtask test` installs it");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "nginx did not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { process, folder, port }
    }

    /// Returns the URL of a path of the service behind nginx.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the error log.
    pub(crate) fn error_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn nginx(folder: &Path) -> Command {
    let mut command = Command::new("nginx");
    // On Debian, nginx is in a folder that only root's `PATH` includes.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin"));
    command.args(["-e", "error.log", "-c", "nginx.conf", "-p"]).arg(folder).current_dir(folder);
    command
}

/// Returns the configuration file with the addresses of these instances, without TLS.
fn configuration(instances: [u16; INSTANCES], port: u16) -> String {
    let lines = CONFIGURATION.lines().filter(|line| !line.trim_start().starts_with("ssl_"));
    let mut configuration = lines.collect::<Vec<_>>().join("\n");
    let mut replace = |from: &str, to: String| {
        assert!(configuration.contains(from), "deploy/nginx.conf no longer contains {from:?}");
        configuration = configuration.replace(from, &to);
    };
    for (nth, instance) in instances.iter().enumerate() {
        replace(&format!("10.0.0.{}:2020", 11 + nth), format!("127.0.0.1:{instance}"));
    }
    replace("listen 80;", format!("listen 127.0.0.1:{};", free_port()));
    replace("listen 443 ssl;", format!("listen 127.0.0.1:{port};"));
    configuration
}

/// Returns a different free port on each call. The ports are below the kernel's ephemeral range, so that a port
/// is still free when an instance is restarted on it.
pub(crate) fn free_port() -> u16 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    loop {
        let nth = std::process::id().wrapping_mul(31) + CALLS.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(nth % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
