//! `cargo xtask migrate`: a database's schema up or down, and new migrations.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::cargo;

#[derive(clap::Subcommand)]
pub(crate) enum Action {
    /// Applies every migration that is pending.
    Up(Target),
    /// Takes the last migration back.
    Down(Target),
    /// Lists the migrations and which are applied.
    Status(Target),
    /// Drops every table and applies every migration.
    Fresh(Target),
    /// Starts a new migration.
    New {
        /// What it does, in `snake_case`.
        name: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Target {
    /// The database; the configured one if not given.
    #[arg(long)]
    database_url: Option<String>,
}

pub(crate) fn run(sh: &Shell, action: &Action) -> Result<()> {
    match action {
        Action::Up(target) => migrate(sh, "up", target),
        Action::Down(target) => migrate(sh, "down", target),
        Action::Status(target) => migrate(sh, "status", target),
        Action::Fresh(target) => migrate(sh, "fresh", target),
        Action::New { name } => new(sh, name),
    }
}

fn migrate(sh: &Shell, command: &str, target: &Target) -> Result<()> {
    let url = if let Some(url) = &target.database_url {
        url.clone()
    } else {
        cargo::build(sh, &["--bin", "menshen"])?;
        let menshen = cargo::program("menshen")?;
        cmd!(sh, "{menshen} config database.url").quiet().read()?
    };
    cargo::build(sh, &["--bin", "migration"])?;
    let migration = cargo::program("migration")?;
    // Quiet and secret: the URL may hold a password.
    let migrate = cmd!(sh, "{migration} {command} --database-url {url}").quiet().secret();
    migrate.run().with_context(|| format!("`migration {command}` failed"))
}

/// Writes a migration that does nothing yet, and lists it after the others.
fn new(sh: &Shell, name: &str) -> Result<()> {
    ensure!(is_snake_case(name), "`{name}` is not snake_case: say for example `add_member_remark`");
    let time = cmd!(sh, "date -u +%Y%m%d_%H%M%S").quiet().read()?;
    let module = format!("m{time}_{name}");
    let list = "migrations/src/lib.rs";
    let registered = register(&sh.read_file(list)?, &module).with_context(|| list.to_owned())?;
    let file = format!("migrations/src/{module}.rs");
    sh.write_file(&file, TEMPLATE.replace("TITLE", &title(name)))?;
    sh.write_file(list, registered)?;
    println!("wrote {file} and listed it in {list}");
    Ok(())
}

const TEMPLATE: &str = "//! TITLE.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing where the database can do that (SQLite, PostgreSQL).
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
";

/// `list` with the new module declared after the last one and its migration run after the last.
fn register(list: &str, module: &str) -> Result<String> {
    let declaration = list.rfind("\nmod m2").context("no `mod m2…;` to put the new one after")?;
    let declared = insert_after(list, declaration, ";", &format!("\nmod {module};"))?;
    let entry = declared.rfind("Box::new(m2").context("no `Box::new(m2…)` to put the new after")?;
    insert_after(&declared, entry, ")", &format!(",\n            Box::new({module}::Migration)"))
}

/// `text` with `addition` put after the first `end` that follows the position `from`.
fn insert_after(text: &str, from: usize, end: &str, addition: &str) -> Result<String> {
    let (before, rest) = text.split_at(from);
    let (item, after) =
        rest.split_once(end).with_context(|| format!("no `{end}` after `{rest}`"))?;
    Ok([before, item, end, addition, after].concat())
}

fn is_snake_case(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('_').all(word)
}

/// `add_member_remark` as `Add member remark`.
fn title(name: &str) -> String {
    let mut title = name.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_migration_is_declared_and_runs_last() {
        let list = "mod lib;\nmod m20260101_000000_a;\n\nfn all() {\n    vec![\n            \
                    Box::new(m20260101_000000_a::Migration),\n    ]\n}\n";
        let twice = register(&register(list, "m2_b").unwrap(), "m2_c").unwrap();
        let expected = "mod lib;\nmod m20260101_000000_a;\nmod m2_b;\nmod m2_c;\n\nfn all() {\n    \
                        vec![\n            Box::new(m20260101_000000_a::Migration),\n            \
                        Box::new(m2_b::Migration),\n            Box::new(m2_c::Migration),\n    ]\n}\n";
        assert_eq!(twice, expected);
    }

    #[test]
    fn a_list_in_an_unknown_form_is_left_alone() {
        assert!(register("fn all() {}\n", "m2_b").is_err());
        assert!(register("mod a;\nmod m2_a;\nfn all() {}\n", "m2_b").is_err());
    }

    #[test]
    fn a_migration_s_name_is_snake_case() {
        for good in ["members", "add_member_remark", "index2"] {
            assert!(is_snake_case(good), "{good}");
        }
        for bad in ["", "_a", "a_", "a__b", "Members", "a-b", "2a", "a/b", "会员"] {
            assert!(!is_snake_case(bad), "{bad}");
        }
    }

    #[test]
    fn the_template_is_a_file_of_this_workspace() {
        let file = TEMPLATE.replace("TITLE", &title("add_member_remark"));
        assert!(file.starts_with("//! Add member remark.\n"), "{file}");
        assert!(file.contains("pub(crate) struct Migration;"), "{file}");
    }
}
