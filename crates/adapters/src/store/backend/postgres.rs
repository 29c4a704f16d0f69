//! Opens PostgreSQL.

use std::str::FromStr;

use sea_orm::SqlxPostgresConnector;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{ConnectOptions, Error, Row, raw_sql};

use crate::store::metrics::PoolMeter;
use crate::store::transaction::scheduler::Turns;
use crate::store::{ConnectError, Opened, StoreConfig, pool, was_tried_out};

/// What the server does to a transaction that is forgotten, and to a statement that hangs: their locks
/// would keep others out.
const LIMITS: [(&str, &str); 2] =
    [("idle_in_transaction_session_timeout", "10s"), ("statement_timeout", "10s")];

/// Connects to the server.
pub(crate) async fn open(config: &StoreConfig) -> Result<Opened, ConnectError> {
    let options = PgConnectOptions::from_str(&config.url)?.disable_statement_logging();
    let pool = pool(config.max_connections)
        .before_acquire(|connection, metadata| {
            let tried_out = was_tried_out(&metadata);
            Box::pin(async move { Ok(tried_out || is_outside_any_transaction(connection).await?) })
        })
        .connect_with(options.options(LIMITS))
        .await?;
    let pools = vec![PoolMeter::new("all", &pool)];
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let turns = Turns::apart(config.max_connections as usize);
    Ok(Opened { writer: connection.clone(), reader: connection, turns, pools })
}

/// Whether a connection from the pool answers, and is not inside a transaction somebody left open; if
/// it is, the pool throws it away.
///
/// Outside of any transaction a statement's own begins with it, so that both have the same time. The
/// simple protocol is needed for that: the other one begins it with the preparation.
async fn is_outside_any_transaction(connection: &mut PgConnection) -> Result<bool, Error> {
    let row = raw_sql("SELECT now() = statement_timestamp()").fetch_one(connection).await?;
    row.try_get(0)
}
