//! The only statement of each request of the baseline, on its only table.

use anyhow::Result;
use sea_orm::sqlx::{Row, query};
use uuid::Uuid;

use crate::database::Database;

/// Creates the table unless it exists.
pub(crate) async fn prepare(database: &Database) -> Result<()> {
    let columns = match database {
        Database::Sqlite(_) => "openid BLOB PRIMARY KEY, id BLOB NOT NULL UNIQUE",
        Database::Postgres(_) => "openid BYTEA PRIMARY KEY, id UUID NOT NULL UNIQUE",
        Database::MySql(_) => "openid VARBINARY(128) PRIMARY KEY, id BINARY(16) NOT NULL UNIQUE",
    };
    let table = "CREATE TABLE IF NOT EXISTS baseline_member";
    database.execute(&format!("{table} ({columns}, generation BIGINT NOT NULL)")).await
}

/// Inserts a member with this openid unless one exists; returns the member's id.
pub(super) async fn upsert(database: &Database, openid: &str) -> Result<Uuid> {
    const STANDARD: &str = "INSERT INTO baseline_member (openid, id, generation) \
                            VALUES ($1, $2, 0) ON CONFLICT (openid) DO UPDATE \
                            SET generation = baseline_member.generation + 1 RETURNING id";
    const MYSQL: &str = "INSERT INTO baseline_member (openid, id, generation) VALUES (?, ?, 0) \
                         ON DUPLICATE KEY UPDATE generation = generation + 1 RETURNING id";
    let openid = openid.as_bytes();
    let id = Uuid::new_v4();
    Ok(match database {
        Database::Sqlite(pool) => {
            query(STANDARD).bind(openid).bind(id).fetch_one(pool).await?.try_get(0)?
        }
        Database::Postgres(pool) => {
            query(STANDARD).bind(openid).bind(id).fetch_one(pool).await?.try_get(0)?
        }
        Database::MySql(pool) => {
            query(MYSQL).bind(openid).bind(id).fetch_one(pool).await?.try_get(0)?
        }
    })
}

/// Increments the member's refresh generation; returns false if the member does not exist.
pub(super) async fn advance(database: &Database, id: Uuid) -> Result<bool> {
    const STANDARD: &str = "UPDATE baseline_member SET generation = generation + 1 WHERE id = $1";
    const MYSQL: &str = "UPDATE baseline_member SET generation = generation + 1 WHERE id = ?";
    let changed = match database {
        Database::Sqlite(pool) => query(STANDARD).bind(id).execute(pool).await?.rows_affected(),
        Database::Postgres(pool) => query(STANDARD).bind(id).execute(pool).await?.rows_affected(),
        Database::MySql(pool) => query(MYSQL).bind(id).execute(pool).await?.rows_affected(),
    };
    Ok(changed == 1)
}
