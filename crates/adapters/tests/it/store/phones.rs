//! Phone numbers at rest: sealed for one row, recognised by an index, under whatever key comes next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adapters::crypto::sealer::Sealer;
use adapters::store::encryption::rekey::RekeyProgress;
use adapters::store::{SeaStore, StoreConfig};
use adapters::token::key_vault::KeyVault;
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, MemberId};
use domain::model::signing_key::{SigningKey, SigningKeys};
use domain::model::timestamp::Timestamp;
use domain::ports::signing_keys::KeyGenerator;
use domain::ports::store::Store;
use domain::ports::store::error::AddError;
use domain::ports::store::members::MemberReader;
use domain::ports::store::signing_keys::SigningKeyReader;
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};
use tempfile::TempDir;
use testkit::fake::random::FixedRandom;

use super::{sealer, sealing_key};

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static CHANCE: FixedRandom = FixedRandom::seeded(8);

/// A migrated database, opened again and again under other sealing keys.
struct Database {
    url: String,
    folder: TempDir,
}

impl Database {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
        migration::up(&url).await.unwrap();
        Self { url, folder }
    }

    async fn open(&self, sealer: Sealer) -> SeaStore {
        let (url, sealer) = (self.url.clone(), Arc::new(sealer));
        SeaStore::connect(&StoreConfig { url, max_connections: 2, sealer }).await.unwrap()
    }

    /// What the query finds, as text; bytes in hexadecimal.
    async fn rows(&self, query: &str) -> Vec<String> {
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        let rows = connection.fetch_all(AssertSqlSafe(query.to_owned())).await.unwrap();
        let rows = rows.iter().map(|row| row.get(0)).collect();
        connection.close().await.unwrap();
        rows
    }

    /// Puts a member's number back into the clear, as a program before this one kept it.
    async fn unseal(&self, member: &Member) {
        let phone = member.phone.as_ref().unwrap();
        let (e164, country_code) = (phone.e164(), phone.country_code());
        self.rows(&format!(
            "UPDATE member SET phone = CAST('{e164}' AS BLOB), phone_country_code = {country_code}, \
             phone_sealed = NULL, phone_index = NULL WHERE id = x'{:032x}' RETURNING nickname",
            member.id.0.as_u128()
        ))
        .await;
    }

    /// Whether any of the database's files holds this text.
    fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        contents.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

fn member(number: u32) -> Member {
    let nickname = Nickname::parse("Ann").unwrap();
    let phone = PhoneNumber::new(86, &format!("139{number:08}")).unwrap();
    Member::register(MemberId::generate(NOW, &CHANCE), nickname, Some(phone), NOW)
}

fn ids(members: &[Member]) -> Vec<MemberId> {
    members.iter().map(|member| member.id).collect()
}

async fn add(store: &SeaStore, members: &[Member]) -> Result<(), AddError> {
    let unit = store.begin().await?;
    for member in members {
        unit.members().add(member).await?;
    }
    Ok(unit.commit().await?)
}

async fn assert_there(store: &SeaStore, members: &[Member]) {
    for member in members {
        assert_eq!(store.find(member.id).await.unwrap().as_ref(), Some(member));
        let unit = store.begin().await.unwrap();
        assert_eq!(unit.members().find(member.id).await.unwrap().as_ref(), Some(member));
        drop(unit);
        let other = Member { phone: member.phone.clone(), ..self::member(0) };
        assert!(matches!(add(store, &[other]).await, Err(AddError::Taken)), "it is still unique");
    }
}

const KEYS: &str = "SELECT purpose || number FROM data_key ORDER BY 1";

/// Both after a change of the sealing key.
fn second_after_first() -> Sealer {
    sealer(2).also_opening(sealing_key(1))
}

#[tokio::test]
async fn no_digits_of_a_phone_number_are_in_the_database() {
    let database = Database::new().await;
    let store = database.open(sealer(1)).await;
    let (stays, mut changes, goes) = (member(13_572_468), member(24_681_357), member(35_792_468));
    add(&store, &[stays, changes.clone(), goes.clone()]).await.unwrap();
    let unit = store.begin().await.unwrap();
    changes.phone = member(98_765_432).phone;
    unit.members().update(&changes).await.unwrap();
    unit.members().remove(&goes).await.unwrap();
    unit.commit().await.unwrap();
    let mut looked_at = 0;
    for closed in [false, true] {
        for digits in ["13572468", "24681357", "35792468", "98765432"] {
            assert!(!database.holds(digits), "{digits}");
            looked_at += 1;
        }
        assert!(database.holds("Ann"), "the search finds what is there");
        if !closed {
            store.close().await.unwrap();
        }
    }
    assert_eq!(looked_at, 8);
}

