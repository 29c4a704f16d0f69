//! Rows for any table of any schema version, and a writer that writes the rows of logins.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use testkit::databases::{FreshDatabase, Kind};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Tables to which a login writes, in this order.
const LOGIN_TABLES: [&str; 4] = ["member", "identity", "session", "audit_event"];

/// Tables with one row.
const SINGLE_ROW_TABLES: [&str; 2] = ["heartbeat", "session_epoch"];

/// Maximum duration of a login before the test fails without waiting any longer.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

const WRITERS: usize = 3;

/// Maximum number of attempts of a login, as in the service.
const MAX_ATTEMPTS: u32 = 5;

/// Tables, columns and types, and true for a column without a default. Partitions are left out.
const POSTGRESQL: &str = "
    SELECT concat_ws(' ', table_name, column_name, udt_name,
        is_nullable = 'NO' AND column_default IS NULL)
    FROM information_schema.columns JOIN pg_class ON oid = quote_ident(table_name)::regclass
    WHERE table_schema = 'public' AND table_name <> 'seaql_migrations' AND NOT relispartition
        AND relkind IN ('r', 'p')";

const MARIADB: &str = "
    SELECT concat_ws(' ', table_name, column_name, data_type,
        IF(is_nullable = 'NO' AND column_default IS NULL, 't', 'f'))
    FROM information_schema.columns
    WHERE table_schema = database() AND table_name <> 'seaql_migrations'";

/// Column of a table.
#[derive(Clone)]
pub(crate) struct Column {
    name: String,
    /// Name of the type in PostgreSQL or MariaDB.
    type_name: String,
    /// True if a row needs a value.
    is_required: bool,
}

/// Columns of each table.
pub(crate) type Columns = BTreeMap<String, Vec<Column>>;

/// Reads the columns of all tables.
pub(crate) async fn columns(database: &FreshDatabase) -> Columns {
    let query = if database.kind() == Kind::Postgresql { POSTGRESQL } else { MARIADB };
    let mut tables = Columns::new();
    for column in database.query_all::<String>(query).await {
        let [table, name, type_name, is_required] =
            column.split(' ').collect::<Vec<_>>().try_into().unwrap();
        tables.entry(table.to_owned()).or_default().push(Column {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            is_required: is_required == "t",
        });
    }
    tables
}

/// Fills all tables that have no rows: those of a login with `rows` rows, others with a tenth or with
/// their only row.
pub(crate) async fn fill(database: &FreshDatabase, rows: u64) {
    let without_foreign_keys = match database.kind() {
        Kind::Postgresql => "SET session_replication_role = replica",
        Kind::Sqlite | Kind::Mariadb => "SET foreign_key_checks = 0",
    };
    for (table, columns) in columns(database).await {
        let count: i64 = database.query(&format!("SELECT count(*) FROM {table}")).await;
        if count == 0 {
            let last = match table.as_str() {
                login if LOGIN_TABLES.contains(&login) => rows,
                single if SINGLE_ROW_TABLES.contains(&single) => 1,
                _ => rows / 10,
            };
            let insert = insert(database.kind(), &table, &columns, &(1..=last));
            database.execute(&format!("{without_foreign_keys}; {insert}")).await;
        }
    }
}

/// Returns a statement that inserts numbered rows. The values of a row depend on its number, so that
/// the rows of equal numbers in different tables refer to each other.
fn insert(kind: Kind, table: &str, columns: &[Column], numbers: &RangeInclusive<u64>) -> String {
    let quote = if kind == Kind::Postgresql { '"' } else { '`' };
    let names = columns.iter().map(|column| format!("{quote}{}{quote}", column.name));
    let names = names.collect::<Vec<_>>().join(", ");
    let values = columns.iter().map(|column| value(&column.type_name));
    let values = values.collect::<Vec<_>>().join(", ");
    let first = numbers.start();
    let last = numbers.end();
    let numbers = match kind {
        Kind::Postgresql => format!("generate_series({first}, {last}) AS n"),
        Kind::Sqlite | Kind::Mariadb => {
            format!("(SELECT seq AS n FROM seq_{first}_to_{last}) AS numbers")
        }
    };
    format!("INSERT INTO {table} ({names}) SELECT {values} FROM {numbers}")
}

