//! The floor's one statement a request, over one table that is all it knows.

use anyhow::Result;
use sea_orm::sqlx::{Row, query};
use uuid::Uuid;

use crate::database::Database;

/// Makes the table, unless it is there.
pub(crate) async fn prepare(database: &Database) -> Result<()> {
    let types = match database {
        Database::Sqlite(_) => "openid BLOB PRIMARY KEY, id BLOB NOT NULL UNIQUE",
        Database::Postgres(_) => "openid BYTEA PRIMARY KEY, id UUID NOT NULL UNIQUE",
        Database::MySql(_) => "openid VARBINARY(128) PRIMARY KEY, id BINARY(16) NOT NULL UNIQUE",
    };
    let table = "CREATE TABLE IF NOT EXISTS floor_member";
    database.execute(&format!("{table} ({types}, generation BIGINT NOT NULL)")).await
}

/// Whoever has this openid from now on: the member there is, or a new one.
pub(super) async fn upsert(database: &Database, openid: &str) -> Result<Uuid> {
    const STANDARD: &str = "INSERT INTO floor_member (openid, id, generation) VALUES ($1, $2, 0) \
                            ON CONFLICT (openid) DO UPDATE SET generation = \
                            floor_member.generation + 1 RETURNING id";
    const MYSQL: &str = "INSERT INTO floor_member (openid, id, generation) VALUES (?, ?, 0) \
                         ON DUPLICATE KEY UPDATE generation = generation + 1 RETURNING id";
    let (openid, id) = (openid.as_bytes(), Uuid::new_v4());
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

/// Counts a refresh; tells whether there is such a member.
pub(super) async fn advance(database: &Database, id: Uuid) -> Result<bool> {
    const STANDARD: &str = "UPDATE floor_member SET generation = generation + 1 WHERE id = $1";
    const MYSQL: &str = "UPDATE floor_member SET generation = generation + 1 WHERE id = ?";
    let changed = match database {
        Database::Sqlite(pool) => query(STANDARD).bind(id).execute(pool).await?.rows_affected(),
        Database::Postgres(pool) => query(STANDARD).bind(id).execute(pool).await?.rows_affected(),
        Database::MySql(pool) => query(MYSQL).bind(id).execute(pool).await?.rows_affected(),
    };
    Ok(changed == 1)
}
