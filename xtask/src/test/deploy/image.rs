//! Simulated build of `deploy/Containerfile` on a machine without a container engine.
//!
//! Each stage is built in a folder. The machine's own system replaces the base image, and the
//! existing programs replace the compiled ones.

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

/// Programs that the image contains.
const PROGRAMS: [&str; 2] = ["menshen", "wechat-sandbox"];

/// Script in place of `cargo`. It plans the same build from the same files, which fails if a package,
/// a program or a manifest is missing; instead of compiling, it copies the existing programs.
const FAKE_CARGO: &str = r#"#!/bin/sh
set -eu
RUSTC_BOOTSTRAP=1 "$REAL_CARGO" "$@" --unit-graph -Z unstable-options >plan.json
mkdir -p target/release
for program in $PROGRAMS; do strip -o "target/release/${program##*/}" "$program"; done
"#;

/// A stage: its files and its configuration.
#[derive(Debug, Default)]
pub(super) struct Stage {
    pub(super) name: String,
    /// Root directory.
    pub(super) root: PathBuf,
    working_directory: String,
    shell: Vec<String>,
    pub(super) user: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) entrypoint: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) health_check: Vec<String>,
}

/// Builds all stages.
pub(super) fn build(sh: &Shell) -> Result<Vec<Stage>> {
    let mut stages: Vec<Stage> = Vec::new();
    let text = sh.read_file(FILE)?;
    for (line, instruction) in instructions(&text) {
        execute(sh, &mut stages, &instruction).with_context(|| format!("{FILE}:{line}"))?;
    }
    let source = stages.first().context("the file has no stage")?;
    check_sources(&source.path("."))?;
    for stage in stages.iter().skip(1) {
        ensure!(
            !stage.user.starts_with(['0', 'r']) && !stage.user.is_empty(),
            "{} runs as root",
            stage.name
        );
        println!(
            "{}: {} files, {:.1} MB with stripped debug programs",
            stage.name,
            files(&stage.root)?.len(),
            megabytes(&stage.root)?
        );
    }
    Ok(stages)
}

/// Executes an instruction on the current stage.
fn execute(sh: &Shell, stages: &mut Vec<Stage>, instruction: &str) -> Result<()> {
    let (keyword, rest) = instruction.split_once(' ').context("the instruction has no argument")?;
    if keyword == "FROM" {
        let (_, name) = rest.split_once(" AS ").context("the stage has no name")?;
        let root = cargo::scratch("image")?.join(name);
        sh.remove_path(&root)?;
        sh.create_dir(&root)?;
        stages.push(Stage {
            name: name.to_owned(),
            root,
            working_directory: "/".to_owned(),
            ..Stage::default()
        });
        return Ok(());
    }
    let Some((stage, previous)) = stages.split_last_mut() else { bail!("{keyword} before FROM") };
    match keyword {
        "SHELL" => stage.shell = words(rest)?,
        "WORKDIR" => {
            rest.clone_into(&mut stage.working_directory);
            sh.create_dir(stage.path("."))?;
        }
        "COPY" => stage.copy(sh, previous, rest)?,
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
        other => bail!("the instruction {other} is not supported here"),
    }
    Ok(())
}

impl Stage {
    /// Converts a path in the stage to a path on this machine. A relative path starts in the working
    /// directory.
    fn path(&self, path: &str) -> PathBuf {
        let absolute = Path::new(&self.working_directory).join(path);
        self.root.join(absolute.strip_prefix("/").unwrap_or(Path::new(path)))
    }

    fn copy(&self, sh: &Shell, previous: &[Self], rest: &str) -> Result<()> {
        let mut paths: Vec<&str> = rest.split(' ').collect();
        let from = paths.first().and_then(|first| first.strip_prefix("--from="));
        let find = |name| previous.iter().find(|stage| stage.name == name);
        let from = from.map(|name| find(name).with_context(|| format!("no stage {name}")));
        let from = from.transpose()?;
        if from.is_some() {
            paths.remove(0);
        }
        let to = self.path(paths.pop().context("COPY needs a destination")?);
        // COPY copies the contents of a folder, and a file into a destination that ends in a slash.
        for path in paths {
            let source = from.map_or_else(|| cargo::root().join(path), |stage| stage.path(path));
            if source.is_dir() {
                sh.create_dir(&to)?;
                cmd!(sh, "cp -r {source}/. {to}").quiet().run()?;
            } else {
                ensure!(rest.ends_with('/'), "the destination of a file must end in a slash");
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
        let bin = sh.create_temp_dir()?;
        let cargo = bin.path().join("cargo");
        sh.write_file(&cargo, FAKE_CARGO)?;
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755))?;
        let path = format!("{}:{}", bin.path().display(), sh.var("PATH")?);
        let _folder = sh.push_dir(self.path("."));
        println!("{}: RUN {command}", self.name);
        let run = cmd!(sh, "{shell} {arguments...} {command}").quiet();
        run.env("PATH", path)
            .env("REAL_CARGO", env!("CARGO"))
            .env("PROGRAMS", programs.join(" "))
            .run()?;
        Ok(())
    }
}

/// Returns the instructions with the numbers of their first lines. Continuation lines are joined and
/// comments are left out.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut instructions: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    let lines = (1..).zip(text.lines());
    for (number, line) in lines.filter(|(_, line)| !line.trim_start().starts_with('#')) {
        let part = line.strip_suffix('\\').unwrap_or(line);
        match instructions.last_mut().filter(|_| continued) {
            Some((_, instruction)) => instruction.extend([" ", part.trim()]),
            None if part.trim().is_empty() => {}
            None => instructions.push((number, part.trim().to_owned())),
        }
        continued = line.ends_with('\\');
    }
    instructions
}

/// Parses the JSON form of an instruction.
fn words(json: &str) -> Result<Vec<String>> {
    serde_json::from_str(json).with_context(|| format!("{json} is not a JSON array of strings"))
}

/// Fails unless `source` contains every file of this repository that was compiled into the programs.
fn check_sources(source: &Path) -> Result<()> {
    let mut missing = BTreeSet::new();
    for program in PROGRAMS {
        let list = fs::read_to_string(cargo::program(program)?.with_extension("d"))?;
        let (_, paths) = list.split_once(": ").context("unknown format of cargo's source list")?;
        let sources = paths
            .split_whitespace()
            .filter_map(|path| Path::new(path).strip_prefix(cargo::root()).ok());
        missing.extend(sources.filter(|path| !source.join(path).is_file()).map(Path::to_owned));
    }
    ensure!(missing.is_empty(), "{FILE} does not copy files that the build needs: {missing:?}");
    Ok(())
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

#[expect(clippy::cast_precision_loss, reason = "it is printed with one decimal")]
fn megabytes(root: &Path) -> Result<f64> {
    let sizes = files(root)?.into_iter().map(|file| Ok(fs::metadata(file)?.len()));
    Ok(sizes.sum::<Result<u64>>()? as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuation_lines_are_joined_and_comments_left_out() {
        let text = "# A\n\nRUN a \\\n    # b\n    && c\n# d\nUSER 1\n";
        let expected = [(3, "RUN a && c".to_owned()), (7, "USER 1".to_owned())];
        assert_eq!(instructions(text), expected);
    }
}
