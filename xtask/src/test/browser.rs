//! The phone of the offline WeChat and the console, walked through in a browser: whatever either
//! complains of fails, and so does what somebody could not use who cannot see or has no mouse.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::apt;
use crate::cargo;
use crate::dev::{self, Environment, Ports};
use crate::toolchains;

const PACKAGE: &str = "clients/browser-tests";

/// Its files of tests, each for programs with data of their own.
const FILES: [&str; 3] = ["phone", "console_pages", "console_workflows"];

pub(super) fn run(sh: &Shell) -> Result<()> {
    walk_through(sh, Pace::Quick)
}

/// With an old device and a bad network for everybody, where whatever does not wait fails.
pub(crate) fn run_slowly(sh: &Shell) -> Result<()> {
    walk_through(sh, Pace::Slow)
}

#[derive(Clone, Copy, PartialEq)]
enum Pace {
    Quick,
    Slow,
}

fn walk_through(sh: &Shell, pace: Pace) -> Result<()> {
    let package = cargo::root().join(PACKAGE);
    toolchains::locked_node(sh, &package)?;
    // Fonts, too: without one that has Chinese, pictures show boxes.
    let works = || {
        let chromium = cmd!(sh, "chromium --version").quiet().ignore_stdout().ignore_stderr().run();
        let font = cmd!(sh, "fc-list :lang=zh-cn").quiet().ignore_stderr().read();
        chromium.is_ok() && font.is_ok_and(|fonts| !fonts.is_empty())
    };
    apt::ensure(sh, "Chromium", &["chromium", "fontconfig", "fonts-wqy-microhei"], works)?;
    dev::build(sh)?;
    cmd!(sh, "npm run --silent check --prefix {package}").run()?;
    let pictures = cargo::scratch("pictures")?;
    // Without what tests before this one are told of servers, which is no setting of ours.
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
            .env("PICTURES", &pictures)
            .env("SLOW", if pace == Pace::Slow { "yes" } else { "no" })
            .env("no_proxy", "127.0.0.1")
            .run()?;
    }
    println!("pictures of the pages are in {}", pictures.display());
    Ok(())
}
