//! Rekeying: every sealed column is resealed, and tombstones are found after every change of the sealing key.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapters::crypto::app_secrets::SealedAppSecrets;
use adapters::crypto::sealer::Sealer;
use adapters::crypto::session_keys::SealedSessionKeys;
use adapters::store::encryption::rekey::RekeyProgress;
use adapters::store::{SeaStore, StoreConfig};
use adapters::token::key_vault::KeyVault;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::app::registered::{RegisteredApp, SealedPush, SealedSecret};
use domain::model::app::secret::AppSecretKind;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, MemberId};
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::secret::SessionKey;
use domain::model::signing_key::SigningKey;
use domain::model::timestamp::Timestamp;
use domain::ports::app::AppSecretSeal;
use domain::ports::session_keys::SessionKeySeal;
use domain::ports::signing_keys::KeyGenerator;
use domain::ports::store::Store;
use domain::ports::store::session_keys::SessionKeyReader;
use testkit::databases::{FreshDatabase, Kind};
use testkit::fake::random::FixedRandom;

use super::{QUEUE_TIMEOUT, sealer, sealing_key};

testkit::on_every_database! {
    rekey_reseals_session_keys
    tombstone_is_found_after_a_change_of_the_sealing_key
    tombstone_of_an_earlier_version_is_found_after_rekeying
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static RANDOM: FixedRandom = FixedRandom::seeded(9);

/// Columns that `menshen rekey` reseals with the sealing key.
const RESEALED: [&str; 7] = [
    "app.former_secret",
    "app.push_key",
    "app.push_token",
    "app.secret",
    "data_key.sealed",
    "session_key.sealed",
    "signing_key.sealed",
];

/// Column that `menshen rekey` reseals with a new data key; the tests of phone numbers cover it.
const RESEALED_WITH_DATA_KEY: &str = "member.phone_sealed";

/// Column that stays under a former sealing key, and expires five minutes after the login.
const EXPIRING: &str = "redemption.answer";

/// Columns that contain plaintext, or fingerprints and hashes, which cannot be resealed.
const NOT_SEALED: [&str; 23] = [
    "admin.invitation",
    "admin.name",
    "admin_session.token",
    "app.app_id",
    "app.name",
    "audit_event.app",
    "identity.namespace",
    "identity.value",
    "member.phone",
    "member.phone_index",
    "member.phone_mask",
    "outbox.receiver",
    "redemption.code",
    "redemption.request",
    "seen_push.fingerprint",
    "session.app",
    "session_key.namespace",
    "session_key.value",
    "signing_key.kid",
    "tombstone.fingerprint",
    "withdrawal.app",
    "withdrawal.namespace",
    "withdrawal.value",
];

async fn open(database: &FreshDatabase, sealer: Sealer) -> SeaStore {
    migration::up(database.url()).await.unwrap();
    let url = database.url().to_owned();
    let config = StoreConfig {
        url,
        max_connections: 2,
        queue_timeout: QUEUE_TIMEOUT,
        sealer: Arc::new(sealer),
    };
    SeaStore::connect(&config).await.unwrap()
}

/// Sealer after a change of the sealing key.
fn changed_sealer() -> Sealer {
    sealer(2).with_former_key(sealing_key(1))
}

fn open_id(value: &str) -> Subject {
    Subject { namespace: "wx1".into(), kind: SubjectKind::OpenId, value: value.into() }
}

/// Adds a member with a phone number and these subjects.
async fn add_member(store: &SeaStore, subjects: &[Subject]) {
    let id = MemberId::generate(NOW, &RANDOM);
    let phone = PhoneNumber::new(86, "13800000001").unwrap();
    let member = Member::register(id, Nickname::parse("Ann").unwrap(), Some(phone), NOW);
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    for subject in subjects {
        unit.identities().add(id, subject, NOW).await.unwrap();
    }
    unit.commit().await.unwrap();
}

fn sealed_session_key(user: Subject) -> SealedSessionKey {
    let key = SessionKey::new("session-key".into());
    let sealed = SealedSessionKeys::new(Arc::new(sealer(1))).seal(&user, &key);
    SealedSessionKey { user, sealed, obtained_at: NOW }
}

fn app() -> RegisteredApp {
    let name = AppName::parse("shop").unwrap();
    let seal = |kind| SealedAppSecrets::new(Arc::new(sealer(1))).seal(&name, kind, "a secret");
    RegisteredApp {
        app_id: AppId::parse("wx1").unwrap(),
        policy: AppPolicy::default(),
        secret: SealedSecret {
            current: seal(AppSecretKind::Secret),
            former: Some(seal(AppSecretKind::Secret)),
            changed_at: NOW,
        },
        push: Some(SealedPush {
            token: seal(AppSecretKind::PushToken),
            key: Some(seal(AppSecretKind::PushKey)),
        }),
        name,
        disabled_at: None,
        created_at: NOW,
        version: 0,
    }
}

/// Stores a value in every column of [`RESEALED`], under the first sealing key.
async fn fill(store: &SeaStore) {
    add_member(store, &[open_id("o1")]).await;
    let generated = KeyVault::new(Arc::new(sealer(1))).generate().unwrap();
    let signing_key = SigningKey {
        number: 1,
        id: generated.id,
        sealed: generated.sealed,
        created_at: NOW,
        active_from: Some(NOW),
    };
    let unit = store.begin().await.unwrap();
    unit.signing_keys().add(&signing_key).await.unwrap();
    unit.apps().add(&app()).await.unwrap();
    unit.session_keys().upsert(&sealed_session_key(open_id("o1"))).await.unwrap();
    unit.commit().await.unwrap();
}

#[tokio::test]
async fn every_binary_column_is_classified_for_rekeying() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    migration::up(database.url()).await.unwrap();
    let columns = "SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c \
                   WHERE t.type = 'table' AND (c.type LIKE '%blob%' OR c.type LIKE '%binary%')";
    let columns: BTreeSet<String> = database.query_all(columns).await.into_iter().collect();
    let known = RESEALED.iter().chain(&NOT_SEALED).chain([&RESEALED_WITH_DATA_KEY, &EXPIRING]);
    let known: BTreeSet<String> = known.map(|column| (*column).to_owned()).collect();
    assert_eq!(columns, known, "state whether rekeying reseals a new binary column");
}

