//! Installation of missing tools by `apt-get`, where it needs no password.

use anyhow::{Result, bail, ensure};
use xshell::{Shell, cmd};

/// Installs Debian's or Ubuntu's `packages` unless `is_installed` returns true.
///
/// If this process cannot become root without a password, the error contains the command to run.
pub(crate) fn ensure(
    sh: &Shell,
    tool: &str,
    packages: &[&str],
    is_installed: impl Fn() -> bool,
) -> Result<()> {
    if is_installed() {
        return Ok(());
    }
    let Some(prefix) = root_prefix(sh) else {
        bail!("{}", missing(tool, packages));
    };
    println!("Installing {tool}");
    let settings =
        ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"];
    // `env` makes an empty prefix a valid command, too.
    let apt = || cmd!(sh, "env").args(&prefix).arg("env").args(settings);
    let install =
        || apt().args(["install", "--yes", "--no-install-recommends"]).args(packages).run();
    if install().is_err() {
        // A fresh machine has no package lists, or lists of outdated package versions.
        apt().arg("update").run()?;
        install()?;
    }
    ensure!(is_installed(), "{tool} does not work although {} is installed", packages.join(" "));
    Ok(())
}

/// Returns the command prefix that runs a command as root without a password, if this machine has
/// one and has `apt-get`.
pub(crate) fn root_prefix(sh: &Shell) -> Option<Vec<&'static str>> {
    let succeeds = |program: &str, args: &[&str]| {
        cmd!(sh, "{program} {args...}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
    };
    if !succeeds("apt-get", &["--version"]) {
        return None;
    }
    if cmd!(sh, "id -u").quiet().read().is_ok_and(|id| id == "0") {
        return Some(Vec::new());
    }
    succeeds("sudo", &["-n", "true"]).then(|| vec!["sudo", "-n"])
}

/// Error message for a tool that cannot be installed from here.
fn missing(tool: &str, packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!(
        "{tool} is missing: install it (on Debian or Ubuntu `sudo apt-get install -y {packages}`) \
         and run this again, or skip the tests that need it with `--embedded`"
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn installed_tool_is_not_installed_again() {
        let checks = Cell::new(0);
        let sh = Shell::new().unwrap();
        ensure(&sh, "true", &["no-such-package"], || checks.replace(checks.get() + 1) == 0)
            .unwrap();
        assert_eq!(checks.get(), 1);
    }

    #[test]
    fn failed_install_updates_package_lists_and_retries() {
        let sh = Shell::new().unwrap();
        let bin = sh.create_temp_dir().unwrap();
        let log = bin.path().join("log");
        let lists = bin.path().join("lists");
        let apt = format!(
            "#!/bin/sh\necho \"$@\" >> {log}\ncase \"$*\" in\n*update) : > {lists} ;;\n\
             *install*) test -f {lists} ;;\nesac\n",
            log = log.display(),
            lists = lists.display()
        );
        for (name, script) in [("apt-get", apt.as_str()), ("id", "#!/bin/sh\necho 0\n")] {
            sh.write_file(bin.path().join(name), script).unwrap();
            cmd!(sh, "chmod +x").arg(bin.path().join(name)).quiet().run().unwrap();
        }
        sh.set_var("PATH", format!("{}:/usr/bin:/bin", bin.path().display()));
        let installed = || sh.read_file(&log).is_ok_and(|log| log.matches("chromium").count() == 2);
        ensure(&sh, "a browser", &["chromium"], installed).unwrap();
        let log = sh.read_file(&log).unwrap();
        let calls: Vec<&str> = log.lines().filter_map(|line| line.split("=120 ").nth(1)).collect();
        let install = "install --yes --no-install-recommends chromium";
        assert_eq!(calls, [install, "update", install]);
    }

    #[test]
    fn error_without_root_contains_the_install_command() {
        let sh = Shell::new().unwrap();
        sh.set_var("PATH", "/nonexistent");
        let error = ensure(&sh, "python3 with venv", &["python3", "python3-venv"], || false);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`sudo apt-get install -y python3 python3-venv`"), "{error}");
    }
}
