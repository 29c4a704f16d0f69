//! Erasure on SQLite: the files contain no data of erased members.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use adapters::store::{SeaStore, StoreConfig};
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::avatar::Avatar;
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, MemberId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::members::MemberReader;
use domain::ports::store::{Store, UnitOfWork};
use sea_orm::sqlx::{Connection, Row, SqliteConnection, raw_sql};
use testkit::fake::random::FixedRandom;
use testkit::iterations::iterations;

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

#[tokio::test]
async fn vacuum_after_a_crash_runs_only_if_data_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let config = StoreConfig {
        url,
        max_connections: 2,
        queue_timeout: QUEUE_TIMEOUT,
        sealer: Arc::new(sealer(1)),
    };
    // Whether the vacuum at the start of the service leaves no free pages.
    let vacuums = |store: SeaStore| {
        let config = &config;
        async move {
            store.purge_deleted().await.unwrap();
            store.close().await.unwrap();
            let mut connection = SqliteConnection::connect(&config.url).await.unwrap();
            let free = raw_sql("PRAGMA freelist_count").fetch_one(&mut connection).await.unwrap();
            free.get::<i64, _>(0) == 0
        }
    };
    let members: Vec<UniqueMember> = (0..100).map(|_| UniqueMember::new()).collect();
    let store = SeaStore::connect(&config).await.unwrap();
    let unit = store.begin().await.unwrap();
    for member in &members {
        member.add(unit.as_ref()).await;
        member.complete(unit.as_ref()).await;
    }
    unit.commit().await.unwrap();
    // Without a marked removal the file is not rewritten, so that starting a big database is quick.
    let mut connection = SqliteConnection::connect(&config.url).await.unwrap();
    raw_sql("DELETE FROM identity").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(!vacuums(store).await);

    let store = SeaStore::connect(&config).await.unwrap();
    let rolled_back = store.begin().await.unwrap();
    rolled_back.members().remove(&members[0].member).await.unwrap();
    drop(rolled_back);
    assert!(!vacuums(store).await);

    let store = SeaStore::connect(&config).await.unwrap();
    let unit = store.begin().await.unwrap();
    unit.members().remove(&members[0].member).await.unwrap();
    unit.commit().await.unwrap();
    store.close().await.unwrap();
    assert!(vacuums(SeaStore::connect(&config).await.unwrap()).await);
}

#[tokio::test]
async fn soak_erased_member_leaves_no_bytes_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let config = StoreConfig {
        url,
        max_connections: 2,
        queue_timeout: QUEUE_TIMEOUT,
        sealer: Arc::new(sealer(1)),
    };
    let store = SeaStore::connect(&config).await.unwrap();
    // Only among thousands of rows do some move to other pages and leave copies behind.
    let members: Vec<UniqueMember> =
        (0..iterations(1_000, 6_000)).map(|_| UniqueMember::new()).collect();
    let unit = store.begin().await.unwrap();
    for member in &members {
        member.add(unit.as_ref()).await;
    }
    for member in &members {
        member.complete(unit.as_ref()).await;
    }
    unit.commit().await.unwrap();
    let erased = || members.iter().step_by(4);
    let data: Vec<Vec<u8>> = erased().flat_map(UniqueMember::data).collect();
    let data: HashSet<&[u8]> = data.iter().map(Vec::as_slice).collect();
    assert_eq!(found(folder.path(), &data).len(), data.len(), "the search finds existing data");

    let unit = store.begin().await.unwrap();
    for member in erased() {
        unit.members().remove(&member.member).await.unwrap();
    }
    unit.commit().await.unwrap();
    store.purge_deleted().await.unwrap();

    assert_eq!(found(folder.path(), &data), HashSet::new());
    for (index, expected) in members.iter().enumerate() {
        let found = store.find(expected.member.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected.member).filter(|_| index % 4 != 0));
    }
}
