//! SQLite store: durability, invalid rows, and errors and logs without personal data.

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::store::{ConnectError, SeaStore, StoreConfig};
use domain::model::app::name::AppName;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionPolicy};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, UpdateError};
use domain::ports::store::members::MemberReader;
use domain::ports::store::{Store, StoreHealth};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};
use tempfile::TempDir;
use testkit::fake::random::FixedRandom;
use tracing::Level;
use tracing_subscriber::fmt::format::FmtSpan;

use super::{QUEUE_TIMEOUT, sealer};

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static RANDOM: FixedRandom = FixedRandom::seeded(7);

/// The error and its causes, in both formats.
fn full_text(error: &impl Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(format!("{error} {error:?}"), |all, cause| format!("{all} {cause} {cause:?}"))
}

async fn connect(url: &str) -> Result<SeaStore, ConnectError> {
    let sealer = Arc::new(sealer(1));
    SeaStore::connect(&StoreConfig {
        url: url.to_owned(),
        max_connections: 2,
        queue_timeout: QUEUE_TIMEOUT,
        sealer,
    })
    .await
}

/// Store over a migrated database, with the URL and the folder of the file.
async fn migrated() -> (SeaStore, String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("menshen.db").display());
    migration::up(&url).await.unwrap();
    (connect(&url).await.unwrap(), url, folder)
}

fn member() -> Member {
    let nickname = Nickname::parse("Canary").unwrap();
    let phone = PhoneNumber::new(86, "13800138915").unwrap();
    Member::register(MemberId::generate(NOW, &RANDOM), nickname, Some(phone), NOW)
}

fn session_of(member: MemberId) -> Session {
    let app = AppName::parse("main").unwrap();
    let policy = SessionPolicy {
        idle: Duration::from_mins(1),
        absolute: Duration::from_mins(1),
        grace: Duration::ZERO,
        per_member: 1,
    };
    Session::open(member, app, &policy, NOW, &RANDOM)
}

/// Commits a member with an identity and a session.
async fn add_member(store: &SeaStore) -> (Member, Subject, Session) {
    let member = member();
    let subject =
        Subject { namespace: "n".into(), kind: SubjectKind::OpenId, value: "oCanary".into() };
    let session = session_of(member.id);
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    unit.identities().add(member.id, &subject, NOW).await.unwrap();
    unit.sessions().add(&session).await.unwrap();
    unit.commit().await.unwrap();
    (member, subject, session)
}

async fn run(url: &str, statement: &str) {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let done = connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{statement}");
}

#[tokio::test]
async fn committed_data_survives_a_restart() {
    let (store, url, _folder) = migrated().await;
    let (member, ..) = add_member(&store).await;
    store.close().await.unwrap();
    assert!(store.begin().await.is_err(), "a closed store refuses units of work");
    let reopened = connect(&url).await.unwrap();
    assert_eq!(reopened.find(member.id).await.unwrap(), Some(member));
}

#[tokio::test]
async fn database_that_was_never_migrated_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a/b/empty.db").display());
    let store = connect(&url).await.unwrap();
    let text = full_text(&store.ready().await.unwrap_err());
    assert!(text.contains("no such table: heartbeat"), "{text}");
}

