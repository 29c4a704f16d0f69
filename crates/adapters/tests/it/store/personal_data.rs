//! Export of a member's personal data, compared with the migrated schema.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapters::store::{SeaStore, StoreConfig};
use domain::model::member::MemberId;
use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::ports::store::members::PersonalDataReader;
use sea_orm::sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::{QUEUE_TIMEOUT, sealer};

/// Tables that are not part of a member's export, with the reason.
const EXEMPT: [(&str, &str); 12] = [
    ("admin", "administrators are no members"),
    ("admin_session", "belongs to administrators"),
    ("app", "is shared by all members"),
    ("data_key", "is shared by all members and sealed"),
    ("heartbeat", "holds a counter"),
    ("seaql_migrations", "describes the schema"),
    ("seen_push", "holds fingerprints of messages for an hour"),
    ("session_epoch", "is shared by all members"),
    ("session_key", "holds WeChat's sealed keys of identities, which are exported"),
    ("signing_key", "signs access tokens"),
    ("tombstone", "holds fingerprints of former members"),
    ("withdrawal", "is processed and deleted within seconds"),
];

/// Values in the first column of a query result.
async fn list(connection: &mut SqliteConnection, query: String) -> BTreeSet<String> {
    let rows = sea_orm::sqlx::raw_sql(AssertSqlSafe(query)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn export_contains_every_table_and_column_about_members() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let mut schema = SqliteConnection::connect(&url).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'".to_owned();
    let mut tables = list(&mut schema, tables).await;
    for (table, _reason) in EXEMPT {
        assert!(tables.remove(table), "there is no table {table} to exempt");
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        assert!(!list(&mut schema, columns).await.contains("member_id"), "{table} names members");
    }

    let config = StoreConfig {
        url,
        max_connections: 2,
        queue_timeout: QUEUE_TIMEOUT,
        sealer: Arc::new(sealer(1)),
    };
    let store = SeaStore::connect(&config).await.unwrap();
    let member = MemberId(uuid::Uuid::nil());
    let exported = store.export_member(member).await.unwrap();
    let exported: BTreeSet<String> = exported.into_iter().map(|table| table.table).collect();
    assert_eq!(exported, tables, "add a new table to the export, or to EXEMPT with a reason");

    for table in &exported {
        fill(&mut schema, table).await;
    }
    for ExportedTable { table, rows } in store.export_member(member).await.unwrap() {
        let values = rows.into_iter().flatten();
        let values = values.filter(|(_, value)| *value != ExportedValue::Null);
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns = list(&mut schema, columns).await;
        assert_eq!(values.map(|(name, _)| name).collect::<BTreeSet<_>>(), columns, "{table}");
    }
}

/// Inserts a row with a value in every column, which names the member with the nil id.
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
