//! Query plans: every look-up uses an index, on every database.

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

use crate::store::encryption::rekey::phones::plaintext_phones;
use crate::store::entity::{identity, member, session};
use crate::store::repository::member_search::{by_subject, page};
use crate::store::repository::outbox::{due, last_position, oldest_time};
use crate::store::repository::pushes::delete_seen_before;
use crate::store::repository::sessions::with_member;
use crate::store::repository::tombstones::any_of;
use crate::store::repository::{admins, audit, identities, session_keys};

testkit::on_every_database! {
    member_look_up_uses_an_index
    plaintext_phone_look_up_uses_an_index
    subject_look_up_uses_an_index
    namespace_look_up_uses_an_index
    session_look_up_uses_an_index
    cascading_deletes_of_a_member_use_an_index
    tombstone_look_up_uses_an_index
    deletion_of_seen_pushes_uses_an_index
    member_search_uses_an_index
    audit_log_queries_use_an_index
    admin_look_up_uses_an_index
    outbox_queries_use_an_index
    look_up_without_an_index_is_detected
}

/// Query plan of a statement, in the format of the database.
async fn plan(database: &FreshDatabase, statement: &impl QueryTrait) -> String {
    let (explain, column, backend) = match database.kind() {
        Kind::Sqlite => ("EXPLAIN QUERY PLAN", "detail", DbBackend::Sqlite),
        Kind::Postgresql => ("EXPLAIN", "QUERY PLAN", DbBackend::Postgres),
        Kind::Mariadb => ("EXPLAIN FORMAT = JSON", "EXPLAIN", DbBackend::MySql),
    };
    migration::up(database.url()).await.unwrap();
    let connection = database.connect().await;
    if backend == DbBackend::Postgres {
        // PostgreSQL would scan a table with so few rows, with or without an index.
        connection.execute_unprepared("SET enable_seqscan = off").await.unwrap();
    }
    let statement = statement.build(backend).to_string();
    let explain = Statement::from_string(backend, format!("{explain} {statement}"));
    let rows = connection.query_all_raw(explain).await.unwrap();
    connection.close().await.unwrap();
    let steps = rows.iter().map(|row| row.try_get::<String>("", column).unwrap());
    steps.fold(statement, |all, step| format!("{all}\n{step}"))
}

/// Returns true if a plan reads every row of a table, or every entry of an index.
fn scans(plan: &str) -> bool {
    ["\nSCAN", "Seq Scan", "\"access_type\": \"ALL\"", "\"access_type\": \"index\""]
        .iter()
        .any(|scan| plan.contains(scan))
}

async fn assert_indexed(database: &FreshDatabase, statement: &impl QueryTrait) {
    let plan = plan(database, statement).await;
    assert!(!scans(&plan), "{plan}");
}

async fn member_look_up_uses_an_index(database: FreshDatabase) {
    assert_indexed(&database, &member::Entity::find_by_id(Uuid::nil())).await;
}

async fn plaintext_phone_look_up_uses_an_index(database: FreshDatabase) {
    assert_indexed(&database, &plaintext_phones()).await;
}

async fn subject_look_up_uses_an_index(database: FreshDatabase) {
    let subject = Subject { namespace: "n".into(), kind: SubjectKind::OpenId, value: "v".into() };
    assert_indexed(&database, &identities::all_of_member_with(&subject)).await;
    assert_indexed(&database, &session_keys::by_user(&subject)).await;
}

async fn namespace_look_up_uses_an_index(database: FreshDatabase) {
    assert_indexed(&database, &identities::any_in_namespace("wechat:app:wx1")).await;
}

async fn session_look_up_uses_an_index(database: FreshDatabase) {
    assert_indexed(&database, &with_member(SessionId(Uuid::nil()))).await;
    assert_indexed(&database, &session::Entity::find_by_id(Uuid::nil())).await;
}

async fn cascading_deletes_of_a_member_use_an_index(database: FreshDatabase) {
    let identities = identity::Entity::find().filter(identity::Column::MemberId.eq(Uuid::nil()));
    assert_indexed(&database, &identities).await;
    let sessions = session::Entity::find().filter(session::Column::MemberId.eq(Uuid::nil()));
    assert_indexed(&database, &sessions).await;
}

async fn tombstone_look_up_uses_an_index(database: FreshDatabase) {
    assert_indexed(&database, &any_of(&[Fingerprint([1; 32]), Fingerprint([2; 32])])).await;
}

async fn deletion_of_seen_pushes_uses_an_index(database: FreshDatabase) {
    assert_indexed(&database, &delete_seen_before(Timestamp::from_unix_millis(0))).await;
}

async fn member_search_uses_an_index(database: FreshDatabase) {
    let query =
        MemberQuery { filter: MemberFilter::Any, before: Some(MemberId(Uuid::nil())), limit: 50 };
    assert_indexed(&database, &page(&query, None)).await;
    for column in [member::Column::PhoneIndex, member::Column::PhoneMask] {
        assert_indexed(&database, &page(&query, Some(column.eq(vec![1_u8])))).await;
    }
    assert_indexed(&database, &by_subject("oAlice")).await;
}

async fn audit_log_queries_use_an_index(database: FreshDatabase) {
    let all = AuditQuery { before: Some(Uuid::nil()), limit: 50, ..AuditQuery::default() };
    let of_member = AuditQuery { member: Some(MemberId(Uuid::nil())), ..all };
    let by_actor = AuditQuery { actor: Some(AdminId(Uuid::nil())), ..all };
    let of_kind = AuditQuery { kind: Some(AuditKind::Banned), ..all };
    for query in [all, of_member, by_actor, of_kind] {
        assert_indexed(&database, &audit::matching(&query)).await;
    }
    let day = Timestamp::from_unix_millis(0);
    assert_indexed(&database, &audit::counts_by_day(&DayRange { from: day, to: day })).await;
    assert_indexed(&database, &audit::delete_before(day)).await;
}

async fn admin_look_up_uses_an_index(database: FreshDatabase) {
    assert_indexed(&database, &admins::by_name(&AdminName::parse("ann").unwrap())).await;
    assert_indexed(&database, &admins::session_by_token(&Fingerprint([1; 32]))).await;
}

async fn outbox_queries_use_an_index(database: FreshDatabase) {
    let receiver = ReceiverName::parse("crm").unwrap();
    let now = Timestamp::from_unix_millis(0);
    let event = DomainEvent {
        id: Uuid::nil(),
        at: now,
        kind: EventKind::Merged,
        member: MemberId(Uuid::nil()),
        merged_member: Some(MemberId(Uuid::max())),
    };
    assert_indexed(&database, &due(&receiver, now)).await;
    assert_indexed(&database, &last_position(&receiver, &event)).await;
    assert_indexed(&database, &oldest_time(&receiver)).await;
}

async fn look_up_without_an_index_is_detected(database: FreshDatabase) {
    let unindexed = member::Entity::find().filter(member::Column::Nickname.eq("Ann"));
    let plan = plan(&database, &unindexed).await;
    assert!(scans(&plan), "{plan}");
}
