//! Erasure on SQLite: the files contain no data of erased members.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::store::{SeaStore, StoreConfig};
use adapters::system::SystemClock;
use domain::model::app::name::AppName;
use domain::model::clock::Clock;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::avatar::Avatar;
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::model::member::{Member, MemberId};
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::timestamp::Timestamp;
use domain::ports::store::members::MemberReader;
use domain::ports::store::{Store, UnitOfWork};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, raw_sql};
use tempfile::TempDir;
use testkit::fake::random::FixedRandom;
use testkit::iterations::iterations;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{QUEUE_TIMEOUT, sealer};

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static RANDOM: FixedRandom = FixedRandom::seeded(7);

/// Member with unique data.
struct UniqueMember {
    member: Member,
    subjects: [Subject; 2],
}

impl UniqueMember {
    fn new() -> Self {
        let text = |length: usize| format!("{:0>length$x}", RANDOM.next());
        let nickname = Nickname::parse(&format!("甲{}", text(16))).unwrap();
        let phone = PhoneNumber::new(86, &format!("13{:09}", RANDOM.next() % 1_000_000_000));
        let avatar = Avatar::parse(&format!("https://a.example/{}", text(16))).unwrap();
        let id = MemberId::generate(NOW, &RANDOM);
        let member = Member::register(id, nickname, phone.ok(), NOW);
        let remark = Some(format!("remark {}", text(16)));
        let subject = |kind| Subject { namespace: "wechat:app:wx01".into(), kind, value: text(28) };
        Self {
            member: Member { avatar: Some(avatar), remark, version: 1, ..member },
            subjects: [subject(SubjectKind::OpenId), subject(SubjectKind::UnionId)],
        }
    }

    /// Data that must not be in the files after the erasure. The phone number is encrypted.
    fn data(&self) -> Vec<Vec<u8>> {
        let Member { nickname, avatar, remark, .. } = &self.member;
        let own = [
            nickname.as_str().to_owned(),
            avatar.as_ref().unwrap().as_str().to_owned(),
            remark.clone().unwrap(),
        ];
        let ids = self.subjects.each_ref().map(|subject| subject.value.clone());
        own.into_iter().chain(ids).map(String::into_bytes).collect()
    }

    /// Adds the member without avatar and remark. A row that grows later moves to another page.
    async fn add(&self, unit: &dyn UnitOfWork) {
        let new_member = Member { avatar: None, remark: None, version: 0, ..self.member.clone() };
        unit.members().add(&new_member).await.unwrap();
        for subject in &self.subjects {
            unit.identities().add(self.member.id, subject, NOW).await.unwrap();
        }
    }

    /// Adds avatar and remark.
    async fn complete(&self, unit: &dyn UnitOfWork) {
        unit.members().update(&Member { version: 0, ..self.member.clone() }).await.unwrap();
    }
}

/// Returns the texts that the database file or its write-ahead log contains.
fn found<'a>(folder: &Path, texts: &HashSet<&'a [u8]>) -> HashSet<&'a [u8]> {
    let lengths: HashSet<usize> = texts.iter().map(|text| text.len()).collect();
    let files = ["menshen.db", "menshen.db-wal"].map(|name| std::fs::read(folder.join(name)));
    let mut found = HashSet::new();
    for bytes in files.iter().flatten() {
        for length in &lengths {
            found.extend(bytes.windows(*length).filter_map(|window| texts.get(window)));
        }
    }
    found
}

/// Folder with a migrated database file, and the store over it.
async fn open() -> (TempDir, Arc<SeaStore>) {
    let folder = tempfile::tempdir().unwrap();
    let url = url(folder.path());
    migration::up(&url).await.unwrap();
    let config = StoreConfig {
        url,
        max_connections: 2,
        queue_timeout: QUEUE_TIMEOUT,
        sealer: Arc::new(sealer(1)),
    };
    let store = SeaStore::connect(&config).await.unwrap();
    (folder, Arc::new(store))
}

