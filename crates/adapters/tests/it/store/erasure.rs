//! What is left on the disk of members who were erased.

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

use super::sealer;

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static CHANCE: FixedRandom = FixedRandom::seeded(7);

/// Somebody whose data are like nobody else's.
struct Person {
    member: Member,
    subjects: [Subject; 2],
}

impl Person {
    fn new() -> Self {
        let text = |length: usize| format!("{:0>length$x}", CHANCE.next());
        let nickname = Nickname::parse(&format!("甲{}", text(16))).unwrap();
        let phone = PhoneNumber::new(86, &format!("13{:09}", CHANCE.next() % 1_000_000_000));
        let avatar = Avatar::parse(&format!("https://a.example/{}", text(16))).unwrap();
        let id = MemberId::generate(NOW, &CHANCE);
        let member = Member::register(id, nickname, phone.ok(), NOW);
        let remark = Some(format!("remark {}", text(16)));
        let subject = |kind| Subject { namespace: "wechat:app:wx01".into(), kind, value: text(28) };
        Self {
            member: Member { avatar: Some(avatar), remark, version: 1, ..member },
            subjects: [subject(SubjectKind::OpenId), subject(SubjectKind::UnionId)],
        }
    }

    /// Everything that must be nowhere once the person is erased. (The phone number never is.)
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

    /// Comes with little at first, as people do: rows that grow move about in the file.
    async fn join(&self, unit: &dyn UnitOfWork) {
        let newcomer = Member { avatar: None, remark: None, version: 0, ..self.member.clone() };
        unit.members().add(&newcomer).await.unwrap();
        for subject in &self.subjects {
            unit.identities().add(self.member.id, subject, NOW).await.unwrap();
        }
    }

    async fn tell_more(&self, unit: &dyn UnitOfWork) {
        unit.members().update(&Member { version: 0, ..self.member.clone() }).await.unwrap();
    }
}

/// Those of the texts that the files hold: the database and its write-ahead log.
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
async fn what_a_crash_left_is_wiped_at_the_next_start_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let config = StoreConfig { url, max_connections: 2, sealer: Arc::new(sealer(1)) };
    let freed = |store: SeaStore| {
        let config = &config;
        async move {
            store.purge_deleted().await.unwrap();
            store.close().await.unwrap();
            let mut connection = SqliteConnection::connect(&config.url).await.unwrap();
            let free = raw_sql("PRAGMA freelist_count").fetch_one(&mut connection).await.unwrap();
            free.get::<i64, _>(0) == 0
        }
    };
    let people: Vec<Person> = (0..100).map(|_| Person::new()).collect();
    let store = SeaStore::connect(&config).await.unwrap();
    let unit = store.begin().await.unwrap();
    for person in &people {
        person.join(unit.as_ref()).await;
        person.tell_more(unit.as_ref()).await;
    }
    unit.commit().await.unwrap();
    // Pages that became free without a removal are left alone: no start takes as long as the file is big.
    let mut connection = SqliteConnection::connect(&config.url).await.unwrap();
    raw_sql("DELETE FROM identity").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(!freed(store).await);

    let store = SeaStore::connect(&config).await.unwrap();
    let undone = store.begin().await.unwrap();
    undone.members().remove(&people[0].member).await.unwrap();
    drop(undone);
    assert!(!freed(store).await);

    let store = SeaStore::connect(&config).await.unwrap();
    let unit = store.begin().await.unwrap();
    unit.members().remove(&people[0].member).await.unwrap();
    unit.commit().await.unwrap();
    store.close().await.unwrap();
    assert!(freed(SeaStore::connect(&config).await.unwrap()).await);
}

#[tokio::test]
async fn soak_no_byte_of_an_erased_member_is_left_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    let config = StoreConfig { url, max_connections: 2, sealer: Arc::new(sealer(1)) };
    let store = SeaStore::connect(&config).await.unwrap();
    // Only among thousands are there rows that moved, and left copies of themselves.
    let people: Vec<Person> = (0..iterations(1_000, 6_000)).map(|_| Person::new()).collect();
    let unit = store.begin().await.unwrap();
    for person in &people {
        person.join(unit.as_ref()).await;
    }
    for person in &people {
        person.tell_more(unit.as_ref()).await;
    }
    unit.commit().await.unwrap();
    let gone = || people.iter().step_by(4);
    let data: Vec<Vec<u8>> = gone().flat_map(Person::data).collect();
    let data: HashSet<&[u8]> = data.iter().map(Vec::as_slice).collect();
    assert_eq!(found(folder.path(), &data).len(), data.len(), "the search finds what is there");

    let unit = store.begin().await.unwrap();
    for person in gone() {
        unit.members().remove(&person.member).await.unwrap();
    }
    unit.commit().await.unwrap();
    store.purge_deleted().await.unwrap();

    assert_eq!(found(folder.path(), &data), HashSet::new());
    for (nth, person) in people.iter().enumerate() {
        let member = store.find(person.member.id).await.unwrap();
        assert_eq!(member.as_ref(), Some(&person.member).filter(|_| nth % 4 != 0));
    }
}
