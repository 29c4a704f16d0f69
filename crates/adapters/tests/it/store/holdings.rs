//! The export of a member, held against the schema as the migrations leave it.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapters::store::{SeaStore, StoreConfig};
use domain::model::member::MemberId;
use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::ports::store::members::MemberReader;
use sea_orm::sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::sealer;

/// Tables that are in no member's export.
const EXEMPT: [(&str, &str); 10] = [
    ("admin", "those who look after members are none themselves"),
    ("admin_session", "as those whose they are"),
    ("app", "is about all who log in to it"),
    ("data_key", "is about everybody's values, and opens with the sealing key"),
    ("seaql_migrations", "is about the schema"),
    ("seen_push", "holds fingerprints that lead to nobody, for an hour"),
    ("session_key", "holds sealed keys of WeChat's to identities, which are told"),
    ("signing_key", "is about tokens"),
    ("tombstone", "is about people who are members no more, and names nobody"),
    ("withdrawal", "is obeyed within seconds, and gone then"),
];

/// The first column of what a query finds.
async fn list(connection: &mut SqliteConnection, query: String) -> BTreeSet<String> {
    let rows = sea_orm::sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_table_and_column_about_members_is_in_the_export() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let mut schema = SqliteConnection::connect(&url).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'".to_owned();
    let mut tables = list(&mut schema, tables).await;
    for (table, _because) in EXEMPT {
        assert!(tables.remove(table), "there is no table {table} to exempt");
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        assert!(!list(&mut schema, columns).await.contains("member_id"), "{table} names members");
    }

    let config = StoreConfig { url, max_connections: 2, sealer: Arc::new(sealer(1)) };
    let store = SeaStore::connect(&config).await.unwrap();
    let nobody = MemberId(uuid::Uuid::nil());
    let held = store.export_member(nobody).await.unwrap();
    let told: BTreeSet<String> = held.into_iter().map(|holding| holding.table).collect();
    assert_eq!(told, tables, "give a new table its place in the export, or a reason not to");

    for table in &told {
        fill(&mut schema, table).await;
    }
    for ExportedTable { table, rows } in store.export_member(nobody).await.unwrap() {
        let held = rows.into_iter().flatten().filter(|(_, held)| *held != ExportedValue::Null);
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns = list(&mut schema, columns).await;
        assert_eq!(held.map(|(name, _)| name).collect::<BTreeSet<_>>(), columns, "{table}");
    }
}

/// Adds a row to a table with a value in every column, about the member of the nil id.
async fn fill(schema: &mut SqliteConnection, table: &str) {
    let value = "CASE WHEN type LIKE '%uuid%' THEN 'zeroblob(16)' WHEN type LIKE '%int%' THEN '1' \
                 WHEN type LIKE '%blob%' OR type LIKE '%binary%' THEN 'x''61''' ELSE '''a''' END";
    let values = format!(
        "SELECT 'INSERT INTO {table} VALUES (' || group_concat({value}) || ')' \
         FROM pragma_table_info('{table}')"
    );
    list(schema, "PRAGMA foreign_keys = OFF".to_owned()).await;
    for insert in list(schema, values).await {
        list(schema, insert).await;
    }
}
