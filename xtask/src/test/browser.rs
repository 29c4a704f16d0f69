//! Browser tests of the sandbox's phone and of the console, including accessibility by screen reader
//! and keyboard. An error in the browser's console fails the test.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::apt;
use crate::cargo;
use crate::dev::{self, Environment, Ports};
use crate::toolchains;

const PACKAGE: &str = "clients/browser-tests";

/// Test files of the package; each runs against a server and a sandbox with data of its own.
const FILES: [&str; 3] = ["phone", "console_pages", "console_workflows"];

pub(super) fn run(sh: &Shell) -> Result<()> {
    run_tests(sh, Speed::Fast)
}

/// Runs the tests on a simulated slow device with a bad network, which reveals missing waits.
pub(crate) fn soak(sh: &Shell) -> Result<()> {
    run_tests(sh, Speed::Slow)
}

/// Simulated speed of the device and the network.
#[derive(Clone, Copy, PartialEq)]
enum Speed {
    Fast,
    Slow,
}

fn run_tests(sh: &Shell, speed: Speed) -> Result<()> {
    let package = cargo::root().join(PACKAGE);
    toolchains::locked_node(sh, &package)?;
    // Without a font that contains Chinese, screenshots show boxes.
    let is_installed = || {
        let chromium = cmd!(sh, "chromium --version").quiet().ignore_stdout().ignore_stderr().run();
        let font = cmd!(sh, "fc-list :lang=zh-cn").quiet().ignore_stderr().read();
        chromium.is_ok() && font.is_ok_and(|fonts| !fonts.is_empty())
    };
    apt::ensure(sh, "Chromium", &["chromium", "fontconfig", "fonts-wqy-microhei"], is_installed)?;
    dev::build(sh)?;
    cmd!(sh, "npm run --silent check --prefix {package}").run()?;
    let screenshots = cargo::scratch("pictures")?;
    // A new shell: the URLs of the servers of other tests must not be in the environment.
    let sh = &Shell::new()?;
    for file in FILES {
        let data = sh.create_temp_dir()?;
        let environment = Environment::start(&Ports::reserve(0, 0)?, Some(data.path()), &[])?;
        let test = package.join(format!("target/{file}.test.js"));
        cmd!(sh, "timeout 600 node --test {test}")
            .envs(environment.server_settings())
            .env("MENSHEN", cargo::program("menshen")?)
            .env("SERVER_URL", &environment.server_url)
            .env("SANDBOX_URL", &environment.sandbox_url)
            .env("PHONE_PAGE", environment.phone_page())
            .env("PICTURES", &screenshots)
            .env("SLOW", if speed == Speed::Slow { "yes" } else { "no" })
            .env("no_proxy", "127.0.0.1")
            .run()?;
    }
    println!("screenshots of the pages are in {}", screenshots.display());
    Ok(())
}
