//! The stages of `deploy/Containerfile`, each made in a folder, with what a machine without a container
//! engine has: its own system in place of the base image, and programs that are built already.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::cargo;

const FILE: &str = "deploy/Containerfile";

/// The programs that it builds.
const PROGRAMS: [&str; 2] = ["menshen", "wechat-sandbox"];

/// What stands in for `cargo`. It plans the very build from the very files, which fails where a package,
/// a program or a manifest is missing, and instead of an hour's work brings the programs of this
/// machine's own build.
const CARGO: &str = r#"#!/bin/sh
set -eu
RUSTC_BOOTSTRAP=1 "$REAL_CARGO" "$@" --unit-graph -Z unstable-options >plan.json
mkdir -p target/release
for program in $PROGRAMS; do strip -o "target/release/${program##*/}" "$program"; done
"#;

/// What one stage holds and says about itself.
#[derive(Debug, Default)]
pub(super) struct Stage {
    pub(super) name: String,
    /// Its root directory.
    pub(super) root: PathBuf,
    folder: String,
    shell: Vec<String>,
    pub(super) user: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) entrypoint: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) health_check: Vec<String>,
}

/// Makes all stages.
pub(super) fn build(sh: &Shell) -> Result<Vec<Stage>> {
    let mut stages: Vec<Stage> = Vec::new();
    let text = sh.read_file(FILE)?;
    for (line, instruction) in instructions(&text) {
        carry_out(sh, &mut stages, &instruction).with_context(|| format!("{FILE}:{line}"))?;
    }
    let source = stages.first().context("there is no stage")?;
    missing_sources(&source.path("."))?;
    for stage in stages.iter().skip(1) {
        ensure!(
            !stage.user.starts_with(['0', 'r']) && !stage.user.is_empty(),
            "{} runs as root",
            stage.name
        );
        println!(
            "{}: {} files, {:.1} MB with debug programs, stripped",
            stage.name,
            files(&stage.root)?.len(),
            megabytes(&stage.root)?
        );
    }
    Ok(stages)
}

/// One instruction, on the newest stage.
fn carry_out(sh: &Shell, stages: &mut Vec<Stage>, instruction: &str) -> Result<()> {
    let (keyword, rest) = instruction.split_once(' ').context("an instruction has two words")?;
    if keyword == "FROM" {
        let (_, name) = rest.split_once(" AS ").context("every stage has a name")?;
        let root = cargo::scratch("image")?.join(name);
        sh.remove_path(&root)?;
        sh.create_dir(&root)?;
        stages.push(Stage {
            name: name.to_owned(),
            root,
            folder: "/".to_owned(),
            ..Stage::default()
        });
        return Ok(());
    }
    let Some((stage, before)) = stages.split_last_mut() else { bail!("{keyword} before FROM") };
    match keyword {
        "SHELL" => stage.shell = words(rest)?,
        "WORKDIR" => {
            rest.clone_into(&mut stage.folder);
            sh.create_dir(stage.path("."))?;
        }
        "COPY" => stage.copy(sh, before, rest)?,
        "RUN" => stage.run(sh, rest)?,
        "USER" => rest.clone_into(&mut stage.user),
        "ENV" => {
            let pairs =
                rest.split(' ').map(|pair| pair.split_once('=').context("ENV takes NAME=VALUE"));
            for pair in pairs {
                let (name, value) = pair?;
                stage.environment.push((name.to_owned(), value.to_owned()));
            }
        }
        "EXPOSE" => {}
        "HEALTHCHECK" => {
            let (_, command) = rest.split_once("CMD ").context("HEALTHCHECK without CMD")?;
            stage.health_check = words(command)?;
        }
        "ENTRYPOINT" => stage.entrypoint = words(rest)?,
        "CMD" => stage.command = words(rest)?,
        other => bail!("nothing here can do what {other} does"),
    }
    Ok(())
}

impl Stage {
    /// Where a path of its own lies on this machine; a relative one starts in its working directory.
    fn path(&self, path: &str) -> PathBuf {
        self.root
            .join(Path::new(&self.folder).join(path).strip_prefix("/").unwrap_or(Path::new(path)))
    }