fn url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("menshen.db").display())
}

async fn add(store: &SeaStore, members: &[UniqueMember]) {
    let unit = store.begin().await.unwrap();
    for member in members {
        member.add(unit.as_ref()).await;
    }
    for member in members {
        member.complete(unit.as_ref()).await;
    }
    unit.commit().await.unwrap();
}

async fn remove(store: &SeaStore, members: impl IntoIterator<Item = &UniqueMember>) {
    let unit = store.begin().await.unwrap();
    for member in members {
        unit.members().remove(&member.member).await.unwrap();
    }
    unit.commit().await.unwrap();
}

fn new_members(count: usize) -> Vec<UniqueMember> {
    (0..count).map(|_| UniqueMember::new()).collect()
}

/// Adds members one after the other until the sender is dropped. Returns the longest time of one.
fn spawn_writer(store: &Arc<SeaStore>, stop: &watch::Receiver<()>) -> JoinHandle<Duration> {
    let store = Arc::clone(store);
    let mut stop = stop.clone();
    tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        loop {
            let started = Instant::now();
            add(&store, &new_members(1)).await;
            longest = longest.max(started.elapsed());
            if timeout(Duration::from_millis(2), stop.changed()).await.is_ok() {
                return longest;
            }
        }
    })
}

#[tokio::test]
async fn purge_is_due_after_a_committed_removal_until_it_succeeds() {
    let (folder, store) = open().await;
    let members = new_members(2);
    add(&store, &members).await;
    assert_eq!(store.oldest_unpurged().await.unwrap(), None);

    let rolled_back = store.begin().await.unwrap();
    rolled_back.members().remove(&members[0].member).await.unwrap();
    drop(rolled_back);
    assert_eq!(store.oldest_unpurged().await.unwrap(), None);

    let before = SystemClock.now().unix_seconds();
    remove(&store, [&members[0]]).await;
    store.close().await.unwrap();
    // After a crash, the next start knows of it.
    let config = StoreConfig {
        url: url(folder.path()),
        max_connections: 2,
        queue_timeout: QUEUE_TIMEOUT,
        sealer: Arc::new(sealer(1)),
    };
    let store = SeaStore::connect(&config).await.unwrap();
    let since = store.oldest_unpurged().await.unwrap().unwrap();
    assert!((before..=SystemClock.now().unix_seconds()).contains(&since.unix_seconds()));
    remove(&store, [&members[1]]).await;
    assert_eq!(store.oldest_unpurged().await.unwrap(), Some(since), "the oldest one counts");
    store.purge_deleted().await.unwrap();
    assert_eq!(store.oldest_unpurged().await.unwrap(), None);
}

