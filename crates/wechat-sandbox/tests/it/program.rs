//! Program `wechat-sandbox`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ureq::http::Method;

use crate::harness::call;

/// Child process that is killed when the test ends.
struct ChildProcess(Child);

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wechat-sandbox"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn program_prints_its_url_and_stops_on_sigterm_and_sigint() {
    for signal in ["TERM", "INT"] {
        let mut child = ChildProcess(program(&["--listen", "127.0.0.1:0"]).spawn().unwrap());
        let mut out = BufReader::new(child.0.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        let page = call(Method::GET, format!("{url}/"), None, Duration::from_secs(5)).await;
        assert_eq!(page.unwrap().status, 200);
        let pid = child.0.id().to_string();
        assert!(
            Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success()
        );
        assert!(child.0.wait().unwrap().success(), "{signal}");
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "the program prints one line");
    }
}

#[test]
fn invalid_configuration_file_is_named() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = program(&["--config", file]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        stderr.contains("invalid configuration in") && stderr.contains("unknown field"),
        "{stderr}"
    );
    let output = program(&["--config", "/nowhere.toml"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read /nowhere.toml"));
}
