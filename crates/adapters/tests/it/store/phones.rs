//! Encryption at rest of phone numbers on SQLite: blind index, rekeying.

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

use super::{QUEUE_TIMEOUT, sealer, sealing_key};

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static RANDOM: FixedRandom = FixedRandom::seeded(8);

/// Migrated database that can be opened with different sealing keys.
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
        let url = self.url.clone();
        let sealer = Arc::new(sealer);
        SeaStore::connect(&StoreConfig {
            url,
            max_connections: 2,
            queue_timeout: QUEUE_TIMEOUT,
            sealer,
        })
        .await
        .unwrap()
    }

    /// Values in the first column of a query result.
    async fn rows(&self, query: &str) -> Vec<String> {
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        let rows = connection.fetch_all(AssertSqlSafe(query.to_owned())).await.unwrap();
        let rows = rows.iter().map(|row| row.get(0)).collect();
        connection.close().await.unwrap();
        rows
    }

    /// Stores a member's number in plaintext, as an earlier version of the service did.
    async fn store_plaintext(&self, member: &Member) {
        let phone = member.phone.as_ref().unwrap();
        let e164 = phone.e164();
        let country_code = phone.country_code();
        self.rows(&format!(
            "UPDATE member SET phone = CAST('{e164}' AS BLOB), phone_country_code = {country_code}, \
             phone_sealed = NULL, phone_index = NULL WHERE id = x'{:032x}' RETURNING nickname",
            member.id.0.as_u128()
        ))
        .await;
    }

    /// Returns true if one of the database files contains the text.
    fn contains(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut contents = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        contents.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

fn member(number: u32) -> Member {
    let nickname = Nickname::parse("Ann").unwrap();
    let phone = PhoneNumber::new(86, &format!("139{number:08}")).unwrap();
    Member::register(MemberId::generate(NOW, &RANDOM), nickname, Some(phone), NOW)
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

async fn assert_stored(store: &SeaStore, members: &[Member]) {
    for member in members {
        assert_eq!(store.find(member.id).await.unwrap().as_ref(), Some(member));
        let unit = store.begin().await.unwrap();
        assert_eq!(unit.members().find(member.id).await.unwrap().as_ref(), Some(member));
        drop(unit);
        let other = Member { phone: member.phone.clone(), ..self::member(0) };
        assert!(
            matches!(add(store, &[other]).await, Err(AddError::Taken)),
            "the phone is no longer unique"
        );
    }
}

const KEYS: &str = "SELECT purpose || number FROM data_key ORDER BY 1";

/// Sealer after a change of the sealing key from 1 to 2.
fn changed_sealer() -> Sealer {
    sealer(2).with_former_key(sealing_key(1))
}

#[tokio::test]
async fn database_files_contain_no_phone_digits() {
    let database = Database::new().await;
    let store = database.open(sealer(1)).await;
    let kept = member(13_572_468);
    let mut changed = member(24_681_357);
    let removed = member(35_792_468);
    add(&store, &[kept, changed.clone(), removed.clone()]).await.unwrap();
    let unit = store.begin().await.unwrap();
    changed.phone = member(98_765_432).phone;
    unit.members().update(&changed).await.unwrap();
    unit.members().remove(&removed).await.unwrap();
    unit.commit().await.unwrap();
    let mut searches = 0;
    for is_closed in [false, true] {
        for digits in ["13572468", "24681357", "35792468", "98765432"] {
            assert!(!database.contains(digits), "{digits}");
            searches += 1;
        }
        assert!(database.contains("Ann"), "the search finds existing data");
        if !is_closed {
            store.close().await.unwrap();
        }
    }
    assert_eq!(searches, 8);
}

#[tokio::test]
async fn plaintext_phones_are_sealed_without_a_trace_and_stay_unique() {
    let database = Database::new().await;
    let store = database.open(sealer(1)).await;
    let members: Vec<Member> = (10_000_001..10_000_700).map(member).collect();
    add(&store, &members).await.unwrap();
    for member in &members {
        database.store_plaintext(member).await;
    }
    assert_eq!(
        store.find(members[5].id).await.unwrap().as_ref(),
        Some(&members[5]),
        "a plaintext number is readable"
    );
    assert!(database.contains("10000006"));
    assert_eq!(store.seal_plaintext_phones(&|_| ()).await.unwrap(), 699);
    store.purge_deleted().await.unwrap();
    for number in 10_000_001..10_000_700 {
        assert!(!database.contains(&number.to_string()), "{number}");
    }
    assert_stored(&store, &members[..20]).await;
    assert_eq!(store.seal_plaintext_phones(&|_| ()).await.unwrap(), 0);
}

#[tokio::test]
async fn sealed_phone_opens_for_its_member_only() {
    let database = Database::new().await;
    let store = database.open(sealer(1)).await;
    let one = member(1);
    let other = member(2);
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
    let text = format!("{error:?}");
    assert!(text.contains("phone_sealed") && text.contains("Damaged"), "{text}");
    assert_eq!(store.find(one.id).await.unwrap(), Some(one));
}

#[tokio::test]
async fn new_sealing_key_keeps_blind_indexes_and_phones() {
    let database = Database::new().await;
    let before = database.open(sealer(1)).await;
    let mut members = vec![member(1), member(2)];
    add(&before, &members).await.unwrap();
    // During a rolling restart, instances with the former and with the new key run at the same time.
    let after = database.open(changed_sealer()).await;
    members.push(member(3));
    add(&after, &members[2..]).await.unwrap();
    for store in [&before, &after] {
        assert_stored(store, &members).await;
    }
    assert_eq!(database.rows(KEYS).await, ["index1", "seal1"]);
}

#[tokio::test]
async fn rekey_reseals_everything_under_the_new_key() {
    let database = Database::new().await;
    let before = database.open(sealer(1)).await;
    let members: Vec<Member> = (1..1200).map(member).collect();
    add(&before, &members).await.unwrap();
    let sealed = "SELECT hex(phone_sealed) FROM member";
    let index = "SELECT hex(phone_index) FROM member ORDER BY id";
    let old_seals = database.rows(sealed).await;
    let indexes = database.rows(index).await;
    assert_eq!(
        before.rekey(&|_| ()).await.unwrap(),
        RekeyProgress::default(),
        "there is nothing to reseal"
    );

    let after = database.open(changed_sealer()).await;
    assert_stored(&after, &members[..2]).await;
    let progress = after.rekey(&|_| ()).await.unwrap();
    let expected =
        RekeyProgress { new_data_keys: 1, keys: 2, phones: 1199, ..RekeyProgress::default() };
    assert_eq!(progress, expected);
    assert_eq!(after.rekey(&|_| ()).await.unwrap(), RekeyProgress::default());
    assert_eq!(database.rows(KEYS).await, ["index1", "seal1", "seal2"]);
    assert_eq!(database.rows(index).await, indexes, "the blind indexes changed");
    let seals = database.rows(sealed).await;
    assert!(seals.iter().all(|seal| !old_seals.contains(seal)), "a number was not resealed");
    assert!(
        seals.iter().all(|seal| seal[..8] == seals[0][..8]),
        "the numbers are sealed with different data keys"
    );

    let with_new_key = database.open(sealer(2)).await;
    assert_stored(&with_new_key, &members[..20]).await;
    assert_stored(&after, &members[..2]).await;
}

#[tokio::test]
async fn rekey_reseals_signing_keys() {
    let database = Database::new().await;
    let before = database.open(sealer(1)).await;
    let generated = KeyVault::new(Arc::new(sealer(1))).generate().unwrap();
    let active_from = Some(Timestamp::from_unix_millis(0));
    let id = generated.id;
    let sealed = generated.sealed;
    let key = SigningKey { number: 1, id, sealed, created_at: NOW, active_from };
    let unit = before.begin().await.unwrap();
    unit.signing_keys().add(&key).await.unwrap();
    unit.commit().await.unwrap();

    let after = database.open(changed_sealer()).await;
    assert_eq!(after.rekey(&|_| ()).await.unwrap().keys, 1);
    let keys = after.signing_keys().await.unwrap();
    let vault = KeyVault::new(Arc::new(sealer(2)));
    assert!(vault.ring(&SigningKeys(vec![key]), NOW).is_err());
    assert!(vault.ring(&SigningKeys(keys), NOW).is_ok());
}

#[tokio::test]
async fn interrupted_rekey_is_resumed() {
    let database = Database::new().await;
    let members: Vec<Member> = (1..1200).map(member).collect();
    add(&database.open(sealer(1)).await, &members).await.unwrap();
    let after = Arc::new(database.open(changed_sealer()).await);
    let (started, has_started) = tokio::sync::oneshot::channel();
    let started = std::sync::Mutex::new(Some(started));
    let store = after.clone();
    let rekeying = tokio::spawn(async move {
        let report = |progress: RekeyProgress| {
            if progress.phones > 0
                && let Some(started) = started.lock().unwrap().take()
            {
                started.send(()).unwrap();
            }
        };
        store.rekey(&report).await
    });
    has_started.await.unwrap();
    rekeying.abort();
    assert!(rekeying.await.unwrap_err().is_cancelled());
    let rest = after.rekey(&|_| ()).await.unwrap();
    assert!((1..1199).contains(&rest.phones), "{rest:?}");
    assert_eq!((rest.new_data_keys, rest.keys), (0, 0));
    assert_stored(&database.open(sealer(2)).await, &members[..20]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rekey_loses_no_concurrent_change_and_fails_no_read() {
    let database = Database::new().await;
    let serving = Arc::new(database.open(changed_sealer()).await);
    let mut members: Vec<Member> = (1..600).map(member).collect();
    add(&database.open(sealer(1)).await, &members).await.unwrap();
    let is_running = Arc::new(AtomicBool::new(true));
    // This instance only reads, and learns of the new data key when it reads a number sealed with it.
    let reading = tokio::spawn({
        let store = database.open(changed_sealer()).await;
        let is_running = is_running.clone();
        let ids = ids(&members);
        async move {
            let mut reads = 0;
            while is_running.load(Ordering::Relaxed) || reads < 50 {
                let read = store.find(ids[(reads * 89) % 599]).await.unwrap();
                assert!(read.unwrap().phone.is_some());
                reads += 1;
            }
        }
    });
    let changing = tokio::spawn({
        let serving = serving.clone();
        let is_running = is_running.clone();
        async move {
            let mut changes = 0;
            while is_running.load(Ordering::Relaxed) || changes < 50 {
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
    // The command runs in another process.
    let rekeying = database.open(changed_sealer()).await;
    let progress = rekeying.rekey(&|_| ()).await.unwrap();
    is_running.store(false, Ordering::Relaxed);
    reading.await.unwrap();
    let members = changing.await.unwrap();
    assert!(progress.phones > 0);
    let with_new_key = database.open(sealer(2)).await;
    assert_eq!(
        with_new_key.rekey(&|_| ()).await.unwrap(),
        RekeyProgress::default(),
        "a value was not resealed"
    );
    for member in &members {
        assert_eq!(with_new_key.find(member.id).await.unwrap().as_ref(), Some(member));
    }
}

#[tokio::test]
async fn rekey_without_the_former_key_changes_nothing() {
    let database = Database::new().await;
    add(&database.open(sealer(1)).await, &[member(1)]).await.unwrap();
    let without_former_key = database.open(sealer(2)).await;
    let text = format!("{:?}", without_former_key.rekey(&|_| ()).await.unwrap_err());
    assert!(text.contains("UnknownKey"), "{text}");
    assert!(
        without_former_key.seal_plaintext_phones(&|_| ()).await.is_err(),
        "the service would start"
    );
    assert!(add(&without_former_key, &[member(2)]).await.is_err());
    assert_eq!(database.rows(KEYS).await, ["index1", "seal1"]);
    assert_stored(&database.open(sealer(1)).await, &[]).await;
}