#[tokio::test]
async fn withdrawn_profile_leaves_no_bytes_on_disk() {
    let (folder, store) = open().await;
    let members = new_members(1);
    add(&store, &members).await;
    let UniqueMember { member, subjects: [open_id, _] } = &members[0];
    let app = AppName::parse("main").unwrap();
    let withdrawal = Withdrawal::new(app, open_id.clone(), WithdrawnData::Profile, NOW, &RANDOM);
    let unit = store.begin().await.unwrap();
    unit.pushes().add(&withdrawal).await.unwrap();
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    assert!(unit.pushes().remove(&withdrawal).await.unwrap());
    let withdrawn =
        Member {
            nickname: Nickname::parse("木槿花开").unwrap(), avatar: None, ..member.clone()
        };
    unit.members().update(&withdrawn).await.unwrap();
    unit.commit().await.unwrap();
    let data = [member.nickname.as_str(), member.avatar.as_ref().unwrap().as_str()];
    let data = data.map(str::as_bytes).into_iter().collect();
    assert_ne!(found(folder.path(), &data), HashSet::new());
    store.purge_deleted().await.unwrap();
    assert_eq!(found(folder.path(), &data), HashSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_erased_member_leaves_no_bytes_on_disk() {
    let (folder, store) = open().await;
    // Only among thousands of rows do some move to other pages and leave copies behind.
    let members = new_members(iterations(1_000, 6_000));
    add(&store, &members).await;
    let erased = || members.iter().step_by(4);
    let data: Vec<Vec<u8>> = erased().flat_map(UniqueMember::data).collect();
    let data: HashSet<&[u8]> = data.iter().map(Vec::as_slice).collect();
    assert_eq!(found(folder.path(), &data).len(), data.len(), "the search finds existing data");

    // Logins of others, which move pages, go on meanwhile.
    let (stop, stopped) = watch::channel(());
    let writers: Vec<_> = (0..4).map(|_| spawn_writer(&store, &stopped)).collect();
    remove(&store, erased()).await;
    store.purge_deleted().await.unwrap();
    drop(stop);
    for writer in writers {
        writer.await.unwrap();
    }

    assert_eq!(found(folder.path(), &data), HashSet::new());
    for (index, expected) in members.iter().enumerate() {
        let found = store.find(expected.member.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected.member).filter(|_| index % 4 != 0));
    }
    let mut connection = SqliteConnection::connect(&url(folder.path())).await.unwrap();
    let check = raw_sql("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(check.get::<String, _>(0), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_writers_wait_less_than_a_second_for_the_purge_of_a_large_file() {
    let (folder, store) = open().await;
    let mut connection = SqliteConnection::connect(&url(folder.path())).await.unwrap();
    // One page for each member, in random order, so that rows move to other pages.
    let insert = format!(
        "WITH RECURSIVE number(value) AS \
         (SELECT 1 UNION ALL SELECT value + 1 FROM number WHERE value < {}) \
         INSERT INTO member (id, nickname, gender, status, remark, created_at, created_by, \
         updated_at, updated_by, version) \
         SELECT randomblob(16), 'n' || value, 0, 'active', hex(randomblob(1000)), 0, 'operator', 0, \
         'operator', 1 FROM number",
        iterations(3_000, 25_000)
    );
    raw_sql(AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let erased = new_members(1);
    add(&store, &erased).await;

    let (stop, stopped) = watch::channel(());
    let writers: Vec<_> = (0..4).map(|_| spawn_writer(&store, &stopped)).collect();
    let started = Instant::now();
    remove(&store, &erased).await;
    let erasure = started.elapsed();
    store.purge_deleted().await.unwrap();
    let purge = started.elapsed();
    drop(stop);
    let mut longest = erasure;
    for writer in writers {
        longest = longest.max(writer.await.unwrap());
    }
    println!("purge {purge:?}, erasure {erasure:?}, longest wait {longest:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert_eq!(store.oldest_unpurged().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn purge_with_a_reader_fails_without_stopping_writers_and_succeeds_later() {
    let (folder, store) = open().await;
    let members = new_members(100);
    add(&store, &members).await;
    let data = members[0].data();
    let data: HashSet<&[u8]> = data.iter().map(Vec::as_slice).collect();
    // A backup, for example.
    let mut reader = SqliteConnection::connect(&url(folder.path())).await.unwrap();
    raw_sql("BEGIN; SELECT COUNT(*) FROM member").execute(&mut reader).await.unwrap();
    remove(&store, [&members[0]]).await;

    let (stop, stopped) = watch::channel(());
    let writer = spawn_writer(&store, &stopped);
    let error = store.purge_deleted().await.unwrap_err();
    drop(stop);
    let longest = writer.await.unwrap();
    assert!(format!("{error:?}").contains("cannot be emptied"), "{error:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert!(store.oldest_unpurged().await.unwrap().is_some());

    reader.close().await.unwrap();
    store.purge_deleted().await.unwrap();
    assert_eq!(found(folder.path(), &data), HashSet::new());
}
