//! Retention of every table: rows that age are deleted by a duty of the cleanup.

use std::collections::BTreeSet;

use domain::model::cleanup::CleanupDuty;
use testkit::databases::{FreshDatabase, Kind};

use self::Retention::{AgedBy, Kept};

/// Retention of the rows of a table.
#[derive(Clone, Copy)]
enum Retention {
    /// Rows are deleted by age, by the duty with this name.
    AgedBy(&'static str),
    /// Rows are not deleted by age, with the reason.
    Kept(&'static str),
}

/// Retention of each table.
const TABLES: &[(&str, Retention)] = &[
    ("admin", Kept("accounts are referred to by the audit log and never deleted")),
    ("admin_session", AgedBy("admin_sessions")),
    ("app", Kept("is deleted by administrators")),
    ("audit_event", AgedBy("audit_events")),
    ("data_key", Kept("decrypts data of any age; each change of the sealing key adds one")),
    ("heartbeat", Kept("has one row")),
    ("identity", Kept("is deleted with its member")),
    ("member", Kept("is deleted by its erasure")),
    ("outbox", AgedBy("orphaned_events")),
    ("redemption", AgedBy("redemptions")),
    ("seaql_migrations", Kept("has one row for each migration")),
    ("seen_push", AgedBy("seen_pushes")),
    ("session", AgedBy("sessions")),
    ("session_key", AgedBy("session_keys")),
    ("session_epoch", Kept("has one row")),
    ("signing_key", Kept("is deleted by the rotation of the signing keys")),
    ("tombstone", Kept("keeps erased members banned, for any time")),
    ("withdrawal", Kept("is deleted when the withdrawal has been processed")),
];

/// Lists violations of the retention: tables without an entry, expiry columns without a duty, duties
/// without a table, and entries without a table.
async fn violations(database: &FreshDatabase) -> Vec<String> {
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let expiring = "SELECT t.name FROM sqlite_master t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND c.name = 'expires_at'";
    let tables: BTreeSet<String> = database.query_all(tables).await.into_iter().collect();
    let expiring: BTreeSet<String> = database.query_all(expiring).await.into_iter().collect();
    let mut violations = Vec::new();
    for table in &tables {
        let entry = TABLES.iter().find(|(name, _)| name == table);
        match entry.map(|(_, retention)| retention) {
            None => violations
                .push(format!("{table}: add a cleanup duty, or a reason to keep the rows")),
            Some(Kept(_)) if expiring.contains(table) => {
                violations.push(format!("{table}: rows with `expires_at` need a cleanup duty"));
            }
            Some(Kept(reason)) => assert!(!reason.is_empty(), "{table}"),
            Some(AgedBy(duty)) => assert!(CleanupDuty::NAMES.contains(duty), "{table}: {duty}"),
        }
    }
    let missing = TABLES.iter().filter(|(name, _)| !tables.contains(*name));
    violations.extend(missing.map(|(name, _)| format!("{name}: there is no such table")));
    let is_idle = |name: &&&str| {
        !TABLES.iter().any(|(_, retention)| matches!(retention, AgedBy(duty) if duty == *name))
    };
    violations.extend(
        CleanupDuty::NAMES.iter().filter(is_idle).map(|name| format!("{name}: has no table")),
    );
    violations
}

#[tokio::test]
async fn every_table_that_ages_has_a_cleanup_duty() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    migration::up(database.url()).await.unwrap();
    assert_eq!(violations(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn table_without_retention_is_listed() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    migration::up(database.url()).await.unwrap();
    database.execute("CREATE TABLE stray (expires_at bigint)").await;
    database.execute("ALTER TABLE identity ADD COLUMN expires_at bigint").await;
    database.execute("DROP TABLE withdrawal").await;
    assert_eq!(
        violations(&database).await,
        [
            "identity: rows with `expires_at` need a cleanup duty",
            "stray: add a cleanup duty, or a reason to keep the rows",
            "withdrawal: there is no such table",
        ]
    );
}
