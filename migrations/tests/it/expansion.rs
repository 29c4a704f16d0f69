//! Compatibility of the schema with the previous version, because both versions use it during a rolling
//! update. A migration may only add items that the previous version can ignore.

use std::collections::BTreeSet;

use testkit::databases::{FreshDatabase, Kind};

/// Intended incompatibilities, in the format of the test's report. No supported version relies on the
/// dropped items.
const DROPPED_COLUMNS: [&str; 1] = [
    // Events without a member: the previous version neither writes nor reads any.
    "m20261126_090000_audit_context: dropped: audit_event member_id uuid_text NOT NULL",
];

const COLUMNS: &str = "
    SELECT concat_ws(' ', t.name, c.name, c.type, iif(c.\"notnull\", 'NOT NULL', NULL),
        'DEFAULT ' || c.dflt_value)
    FROM sqlite_master t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name <> 'seaql_migrations'";

/// Unique indexes and foreign keys, which can reject a row.
const CONSTRAINTS: &str = "
    SELECT t.name || ' UNIQUE ' || group_concat(c.name)
    FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
    WHERE t.type = 'table' AND t.name <> 'seaql_migrations' AND i.\"unique\"
    GROUP BY t.name, i.name
    UNION ALL
    SELECT t.name || ' REFERENCES ' || k.\"table\" || ' ' || group_concat(k.\"from\")
    FROM sqlite_master t, pragma_foreign_key_list(t.name) k GROUP BY t.name, k.id";

/// Items of a schema on which another version can depend.
struct Schema {
    columns: BTreeSet<String>,
    constraints: BTreeSet<String>,
}

impl Schema {
    async fn read(database: &FreshDatabase) -> Self {
        let columns = database.query_all(COLUMNS).await.into_iter().collect();
        let constraints = database.query_all(CONSTRAINTS).await.into_iter().collect();
        Self { columns, constraints }
    }

    /// Lists the items on which a version for the schema `before` fails.
    fn incompatibilities(&self, before: &Self) -> Vec<String> {
        let tables: BTreeSet<_> = before.columns.iter().map(|column| table_name(column)).collect();
        let known: BTreeSet<_> = before.columns.iter().map(|column| column_name(column)).collect();
        let dropped = before.columns.difference(&self.columns);
        let required = self.columns.difference(&before.columns).filter(|column| {
            let is_required = column.contains("NOT NULL") && !column.contains("DEFAULT");
            is_required && tables.contains(table_name(column))
        });
        let constrained = self.constraints.difference(&before.constraints).filter(|constraint| {
            let table = table_name(constraint);
            let mut columns = constraint.rsplit(' ').next().unwrap_or_default().split(',');
            tables.contains(table) && columns.all(|name| known.contains(&format!("{table} {name}")))
        });
        let dropped = dropped.map(|column| format!("dropped: {column}"));
        let required = required.map(|column| format!("required: {column}"));
        let constrained = constrained.map(|constraint| format!("constrained: {constraint}"));
        dropped.chain(required).chain(constrained).collect()
    }
}

/// Returns the table of a column or constraint.
fn table_name(item: &str) -> &str {
    item.split(' ').next().unwrap_or_default()
}

/// Returns the table and the name of a column.
fn column_name(column: &str) -> String {
    column.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn previous_version_runs_on_the_new_schema() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    migration::up(database.url()).await.unwrap();
    let mut after = Schema::read(&database).await;
    assert!(after.columns.len() > 40 && after.constraints.len() > 10);
    let mut broken = Vec::new();
    for migration in migration::status(database.url()).await.unwrap().iter().rev() {
        migration::down(database.url()).await.unwrap();
        let before = Schema::read(&database).await;
        broken.extend(
            after
                .incompatibilities(&before)
                .iter()
                .map(|item| format!("{}: {item}", migration.name)),
        );
        after = before;
    }
    broken.retain(|item| !DROPPED_COLUMNS.contains(&item.as_str()));
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test]
async fn incompatible_changes_are_listed() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    migration::up(database.url()).await.unwrap();
    let before = Schema::read(&database).await;
    database.execute("CREATE TABLE stray (a integer NOT NULL UNIQUE)").await;
    database.execute("ALTER TABLE member ADD COLUMN a integer").await;
    database.execute("ALTER TABLE member ADD COLUMN b integer NOT NULL DEFAULT 1").await;
    database.execute("CREATE UNIQUE INDEX c ON member (id, a)").await;
    assert_eq!(Schema::read(&database).await.incompatibilities(&before), Vec::<String>::new());

    database.execute("ALTER TABLE member RENAME COLUMN remark TO note").await;
    database.execute("CREATE TABLE d (e integer)").await;
    database.execute("CREATE UNIQUE INDEX f ON member (nickname, gender)").await;
    let broken = Schema::read(&database).await.incompatibilities(&before);
    assert_eq!(
        broken,
        ["dropped: member remark TEXT", "constrained: member UNIQUE nickname,gender"]
    );

    let before = Schema::read(&database).await;
    database.execute("DROP TABLE d; CREATE TABLE d (e integer, g integer NOT NULL)").await;
    assert_eq!(
        Schema::read(&database).await.incompatibilities(&before),
        ["required: d g INTEGER NOT NULL"]
    );
}