/// Returns the value of a column in row `n`, by the type's name in PostgreSQL or MariaDB.
fn value(type_name: &str) -> &'static str {
    match type_name {
        "uuid" => "md5(n::text)::uuid",
        "binary" => "UNHEX(MD5(n))",
        "int8" => "(extract(epoch FROM now()) * 1000)::bigint + n",
        "bigint" => "UNIX_TIMESTAMP() * 1000 + n",
        "int2" | "int4" | "int" | "smallint" => "n % 100",
        "bool" | "tinyint" => "false",
        "varchar" | "varbinary" | "text" => "CAST(n AS CHAR(16))",
        "bytea" => "n::text::bytea",
        other => panic!("no value for columns of type {other}"),
    }
}

/// Concurrent logins, one after the other in each of several tasks.
pub(crate) struct Writer {
    tasks: JoinSet<Duration>,
    is_stopped: Arc<AtomicBool>,
    logins: Arc<AtomicU64>,
}

impl Writer {
    /// Starts to write the columns that a row of this schema version needs, as instances of the
    /// previous version do. The numbers of the rows begin after `first`.
    pub(crate) async fn start(database: &FreshDatabase, first: u64) -> Self {
        let columns = Arc::new(columns(database).await);
        let mut tasks = JoinSet::new();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let logins = Arc::new(AtomicU64::new(first));
        for _ in 0..WRITERS {
            let connection = database.connect().await;
            let columns = Arc::clone(&columns);
            let is_stopped = Arc::clone(&is_stopped);
            let logins = Arc::clone(&logins);
            let kind = database.kind();
            tasks.spawn(async move {
                let mut slowest = Duration::ZERO;
                while !is_stopped.load(Ordering::SeqCst) {
                    let number = logins.fetch_add(1, Ordering::SeqCst) + 1;
                    let started = Instant::now();
                    let statements = login(kind, &columns, number);
                    let login = execute_with_retries(&connection, &statements);
                    timeout(LOGIN_TIMEOUT, login).await.unwrap().unwrap();
                    slowest = slowest.max(started.elapsed());
                }
                slowest
            });
        }
        Self { tasks, is_stopped, logins }
    }

    /// Ends the logins. Returns the duration of the slowest one, and the number of the last row. Fails
    /// if a login has failed.
    pub(crate) async fn stop(self) -> (Duration, u64) {
        self.is_stopped.store(true, Ordering::SeqCst);
        let slowest = self.tasks.join_all().await.into_iter().max().unwrap();
        (slowest, self.logins.load(Ordering::SeqCst))
    }
}

/// Executes a transaction. After a deadlock, which rolls it back, it is repeated as the service does.
async fn execute_with_retries(
    connection: &DatabaseConnection,
    statements: &[String],
) -> Result<(), DbErr> {
    let mut attempt = 1;
    loop {
        let outcome = execute_all(connection, statements).await;
        let is_deadlock =
            outcome.as_ref().is_err_and(|error| error.to_string().contains("Deadlock found"));
        if !is_deadlock || attempt == MAX_ATTEMPTS {
            return outcome;
        }
        attempt += 1;
    }
}

async fn execute_all(connection: &DatabaseConnection, statements: &[String]) -> Result<(), DbErr> {
    for statement in statements {
        connection.execute_unprepared(statement).await?;
    }
    Ok(())
}

/// Returns the statements of one login: a transaction.
fn login(kind: Kind, columns: &Columns, number: u64) -> Vec<String> {
    let mut statements = vec!["BEGIN".to_owned()];
    for table in LOGIN_TABLES {
        let mut required = columns[table].clone();
        required.retain(|column| column.is_required);
        statements.push(insert(kind, table, &required, &(number..=number)));
    }
    statements.push("COMMIT".to_owned());
    statements
}
