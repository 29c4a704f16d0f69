//! Requests that are aborted, wherever they are, leave no connection inside a transaction.

use std::time::{Duration, Instant};

use domain::model::fingerprint::Fingerprint;
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
    soak_aborted_requests_leave_no_connection_in_a_transaction
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

const CONNECTIONS: u32 = 10;

static CHANCE: FixedRandom = FixedRandom::seeded(4);

/// Finds somebody or makes them, as a login does.
async fn request(store: &dyn Store, nth: usize) -> Result<(), StoreError> {
    let value = format!("o{nth}");
    let subject = Subject { namespace: "n".into(), kind: SubjectKind::OpenId, value };
    let work = store.begin().await?;
    if work.identities().find_by_subject(&subject).await?.is_none() {
        let nickname = Nickname::parse("Ann").unwrap();
        let member = Member::register(MemberId::generate(NOW, &CHANCE), nickname, None, NOW);
        work.members().add(&member).await?;
        work.identities().add(member.id, &subject, NOW).await?;
    }
    work.commit().await
}

/// Takes every connection there may be at once, and gives them back.
async fn take_all(store: &dyn Store) {
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        all.push(store.begin().await.unwrap());
    }
    for work in all {
        work.commit().await.unwrap();
    }
}

/// Which connections the server has to this database, other than the one that asks.
async fn connections(database: &FreshDatabase) -> Vec<String> {
    let ask = match database.kind() {
        Kind::Sqlite => unreachable!("a file has no server"),
        Kind::Postgresql => {
            "SELECT pid::text FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY 1"
        }
        Kind::Mariadb => {
            "SELECT CAST(id AS CHAR) FROM information_schema.processlist
             WHERE db = database() AND id <> connection_id() ORDER BY 1"
        }
    };
    database.query_all(ask).await
}

/// How many of them are inside a transaction.
async fn in_a_transaction(database: &FreshDatabase) -> i64 {
    let ask = match database.kind() {
        Kind::Sqlite => unreachable!("a file has no server"),
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
    database.query(ask).await
}

async fn soak_aborted_requests_leave_no_connection_in_a_transaction(database: FreshDatabase) {
    let (store, requests, begun) =
        (open(&database, CONNECTIONS).await, iterations(500, 10_000), Instant::now());
    take_all(&*store).await;
    let before = connections(&database).await;
    assert_eq!(before.len(), CONNECTIONS as usize);
    let mut aborted = 0;
    for batch in 0..requests / 50 {
        let mut running = JoinSet::new();
        for nth in 0..50 {
            let store = store.clone();
            let mut drawn = [0; 1];
            CHANCE.fill(&mut drawn);
            // From a microsecond to half a second, each order of magnitude as often.
            let patience = Duration::from_micros(1 << (drawn[0] % 20));
            running.spawn(async move {
                let request = tokio::spawn(async move { request(&*store, batch * 50 + nth).await });
                tokio::time::sleep(patience).await;
                request.abort();
                request.await.is_err_and(|error| error.is_cancelled())
            });
        }
        aborted += running.join_all().await.into_iter().filter(|aborted| *aborted).count();
    }
    assert!((requests / 10..requests).contains(&aborted), "{aborted} of {requests}");
    take_all(&*store).await;
    assert_eq!(in_a_transaction(&database).await, 0);
    // One that was found inside a transaction would have been thrown away.
    assert_eq!(connections(&database).await, before);
    println!(
        "{:?}: {aborted} of {requests} requests aborted, over {CONNECTIONS} connections: none was left inside a transaction, {:.1?}",
        database.kind(),
        begun.elapsed()
    );

    // The same look finds one that is left.
    let work = store.begin().await.unwrap();
    work.tombstones().add(&[Fingerprint([1; 32])], NOW).await.unwrap();
    // MariaDB tells what it told before, until nobody has asked for a tenth of a second.
    let found = async {
        while in_a_transaction(&database).await != 1 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.unwrap();
}