#[tokio::test]
async fn rekey_leaves_no_column_under_the_former_key() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    fill(&open(&database, sealer(1)).await).await;
    let values = async |column: &str| {
        let (table, name) = column.split_once('.').unwrap();
        let select = format!("SELECT {name} FROM {table} WHERE {name} IS NOT NULL");
        database.query_all::<Vec<u8>>(&select).await
    };
    for column in RESEALED {
        let values = values(column).await;
        assert!(!values.is_empty(), "no value in {column}");
        assert!(values.iter().all(|sealed| sealer(1).is_current(sealed)), "{column}");
    }
    open(&database, changed_sealer()).await.rekey(&|_| ()).await.unwrap();
    for column in RESEALED {
        let resealed = values(column).await.iter().all(|sealed| sealer(2).is_current(sealed));
        assert!(resealed, "{column} is still under the former key");
    }
}

/// There are more session keys than one batch reads, in several namespaces.
async fn rekey_reseals_session_keys(database: FreshDatabase) {
    let before = open(&database, sealer(1)).await;
    let user = |number: u32| {
        let namespace = format!("wx{}", number % 3);
        Subject { namespace, ..open_id(&format!("o{number}")) }
    };
    let users: Vec<Subject> = (0..1_100).map(user).collect();
    add_member(&before, &users).await;
    let unit = before.begin().await.unwrap();
    for user in &users {
        unit.session_keys().upsert(&sealed_session_key(user.clone())).await.unwrap();
    }
    unit.commit().await.unwrap();

    let after = open(&database, changed_sealer()).await;
    assert_eq!(after.rekey(&|_| ()).await.unwrap().session_keys, 1_100);
    assert_eq!(after.rekey(&|_| ()).await.unwrap(), RekeyProgress::default());
    let seal = SealedSessionKeys::new(Arc::new(sealer(2)));
    for user in users.iter().step_by(100) {
        let stored = after.find_session_key(user).await.unwrap().unwrap();
        assert_eq!(seal.open(user, &stored.sealed).unwrap().expose(), "session-key");
        assert_eq!(stored.obtained_at, NOW);
    }
}

async fn is_banned(store: &SeaStore, subject: &Subject) -> bool {
    let unit = store.begin().await.unwrap();
    unit.tombstones().exists_any(std::slice::from_ref(subject)).await.unwrap()
}

async fn tombstone_is_found_after_a_change_of_the_sealing_key(database: FreshDatabase) {
    let before = open(&database, sealer(1)).await;
    let unit = before.begin().await.unwrap();
    unit.tombstones().add(&[open_id("o1")], NOW).await.unwrap();
    unit.commit().await.unwrap();
    let after = open(&database, changed_sealer()).await;
    assert!(is_banned(&after, &open_id("o1")).await);
    assert_eq!(after.rekey(&|_| ()).await.unwrap().tombstone_keys, 0, "no key is needed");
    let without_former_key = open(&database, sealer(2)).await;
    assert!(is_banned(&without_former_key, &open_id("o1")).await);
    assert!(!is_banned(&without_former_key, &open_id("o2")).await);
}

/// Inserts a tombstone as a version did that computed it under the sealing key.
async fn insert_tombstone_of_an_earlier_version(database: &FreshDatabase, subject: &Subject) {
    let parts = [subject.namespace.as_bytes(), subject.value.as_bytes()];
    let fingerprint = sealer(1).fingerprint("banned open id", &parts);
    let hex = fingerprint.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let literal = match database.kind() {
        Kind::Sqlite | Kind::Mariadb => format!("X'{hex}'"),
        Kind::Postgresql => format!("'\\x{hex}'"),
    };
    let insert = format!("INSERT INTO tombstone (fingerprint, created_at) VALUES ({literal}, 0)");
    database.execute(&insert).await;
}

async fn tombstone_of_an_earlier_version_is_found_after_rekeying(database: FreshDatabase) {
    let before = open(&database, sealer(1)).await;
    insert_tombstone_of_an_earlier_version(&database, &open_id("o1")).await;
    assert!(is_banned(&before, &open_id("o1")).await);
    let after = open(&database, changed_sealer()).await;
    assert!(is_banned(&after, &open_id("o1")).await, "under the former key");
    assert_eq!(after.rekey(&|_| ()).await.unwrap().tombstone_keys, 2);
    assert_eq!(after.rekey(&|_| ()).await.unwrap().tombstone_keys, 0, "they are kept already");
    let without_former_key = open(&database, sealer(2)).await;
    assert!(is_banned(&without_former_key, &open_id("o1")).await);
    assert!(!is_banned(&without_former_key, &open_id("o2")).await);
}
