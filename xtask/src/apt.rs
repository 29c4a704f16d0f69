//! Finds what a task needs on this machine, or installs it where that needs no password.

use anyhow::{Result, bail, ensure};
use xshell::{Shell, cmd};

/// Makes sure that `works` holds, installing Debian's or Ubuntu's `packages` if it does not.
///
/// An error says the exact command to run where it may not be run from here.
pub(crate) fn ensure(
    sh: &Shell,
    what: &str,
    packages: &[&str],
    works: impl Fn() -> bool,
) -> Result<()> {
    if works() {
        return Ok(());
    }
    let Some(prefix) = privilege(sh) else {
        bail!("{}", advice(what, packages));
    };
    println!("Installing {what}");
    let settings =
        ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"];
    // `env` does nothing here but let an empty prefix be a command too.
    let apt = || cmd!(sh, "env").args(&prefix).arg("env").args(settings);
    let install =
        || apt().args(["install", "--yes", "--no-install-recommends"]).args(packages).run();
    if install().is_err() {
        // A fresh machine has no package lists, or lists of packages that are gone.
        apt().arg("update").run()?;
        install()?;
    }
    ensure!(works(), "{what} does not work though {} is installed", packages.join(" "));
    Ok(())
}

/// How to become root without a password, if there is a way and `apt-get` to use it for.
pub(crate) fn privilege(sh: &Shell) -> Option<Vec<&'static str>> {
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

fn advice(what: &str, packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!(
        "{what} is missing: install it (on Debian or Ubuntu `sudo apt-get install -y {packages}`) \
         and run this again, or leave out what needs it with `--embedded`"
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_works_is_not_installed_again() {
        let asked = Cell::new(0);
        let sh = Shell::new().unwrap();
        ensure(&sh, "true", &["no-such-package"], || asked.replace(asked.get() + 1) == 0).unwrap();
        assert_eq!(asked.get(), 1);
    }

    #[test]
    fn a_machine_without_package_lists_gets_them_first() {
        let sh = Shell::new().unwrap();
        let bin = sh.create_temp_dir().unwrap();
        let (log, lists) = (bin.path().join("log"), bin.path().join("lists"));
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
    fn without_privilege_the_error_is_the_command_to_run() {
        let sh = Shell::new().unwrap();
        sh.set_var("PATH", "/nonexistent");
        let error = ensure(&sh, "python3 with venv", &["python3", "python3-venv"], || false);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`sudo apt-get install -y python3 python3-venv`"), "{error}");
    }
}