    fn copy(&self, sh: &Shell, before: &[Self], rest: &str) -> Result<()> {
        let mut paths: Vec<&str> = rest.split(' ').collect();
        let from = paths.first().and_then(|first| first.strip_prefix("--from="));
        let from = from
            .map(|name| before.iter().find(|stage| stage.name == name).context("no such stage"));
        let from = from.transpose()?;
        if from.is_some() {
            paths.remove(0);
        }
        let to = self.path(paths.pop().context("COPY needs a destination")?);
        // One folder copied is its contents; several sources, or one into a name with a slash, go into it.
        for path in paths {
            let source = from.map_or_else(|| cargo::root().join(path), |stage| stage.path(path));
            if source.is_dir() {
                sh.create_dir(&to)?;
                cmd!(sh, "cp -r {source}/. {to}").quiet().run()?;
            } else {
                ensure!(
                    rest.ends_with('/'),
                    "COPY of a file here must go to a folder, with a slash"
                );
                sh.create_dir(&to)?;
                sh.copy_file(&source, &to)?;
            }
        }
        Ok(())
    }

    fn run(&self, sh: &Shell, rest: &str) -> Result<()> {
        let command = rest.split(' ').skip_while(|word| word.starts_with("--mount="));
        let command = command.collect::<Vec<_>>().join(" ");
        let (shell, arguments) = self.shell.split_first().context("RUN needs a shell")?;
        let programs = PROGRAMS.map(cargo::program).into_iter().collect::<Result<Vec<_>>>()?;
        let programs: Vec<_> = programs.iter().map(|path| path.display().to_string()).collect();
        let stand_in = sh.create_temp_dir()?;
        let stand_in = stand_in.path().join("cargo");
        sh.write_file(&stand_in, CARGO)?;
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755))?;
        let path = format!("{}:{}", stand_in.with_file_name("").display(), sh.var("PATH")?);
        let _there = sh.push_dir(self.path("."));
        println!("{}: RUN {command}", self.name);
        let run = cmd!(sh, "{shell} {arguments...} {command}").quiet();
        run.env("PATH", path)
            .env("REAL_CARGO", env!("CARGO"))
            .env("PROGRAMS", programs.join(" "))
            .run()?;
        Ok(())
    }
}

/// Instructions with the number of the line they begin in, continuations joined and comments left out.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut instructions: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    for (number, line) in
        (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with('#'))
    {
        let (part, more) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match instructions.last_mut().filter(|_| continued) {
            Some((_, instruction)) => instruction.extend([" ", part.trim()]),
            None if part.trim().is_empty() => {}
            None => instructions.push((number, part.trim().to_owned())),
        }
        continued = more;
    }
    instructions
}

/// The words of an instruction in JSON.
fn words(json: &str) -> Result<Vec<String>> {
    serde_json::from_str(json).with_context(|| format!("{json} is no list of words in JSON"))
}

/// Fails unless every file of this repository that went into the programs is in `source` too.
fn missing_sources(source: &Path) -> Result<()> {
    let mut missing = BTreeSet::new();
    for program in PROGRAMS {
        let list = fs::read_to_string(cargo::program(program)?.with_extension("d"))?;
        let (_, read) =
            list.split_once(": ").context("cargo's list of sources has another form")?;
        let read = read
            .split_whitespace()
            .filter_map(|path| Path::new(path).strip_prefix(cargo::root()).ok());
        missing.extend(read.filter(|path| !source.join(path).is_file()).map(Path::to_owned));
    }
    ensure!(missing.is_empty(), "{FILE} builds without files that are needed: {missing:?}");
    Ok(())
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn megabytes(root: &Path) -> Result<f64> {
    let sizes = files(root)?.into_iter().map(|file| Ok(fs::metadata(file)?.len()));
    Ok(sizes.sum::<Result<u64>>()? as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_joined_and_comments_left_out() {
        let text = "# A\n\nRUN a \\\n    # b\n    && c\n# d\nUSER 1\n";
        let expected = [(3, "RUN a && c".to_owned()), (7, "USER 1".to_owned())];
        assert_eq!(instructions(text), expected);
    }
}
