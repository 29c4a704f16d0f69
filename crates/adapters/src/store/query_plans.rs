//! Every look-up uses an index, however many rows there are, on every database.

use domain::model::admin::{AdminId, AdminName};
use domain::model::audit::AuditKind;
use domain::model::audit::query::{AuditQuery, DayRange};
use domain::model::event::delivery::ReceiverName;
use domain::model::event::{DomainEvent, EventKind};
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::MemberId;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::model::session::SessionId;
use domain::model::timestamp::Timestamp;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryTrait, Statement,
};
use testkit::databases::{FreshDatabase, Kind};
use uuid::Uuid;

use crate::store::encryption::rekey::phones::in_clear;
use crate::store::entity::{identity, member, session};
use crate::store::repository::identities::{one_in, with_the_same_owner};
use crate::store::repository::member_search::{known_as, page};
use crate::store::repository::outbox::{due, last_position, oldest};
use crate::store::repository::pushes::seen_before;
use crate::store::repository::session_keys;
use crate::store::repository::sessions::with_member;
use crate::store::repository::tombstones::one_of;
use crate::store::repository::{admins, audit};

testkit::on_every_database! {
    a_member_is_found_by_index
    numbers_in_clear_are_found_by_index
    an_owner_is_found_by_index
    whether_anyone_is_known_in_an_app_is_found_by_index
    a_session_is_found_by_index
    all_that_goes_with_a_member_is_found_by_index
    a_tombstone_is_found_by_index
    what_was_seen_is_forgotten_by_index
    members_are_searched_by_index
    the_record_is_read_by_index
    an_administrator_is_found_by_index
    what_a_receiver_is_still_to_be_told_is_found_by_index
    a_look_up_without_an_index_would_be_noticed
}

/// How the database goes about a statement, in its own words.
async fn plan(database: &FreshDatabase, statement: &impl QueryTrait) -> String {
    let (explain, column, backend) = match database.kind() {
        Kind::Sqlite => ("EXPLAIN QUERY PLAN", "detail", DbBackend::Sqlite),
        Kind::Postgresql => ("EXPLAIN", "QUERY PLAN", DbBackend::Postgres),
        Kind::Mariadb => ("EXPLAIN FORMAT = JSON", "EXPLAIN", DbBackend::MySql),
    };
    migration::up(database.url()).await.unwrap();
    let connection = database.connect().await;
    if backend == DbBackend::Postgres {
        // So few rows it would all read, index or not.
        connection.execute_unprepared("SET enable_seqscan = off").await.unwrap();
    }
    let statement = statement.build(backend).to_string();
    let explain = Statement::from_string(backend, format!("{explain} {statement}"));
    let rows = connection.query_all_raw(explain).await.unwrap();
    connection.close().await.unwrap();
    let steps = rows.iter().map(|row| row.try_get::<String>("", column).unwrap());
    steps.fold(statement, |all, step| format!("{all}\n{step}"))
}

/// Whether a plan looks at every row of a table, or every entry of an index.
fn scans(plan: &str) -> bool {
    ["\nSCAN", "Seq Scan", "\"access_type\": \"ALL\"", "\"access_type\": \"index\""]
        .iter()
        .any(|scan| plan.contains(scan))
}

async fn assert_indexed(database: &FreshDatabase, statement: &impl QueryTrait) {
    let plan = plan(database, statement).await;
    assert!(!scans(&plan), "{plan}");
}

async fn a_member_is_found_by_index(database: FreshDatabase) {
    assert_indexed(&database, &member::Entity::find_by_id(Uuid::nil())).await;
}

async fn numbers_in_clear_are_found_by_index(database: FreshDatabase) {
    assert_indexed(&database, &in_clear()).await;
}

async fn an_owner_is_found_by_index(database: FreshDatabase) {
    let subject = Subject { namespace: "n".into(), kind: SubjectKind::OpenId, value: "v".into() };
    assert_indexed(&database, &with_the_same_owner(&subject)).await;
    assert_indexed(&database, &session_keys::of(&subject)).await;
}

async fn a_session_is_found_by_index(database: FreshDatabase) {
    assert_indexed(&database, &with_member(SessionId(Uuid::nil()))).await;
    assert_indexed(&database, &session::Entity::find_by_id(Uuid::nil())).await;
}

async fn all_that_goes_with_a_member_is_found_by_index(database: FreshDatabase) {
    let identities = identity::Entity::find().filter(identity::Column::MemberId.eq(Uuid::nil()));
    assert_indexed(&database, &identities).await;
    let sessions = session::Entity::find().filter(session::Column::MemberId.eq(Uuid::nil()));
    assert_indexed(&database, &sessions).await;
}

async fn a_tombstone_is_found_by_index(database: FreshDatabase) {
    assert_indexed(&database, &one_of(&[Fingerprint([1; 32]), Fingerprint([2; 32])])).await;
}

async fn what_was_seen_is_forgotten_by_index(database: FreshDatabase) {
    assert_indexed(&database, &seen_before(Timestamp::from_unix_millis(0))).await;
}

async fn members_are_searched_by_index(database: FreshDatabase) {
    let query = MemberQuery {
        criterion: MemberFilter::Any,
        before: Some(MemberId(Uuid::nil())),
        limit: 50,
    };
    assert_indexed(&database, &page(&query, None)).await;
    for is in [member::Column::PhoneIndex, member::Column::PhoneMask].map(|c| c.eq(vec![1_u8])) {
        assert_indexed(&database, &page(&query, Some(is))).await;
    }
    assert_indexed(&database, &known_as("oAlice")).await;
}

async fn the_record_is_read_by_index(database: FreshDatabase) {
    let query = AuditQuery { before: Some(Uuid::nil()), limit: 50, ..AuditQuery::default() };
    let about = AuditQuery { member: Some(MemberId(Uuid::nil())), ..query };
    let by = AuditQuery { by: Some(AdminId(Uuid::nil())), ..query };
    let kind = AuditQuery { kind: Some(AuditKind::Banned), ..query };
    for query in [query, about, by, kind] {
        assert_indexed(&database, &audit::meant(&query)).await;
    }
    let day = Timestamp::from_unix_millis(0);
    assert_indexed(&database, &audit::by_day(&DayRange { from: day, to: day })).await;
    assert_indexed(&database, &audit::before(day)).await;
}

async fn an_administrator_is_found_by_index(database: FreshDatabase) {
    assert_indexed(&database, &admins::named(&AdminName::parse("ann").unwrap())).await;
    assert_indexed(&database, &admins::session(&Fingerprint([1; 32]))).await;
}

async fn what_a_receiver_is_still_to_be_told_is_found_by_index(database: FreshDatabase) {
    let (crm, now) = (ReceiverName::parse("crm").unwrap(), Timestamp::from_unix_millis(0));
    let event = DomainEvent {
        id: Uuid::nil(),
        at: now,
        kind: EventKind::Merged,
        member: MemberId(Uuid::nil()),
        merged_member: Some(MemberId(Uuid::max())),
    };
    assert_indexed(&database, &due(&crm, now)).await;
    assert_indexed(&database, &last_position(&crm, &event)).await;
    assert_indexed(&database, &oldest(&crm)).await;
}

async fn whether_anyone_is_known_in_an_app_is_found_by_index(database: FreshDatabase) {
    assert_indexed(&database, &one_in("wechat:app:wx1")).await;
}

async fn a_look_up_without_an_index_would_be_noticed(database: FreshDatabase) {
    let unindexed = member::Entity::find().filter(member::Column::Nickname.eq("Ann"));
    let plan = plan(&database, &unindexed).await;
    assert!(scans(&plan), "{plan}");
}
