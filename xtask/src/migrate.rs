//! `cargo xtask migrate`: migration of a database, and creation of migrations.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::cargo;

#[derive(clap::Subcommand)]
pub(crate) enum Action {
    /// Apply all pending migrations.
    Up(Target),
    /// Revert the last migration.
    Down(Target),
    /// List all migrations and their state.
    Status(Target),
    /// Drop all tables and apply all migrations.
    Fresh(Target),
    /// Create an empty migration.
    New {
        /// Name of the migration in `snake_case`, as `add_member_remark`.
        name: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Target {
    /// URL of the database [default: the configured database].
    #[arg(long)]
    database_url: Option<String>,
}

pub(crate) fn run(sh: &Shell, action: &Action) -> Result<()> {
    match action {
        Action::Up(target) => migrate(sh, "up", target),
        Action::Down(target) => migrate(sh, "down", target),
        Action::Status(target) => migrate(sh, "status", target),
        Action::Fresh(target) => migrate(sh, "fresh", target),
        Action::New { name } => create(sh, name),
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
    // The command is not printed because the URL may contain a password.
    let migrate = cmd!(sh, "{migration} {command} --database-url {url}").quiet().secret();
    migrate.run().with_context(|| format!("`migration {command}` failed"))
}

/// Creates an empty migration and registers it after the others.
fn create(sh: &Shell, name: &str) -> Result<()> {
    ensure!(
        is_snake_case(name),
        "`{name}` is not in snake_case: use a name like `add_member_remark`"
    );
    let time = cmd!(sh, "date -u +%Y%m%d_%H%M%S").quiet().read()?;
    let module = format!("m{time}_{name}");
    let list = "migrations/src/lib.rs";
    let registered = register(&sh.read_file(list)?, &module).with_context(|| list.to_owned())?;
    let file = format!("migrations/src/{module}.rs");
    sh.write_file(&file, TEMPLATE.replace("TITLE", &title(name)))?;
    sh.write_file(list, registered)?;
    println!("created {file} and registered it in {list}");
    Ok(())
}

const TEMPLATE: &str = "//! TITLE.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Atomic where the database supports it (SQLite, PostgreSQL). An index on an existing table needs
    /// `Some(false)`: see `steps`.
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

/// Returns `list` with the module declared, and its migration run, after the existing ones.
fn register(list: &str, module: &str) -> Result<String> {
    let declaration =
        list.rfind("\nmod m2").context("no `mod m2…;` to insert the new module after")?;
    let declared = insert_after(list, declaration, ";", &format!("\nmod {module};"))?;
    let entry = declared
        .rfind("Box::new(m2")
        .context("no `Box::new(m2…)` to insert the new migration after")?;
    insert_after(&declared, entry, ")", &format!(",\n            Box::new({module}::Migration)"))
}

/// Inserts `addition` after the first `end` that follows the position `from`.
fn insert_after(text: &str, from: usize, end: &str, addition: &str) -> Result<String> {
    let (before, rest) = text.split_at(from);
    let (item, after) =
        rest.split_once(end).with_context(|| format!("no `{end}` after `{rest}`"))?;
    Ok([before, item, end, addition, after].concat())
}

fn is_snake_case(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('_').all(is_word)
}

/// Converts `add_member_remark` to `Add member remark`.
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
    fn new_migration_is_declared_and_runs_last() {
        let list = "mod lib;\nmod m20260101_000000_a;\n\nfn all() {\n    vec![\n            \
                    Box::new(m20260101_000000_a::Migration),\n    ]\n}\n";
        let twice = register(&register(list, "m2_b").unwrap(), "m2_c").unwrap();
        let expected = "mod lib;\nmod m20260101_000000_a;\nmod m2_b;\nmod m2_c;\n\nfn all() {\n    \
                        vec![\n            Box::new(m20260101_000000_a::Migration),\n            \
                        Box::new(m2_b::Migration),\n            Box::new(m2_c::Migration),\n    ]\n}\n";
        assert_eq!(twice, expected);
    }

    #[test]
    fn registering_in_an_unknown_file_format_fails() {
        assert!(register("fn all() {}\n", "m2_b").is_err());
        assert!(register("mod a;\nmod m2_a;\nfn all() {}\n", "m2_b").is_err());
    }

    #[test]
    fn migration_name_format() {
        for valid in ["members", "add_member_remark", "index2"] {
            assert!(is_snake_case(valid), "{valid}");
        }
        for invalid in ["", "_a", "a_", "a__b", "Members", "a-b", "2a", "a/b", "会员"] {
            assert!(!is_snake_case(invalid), "{invalid}");
        }
    }

    #[test]
    fn template_has_a_title_and_a_migration() {
        let file = TEMPLATE.replace("TITLE", &title("add_member_remark"));
        assert!(file.starts_with("//! Add member remark.\n"), "{file}");
        assert!(file.contains("pub(crate) struct Migration;"), "{file}");
    }
}
