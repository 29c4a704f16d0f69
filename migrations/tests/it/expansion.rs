//! The program of the version before runs on the schema of this one: while instances are replaced one
//! by one, both use it. So a migration only adds what the other does not have to know of.

use std::collections::BTreeSet;

use testkit::databases::{FreshDatabase, Kind};

/// What a migration took away on purpose, when no program in use relied on it any more, as it is told
/// below.
const DROPPED_COLUMNS: [&str; 1] = [
    // Events may be about nobody: the version before writes none of these, and looks for none.
    "m20261126_090000_audit_context: gone: audit_event member_id uuid_text NOT NULL",
];

const COLUMNS: &str = "
    SELECT concat_ws(' ', t.name, c.name, c.type, iif(c.\"notnull\", 'NOT NULL', NULL),
        'DEFAULT ' || c.dflt_value)
    FROM sqlite_master t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name <> 'seaql_migrations'";

/// Unique indexes and foreign keys: what can refuse a row.
const CONSTRAINTS: &str = "
    SELECT t.name || ' UNIQUE ' || group_concat(c.name)
    FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
    WHERE t.type = 'table' AND t.name <> 'seaql_migrations' AND i.\"unique\"
    GROUP BY t.name, i.name
    UNION ALL
    SELECT t.name || ' REFERENCES ' || k.\"table\" || ' ' || group_concat(k.\"from\")
    FROM sqlite_master t, pragma_foreign_key_list(t.name) k GROUP BY t.name, k.id";

/// A schema, as far as another program depends on it.
struct Schema {
    columns: BTreeSet<String>,
    constraints: BTreeSet<String>,
}

impl Schema {
    async fn of(database: &FreshDatabase) -> Self {
        let columns = database.query_all(COLUMNS).await.into_iter().collect();
        let constraints = database.query_all(CONSTRAINTS).await.into_iter().collect();
        Self { columns, constraints }
    }

    /// What a program that knows the schema `before` fails on here.
    fn breaks(&self, before: &Self) -> Vec<String> {
        let table = |told: &str| told.split(' ').next().unwrap_or_default().to_owned();
        let tables: BTreeSet<_> = before.columns.iter().map(|column| table(column)).collect();
        let gone = before.columns.difference(&self.columns).map(|column| format!("gone: {column}"));
        let demanded = self.columns.difference(&before.columns).filter(|column| {
            let must_be_given = column.contains("NOT NULL") && !column.contains("DEFAULT");
            must_be_given && tables.contains(&table(column))
        });
        let known: BTreeSet<String> =
            before.columns.iter().map(|column| column_of(column)).collect();
        let demanded = demanded.map(|column| format!("demanded: {column}"));
        let refused = self.constraints.difference(&before.constraints).filter(|constraint| {
            let columns = constraint.rsplit(' ').next().unwrap_or_default().split(',');
            let (table, mut columns) = (table(constraint), columns);
            tables.contains(&table)
                && columns.all(|name| known.contains(&format!("{table} {name}")))
        });
        let refused = refused.map(|constraint| format!("refused: {constraint}"));
        gone.chain(demanded).chain(refused).collect()
    }
}

/// The table and the name of a column.
fn column_of(told: &str) -> String {
    told.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_version_before_runs_on_the_schema_that_follows() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    migration::up(database.url()).await.unwrap();
    let mut after = Schema::of(&database).await;
    assert!(after.columns.len() > 40 && after.constraints.len() > 10);
    let mut broken = Vec::new();
    for migration in migration::status(database.url()).await.unwrap().iter().rev() {
        migration::down(database.url()).await.unwrap();
        let before = Schema::of(&database).await;
        broken
            .extend(after.breaks(&before).iter().map(|what| format!("{}: {what}", migration.name)));
        after = before;
    }
    broken.retain(|what| !DROPPED_COLUMNS.contains(&what.as_str()));
    assert_eq!(broken, Vec::<String>::new());
}

#[tokio::test]
async fn what_breaks_the_version_before_is_told() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    migration::up(database.url()).await.unwrap();
    let before = Schema::of(&database).await;
    database.execute("CREATE TABLE stray (a integer NOT NULL UNIQUE)").await;
    database.execute("ALTER TABLE member ADD COLUMN a integer").await;
    database.execute("ALTER TABLE member ADD COLUMN b integer NOT NULL DEFAULT 1").await;
    database.execute("CREATE UNIQUE INDEX c ON member (id, a)").await;
    assert_eq!(Schema::of(&database).await.breaks(&before), Vec::<String>::new());

    database.execute("ALTER TABLE member RENAME COLUMN remark TO note").await;
    database.execute("CREATE TABLE d (e integer)").await;
    database.execute("CREATE UNIQUE INDEX f ON member (nickname, gender)").await;
    let broken = Schema::of(&database).await.breaks(&before);
    assert_eq!(broken, ["gone: member remark TEXT", "refused: member UNIQUE nickname,gender"]);

    let before = Schema::of(&database).await;
    database.execute("DROP TABLE d; CREATE TABLE d (e integer, g integer NOT NULL)").await;
    assert_eq!(Schema::of(&database).await.breaks(&before), ["demanded: d g INTEGER NOT NULL"]);
}
