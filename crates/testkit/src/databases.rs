//! Empty databases of every supported kind, one for each test.

use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement, TryGetable,
};
use tempfile::TempDir;

/// Kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, in a file.
    Sqlite,
    /// PostgreSQL, on the server given by `MENSHEN_TEST_POSTGRESQL`.
    Postgresql,
    /// MariaDB, on the server given by `MENSHEN_TEST_MARIADB`.
    Mariadb,
}

/// Empty database of one test; it is deleted on drop.
pub struct FreshDatabase {
    kind: Kind,
    url: String,
    folder: TempDir,
    /// URL of the server, and the name of the database on it.
    server: Option<(String, String)>,
}

/// Number of databases that this process has created.
static CREATED: AtomicU32 = AtomicU32::new(0);

/// Generates a test of each case for every kind of database. A case is an `async fn` that takes a
/// [`FreshDatabase`]. The calling crate needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! on_every_database {
    ($($case:ident)*) => {
        $crate::on_every_database! { @on_sqlite Sqlite $($case)* }
        $crate::on_every_server! { $($case)* }
    };
    (@$module:ident $kind:ident $($case:ident)*) => {
        mod $module {
            use $crate::databases::{FreshDatabase, Kind};

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(FreshDatabase::new(Kind::$kind).await).await;
                }
            )*
        }
    };
}

/// Like [`on_every_database!`], for databases with concurrent writers only.
#[macro_export]
macro_rules! on_every_server {
    ($($case:ident)*) => {
        $crate::on_every_database! { @on_postgresql Postgresql $($case)* }
        $crate::on_every_database! { @on_mariadb Mariadb $($case)* }
    };
}

impl FreshDatabase {
    /// Creates a database. Its server must be running: `cargo xtask test` starts the servers.
    pub async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = match kind {
            Kind::Sqlite => {
                let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
                return Self { kind, url, folder, server: None };
            }
            Kind::Postgresql => "MENSHEN_TEST_POSTGRESQL",
            Kind::Mariadb => "MENSHEN_TEST_MARIADB",
        };
        let server = std::env::var(server).unwrap_or_else(|_| {
            panic!("{server} is not set: run this test with `cargo xtask test -- NAME`")
        });
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", process::id());
        let url = match kind {
            Kind::Sqlite | Kind::Mariadb => format!("{server}/{name}"),
            // A PostgreSQL connection always has a database.
            Kind::Postgresql => format!("{}/{name}", server.trim_end_matches("/postgres")),
        };
        execute(&server, &format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        execute(&server, &format!("CREATE DATABASE {name}")).await.unwrap();
        Self { kind, url, folder, server: Some((server, name)) }
    }

    /// Returns the kind of the database.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the URL of the database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the folder that is deleted with the database; it contains the file of SQLite.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens a direct connection.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await.unwrap()
    }

    /// Executes statements.
    pub async fn execute(&self, sql: &str) {
        execute(&self.url, sql).await.unwrap();
    }

    /// Returns the only value of a query.
    pub async fn query<T: TryGetable>(&self, sql: &str) -> T {
        let mut values = self.query_all(sql).await;
        assert_eq!(values.len(), 1, "{sql}");
        values.remove(0)
    }

    /// Returns the first value of each row of a query.
    pub async fn query_all<T: TryGetable>(&self, sql: &str) -> Vec<T> {
        query_all(&self.url, sql).await.unwrap()
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        let Some((url, name)) = &self.server else { return };
        let drop = match self.kind {
            Kind::Sqlite | Kind::Postgresql => format!("DROP DATABASE {name} WITH (FORCE)"),
            // DROP waits for open transactions, and a test may have left one.
            Kind::Mariadb => format!("SET lock_wait_timeout = 2; DROP DATABASE {name}"),
        };
        let url = url.clone();
        // `Drop` cannot block on the caller's runtime. A failure leaves a database on the temporary
        // server, which is deleted as a whole.
        let _ = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async { execute(&url, &drop).await })
        })
        .join();
    }
}

/// Opens a connection without the maintenance task of the sqlx pool, which can loop forever.
async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).max_connections(1).idle_timeout(None).max_lifetime(None);
    Database::connect(options).await
}

/// Executes statements in the database of this URL.
pub async fn execute(url: &str, sql: &str) -> Result<(), DbErr> {
    let connection = connect(url).await?;
    connection.execute_unprepared(sql).await?;
    connection.close().await
}

/// Returns the first value of each row of a query in the database of this URL.
pub async fn query_all<T: TryGetable>(url: &str, sql: &str) -> Result<Vec<T>, DbErr> {
    let connection = connect(url).await?;
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await?;
    let values = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    connection.close().await?;
    Ok(values)
}