#[tokio::test]
async fn numbers_that_were_in_clear_are_sealed_without_a_trace_and_stay_unique() {
    let database = Database::new().await;
    let store = database.open(sealer(1)).await;
    let members: Vec<Member> = (10_000_001..10_000_700).map(member).collect();
    add(&store, &members).await.unwrap();
    for member in &members {
        database.unseal(member).await;
    }
    assert_eq!(store.find(members[5].id).await.unwrap().as_ref(), Some(&members[5]), "in clear");
    assert!(database.holds("10000006"));
    assert_eq!(store.seal_plaintext_phones(&|_| ()).await.unwrap(), 699);
    for number in 10_000_001..10_000_700 {
        assert!(!database.holds(&number.to_string()), "{number}");
    }
    assert_there(&store, &members[..20]).await;
    assert_eq!(store.seal_plaintext_phones(&|_| ()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_sealed_number_opens_for_its_member_only() {
    let database = Database::new().await;
    let store = database.open(sealer(1)).await;
    let (one, other) = (member(1), member(2));
    add(&store, &[one.clone(), other.clone()]).await.unwrap();
    let id = |member: &Member| format!("x'{:032x}'", member.id.0.as_u128());
    let copied = format!(
        "UPDATE member SET phone_sealed = (SELECT phone_sealed FROM member WHERE id = {}) \
         WHERE id = {} RETURNING nickname",
        id(&one),
        id(&other)
    );
    assert_eq!(database.rows(&copied).await.len(), 1);
    let error = store.find(other.id).await.unwrap_err();
    let told = format!("{error:?}");
    assert!(told.contains("phone_sealed") && told.contains("Damaged"), "{told}");
    assert_eq!(store.find(one.id).await.unwrap(), Some(one));
}

#[tokio::test]
async fn a_changed_sealing_key_changes_neither_indexes_nor_numbers() {
    let database = Database::new().await;
    let before = database.open(sealer(1)).await;
    let mut members = vec![member(1), member(2)];
    add(&before, &members).await.unwrap();
    // Both serve during a rolling restart.
    let after = database.open(second_after_first()).await;
    members.push(member(3));
    add(&after, &members[2..]).await.unwrap();
    for store in [&before, &after] {
        assert_there(store, &members).await;
    }
    assert_eq!(database.rows(KEYS).await, ["index1", "seal1"]);
}

#[tokio::test]
async fn rekeying_brings_all_that_lasts_under_the_new_key() {
    let database = Database::new().await;
    let before = database.open(sealer(1)).await;
    let members: Vec<Member> = (1..1200).map(member).collect();
    add(&before, &members).await.unwrap();
    let sealed = "SELECT hex(phone_sealed) FROM member";
    let index = "SELECT hex(phone_index) FROM member ORDER BY id";
    let (old_seals, indexes) = (database.rows(sealed).await, database.rows(index).await);
    assert_eq!(before.rekey(&|_| ()).await.unwrap(), RekeyProgress::default(), "nothing is due");

    let after = database.open(second_after_first()).await;
    assert_there(&after, &members[..2]).await;
    let done = after.rekey(&|_| ()).await.unwrap();
    assert_eq!(done, RekeyProgress { new_data_keys: 1, keys: 2, phones: 1199 });
    assert_eq!(after.rekey(&|_| ()).await.unwrap(), RekeyProgress::default());
    assert_eq!(database.rows(KEYS).await, ["index1", "seal1", "seal2"]);
    assert_eq!(database.rows(index).await, indexes, "who is found stays found");
    let seals = database.rows(sealed).await;
    assert!(seals.iter().all(|seal| !old_seals.contains(seal)), "every number has a new seal");
    assert!(seals.iter().all(|seal| seal[..8] == seals[0][..8]), "of one data key");

    let alone = database.open(sealer(2)).await;
    assert_there(&alone, &members[..20]).await;
    assert_there(&after, &members[..2]).await;
}

#[tokio::test]
async fn signing_keys_are_sealed_anew() {
    let database = Database::new().await;
    let before = database.open(sealer(1)).await;
    let made = KeyVault::new(Arc::new(sealer(1))).generate().unwrap();
    let active_from = Some(Timestamp::from_unix_millis(0));
    let (id, sealed) = (made.id, made.sealed);
    let key = SigningKey { number: 1, id, sealed, created_at: NOW, active_from };
    let unit = before.begin().await.unwrap();
    unit.signing_keys().add(&key).await.unwrap();
    unit.commit().await.unwrap();

    let after = database.open(second_after_first()).await;
    assert_eq!(after.rekey(&|_| ()).await.unwrap().keys, 1);
    let keys = after.signing_keys().await.unwrap();
    let alone = KeyVault::new(Arc::new(sealer(2)));
    assert!(alone.ring(&SigningKeys(vec![key]), NOW).is_err());
    assert!(alone.ring(&SigningKeys(keys), NOW).is_ok());
}

#[tokio::test]
async fn what_was_interrupted_is_gone_on_with() {
    let database = Database::new().await;
    let members: Vec<Member> = (1..1200).map(member).collect();
    add(&database.open(sealer(1)).await, &members).await.unwrap();
    let after = Arc::new(database.open(second_after_first()).await);
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let rekeying = after.clone();
    let rekeying = tokio::spawn(async move {
        let some = |done: RekeyProgress| {
            if done.phones > 0
                && let Some(tell) = tell.lock().unwrap().take()
            {
                tell.send(()).unwrap();
            }
        };
        rekeying.rekey(&some).await
    });
    told.await.unwrap();
    rekeying.abort();
    assert!(rekeying.await.unwrap_err().is_cancelled());
    let rest = after.rekey(&|_| ()).await.unwrap();
    assert!((1..1199).contains(&rest.phones), "{rest:?}");
    assert_eq!((rest.new_data_keys, rest.keys), (0, 0));
    assert_there(&database.open(sealer(2)).await, &members[..20]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rekeying_loses_no_change_and_fails_no_read() {
    let database = Database::new().await;
    let serving = Arc::new(database.open(second_after_first()).await);
    let mut members: Vec<Member> = (1..600).map(member).collect();
    add(&database.open(sealer(1)).await, &members).await.unwrap();
    let on = Arc::new(AtomicBool::new(true));
    // One instance only reads, and so hears of the new key by meeting it.
    let reading = tokio::spawn({
        let (store, on, ids) =
            (database.open(second_after_first()).await, on.clone(), ids(&members));
        async move {
            let mut reads = 0;
            while on.load(Ordering::Relaxed) || reads < 50 {
                let read = store.find(ids[(reads * 89) % 599]).await.unwrap();
                assert!(read.unwrap().phone.is_some());
                reads += 1;
            }
        }
    });
    let changing = tokio::spawn({
        let (serving, on) = (serving.clone(), on.clone());
        async move {
            let mut changes = 0;
            while on.load(Ordering::Relaxed) || changes < 50 {
                let member = &mut members[(changes * 97) % 599];
                member.phone = self::member(1_000_000 + u32::try_from(changes).unwrap()).phone;
                let unit = serving.begin().await.unwrap();
                unit.members().update(member).await.unwrap();
                unit.commit().await.unwrap();
                member.version += 1;
                let read = serving.find(member.id).await.unwrap();
                assert_eq!(read.as_ref(), Some(&*member));
                changes += 1;
            }
            members
        }
    });
    // Another process.
    let rekeying = database.open(second_after_first()).await;
    let done = rekeying.rekey(&|_| ()).await.unwrap();
    on.store(false, Ordering::Relaxed);
    reading.await.unwrap();
    let members = changing.await.unwrap();
    assert!(done.phones > 0);
    let alone = database.open(sealer(2)).await;
    assert_eq!(alone.rekey(&|_| ()).await.unwrap(), RekeyProgress::default(), "nothing was left out");
    for member in &members {
        assert_eq!(alone.find(member.id).await.unwrap().as_ref(), Some(member));
    }
}

#[tokio::test]
async fn without_the_key_before_nothing_is_touched() {
    let database = Database::new().await;
    add(&database.open(sealer(1)).await, &[member(1)]).await.unwrap();
    let stranger = database.open(sealer(2)).await;
    let told = format!("{:?}", stranger.rekey(&|_| ()).await.unwrap_err());
    assert!(told.contains("UnknownKey"), "{told}");
    assert!(stranger.seal_plaintext_phones(&|_| ()).await.is_err(), "it does not start");
    assert!(add(&stranger, &[member(2)]).await.is_err());
    assert_eq!(database.rows(KEYS).await, ["index1", "seal1"]);
    assert_there(&database.open(sealer(1)).await, &[]).await;
}
