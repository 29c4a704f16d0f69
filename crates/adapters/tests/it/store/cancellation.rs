//! Cancelled requests leave no connection inside a transaction.

use std::time::{Duration, Instant};

use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::nickname::Nickname;
use domain::model::member::{Member, MemberId};
use domain::model::random::Random;
use domain::model::timestamp::Timestamp;
use domain::ports::store::Store;
use domain::ports::store::error::StoreError;
use testkit::databases::{FreshDatabase, Kind};
use testkit::fake::random::FixedRandom;
use testkit::iterations::iterations;
use tokio::task::JoinSet;

use super::open;

testkit::on_every_server! {
    soak_cancelled_requests_leave_no_open_transaction
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

const CONNECTIONS: u32 = 10;

static RANDOM: FixedRandom = FixedRandom::seeded(4);

/// Finds or creates a member, as a login does.
async fn request(store: &dyn Store, index: usize) -> Result<(), StoreError> {
    let value = format!("o{index}");
    let subject = Subject { namespace: "n".into(), kind: SubjectKind::OpenId, value };
    let unit = store.begin().await?;
    if unit.identities().find_by_subject(&subject).await?.is_none() {
        let nickname = Nickname::parse("Ann").unwrap();
        let member = Member::register(MemberId::generate(NOW, &RANDOM), nickname, None, NOW);
        unit.members().add(&member).await?;
        unit.identities().add(member.id, &subject, NOW).await?;
    }
    unit.commit().await
}

/// Uses all connections at once, and returns them to the pool.
async fn use_all_connections(store: &dyn Store) {
    let mut units = Vec::new();
    for _ in 0..CONNECTIONS {
        units.push(store.begin().await.unwrap());
    }
    for unit in units {
        unit.commit().await.unwrap();
    }
}

/// Ids of the server's connections to this database, without the connection of the query.
async fn connections(database: &FreshDatabase) -> Vec<String> {
    let query = match database.kind() {
        Kind::Sqlite => unreachable!("SQLite has no server"),
        Kind::Postgresql => {
            "SELECT pid::text FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY 1"
        }
        Kind::Mariadb => {
            "SELECT CAST(id AS CHAR) FROM information_schema.processlist
             WHERE db = database() AND id <> connection_id() ORDER BY 1"
        }
    };
    database.query_all(query).await
}

/// Number of connections that are inside a transaction.
async fn open_transactions(database: &FreshDatabase) -> i64 {
    let query = match database.kind() {
        Kind::Sqlite => unreachable!("SQLite has no server"),
        Kind::Postgresql => {
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        }
        Kind::Mariadb => {
            "SELECT COUNT(*) FROM information_schema.innodb_trx
             JOIN information_schema.processlist ON id = trx_mysql_thread_id
             WHERE db = database() AND command = 'Sleep'"
        }
    };
    database.query(query).await
}

async fn soak_cancelled_requests_leave_no_open_transaction(database: FreshDatabase) {
    let store = open(&database, CONNECTIONS).await;
    let requests = iterations(500, 10_000);
    let started = Instant::now();
    use_all_connections(&*store).await;
    let before = connections(&database).await;
    assert_eq!(before.len(), CONNECTIONS as usize);
    let mut cancelled = 0;
    for batch in 0..requests / 50 {
        let mut running = JoinSet::new();
        for index in 0..50 {
            let store = store.clone();
            let mut random = [0; 1];
            RANDOM.fill(&mut random);
            // From a microsecond to half a second, with each order of magnitude equally often.
            let delay = Duration::from_micros(1 << (random[0] % 20));
            running.spawn(async move {
                let index = batch * 50 + index;
                let request = tokio::spawn(async move { request(&*store, index).await });
                tokio::time::sleep(delay).await;
                request.abort();
                request.await.is_err_and(|error| error.is_cancelled())
            });
        }
        let outcomes = running.join_all().await;
        cancelled += outcomes.into_iter().filter(|is_cancelled| *is_cancelled).count();
    }
    assert!((requests / 10..requests).contains(&cancelled), "{cancelled} of {requests}");
    use_all_connections(&*store).await;
    assert_eq!(open_transactions(&database).await, 0);
    // The pool closes a connection that it finds inside a transaction.
    assert_eq!(connections(&database).await, before);
    println!(
        "{:?}: {cancelled} of {requests} requests cancelled, over {CONNECTIONS} connections: no open \
         transaction was left, {:.1?}",
        database.kind(),
        started.elapsed()
    );

    // The same query finds a transaction that is left open.
    let unit = store.begin().await.unwrap();
    let subject =
        Subject { namespace: "wx1".into(), kind: SubjectKind::OpenId, value: "o1".into() };
    unit.tombstones().add(&[subject], NOW).await.unwrap();
    // MariaDB caches the result of the query until a tenth of a second has passed without one.
    let found = async {
        while open_transactions(&database).await != 1 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.unwrap();
}