#[tokio::test]
async fn invalid_database_url_is_refused_without_showing_the_password() {
    assert!(matches!(connect("sqlite::memory:").await, Err(ConnectError::InMemory)));
    assert!(matches!(connect("sqlite://x?mode=memory").await, Err(ConnectError::InMemory)));
    for url in ["", "oracle://u:hunter2@h/d", "postgres://u:hunter2@h:port/d", "mysql://u:hunter2@"]
    {
        let text = full_text(&connect(url).await.err().unwrap());
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn invalid_member_row_is_named_without_its_values() {
    for (column, value) in [
        ("nickname", "'Canary' || char(10)"),
        ("avatar", "'javascript:Canary'"),
        ("gender", "9"),
        ("phone", "x'2B3836FF'"),
        ("phone_country_code", "852, phone = '+8613800138915'"),
        ("phone_sealed", "x'0102030405'"),
        ("status", "'Canary'"),
        ("created_by", "'Canary'"),
        ("updated_by", "'Canary'"),
        ("version", "-1"),
    ] {
        let (store, url, _folder) = migrated().await;
        let (member, ..) = add_member(&store).await;
        run(&url, &format!("UPDATE member SET {column} = {value}")).await;
        let text = full_text(&store.find(member.id).await.unwrap_err());
        let row = format!("table member, row {}: column {column}", member.id.0);
        assert!(text.contains(&row.replace("phone_country_code", "phone")), "{text}");
        assert!(!text.contains("Canary") && !text.contains("138"), "{text}");
    }
}

#[tokio::test]
async fn invalid_identity_row_is_named_by_its_member() {
    for (column, value) in [("namespace", "x'FF'"), ("kind", "'Canary'"), ("value", "x'FF'")] {
        let (store, url, _folder) = migrated().await;
        let (member, subject, _) = add_member(&store).await;
        let other = Subject { kind: SubjectKind::UnionId, ..subject.clone() };
        let unit = store.begin().await.unwrap();
        unit.identities().add(member.id, &other, NOW).await.unwrap();
        unit.commit().await.unwrap();
        run(&url, &format!("UPDATE identity SET {column} = {value} WHERE kind = 'union_id'")).await;

        let unit = store.begin().await.unwrap();
        let text = full_text(&unit.identities().find_by_subject(&subject).await.unwrap_err());
        let row = format!("table identity, row {}: column {column}", member.id.0);
        assert!(text.contains(&row) && !text.contains("Canary") && !text.contains("255"), "{text}");
    }
}

#[tokio::test]
async fn invalid_session_row_is_named() {
    for (column, value) in [("app", "'No App'"), ("app", "x'FF'"), ("generation", "-1")] {
        let (store, url, _folder) = migrated().await;
        let (.., session) = add_member(&store).await;
        run(&url, &format!("UPDATE session SET {column} = {value}")).await;
        let unit = store.begin().await.unwrap();
        let text = full_text(&unit.sessions().find(session.id).await.unwrap_err());
        let row = format!("table session, row {}: column {column}", session.id.0);
        assert!(text.contains(&row), "{text}");
    }
}

#[tokio::test]
async fn identities_and_sessions_are_removed_with_their_member() {
    let (store, url, _folder) = migrated().await;
    let (.., subject, session) = add_member(&store).await;
    run(&url, "DELETE FROM member").await;
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.identities().find_by_subject(&subject).await.unwrap(), None);
    assert_eq!(unit.sessions().find(session.id).await.unwrap(), None);
    let text = full_text(&unit.sessions().add(&session).await.unwrap_err());
    assert!(text.contains("FOREIGN KEY"), "{text}");
    unit.identities().add(session.member, &subject, NOW).await.unwrap_err();
}

#[tokio::test]
async fn unit_of_work_with_a_cancelled_statement_cannot_be_committed() {
    let (store, _, _folder) = migrated().await;
    let (unit, member) = loop {
        let unit = store.begin().await.unwrap();
        let member = member();
        // The call is cancelled at its first wait, and the statement continues. Sometimes it does not wait.
        tokio::select! {
            biased;
            added = unit.members().add(&member) => added.unwrap(),
            () = std::future::ready(()) => break (unit, member),
        }
    };
    unit.commit().await.unwrap_err();
    assert_eq!(store.find(member.id).await.unwrap(), None);
}

/// Output of a tracing subscriber.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn log_contains_no_row_values() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (store, _, _folder) = migrated().await;
    let (taken, subject, _) = add_member(&store).await;
    let unit = store.begin().await.unwrap();
    unit.identities().find_by_subject(&subject).await.unwrap();
    assert!(matches!(unit.members().add(&member()).await, Err(AddError::Taken)));
    let other = Member { phone: None, ..member() };
    unit.members().add(&other).await.unwrap();
    let with_taken_phone = Member { phone: taken.phone, ..other };
    assert!(matches!(unit.members().update(&with_taken_phone).await, Err(UpdateError::Taken)));

    let logged = |text: &str| String::from_utf8_lossy(&captured.0.lock().unwrap()).contains(text);
    assert!(logged("sea_orm"), "the log was not captured");
    assert!(!logged("Canary") && !logged("13800138915"));
    tracing::info!("planted: oCanary");
    assert!(logged("Canary"));
}
