//! Query plans: every look-up uses an index, on every database.

use domain::model::admin::{AdminId, AdminName};
use domain::model::audit::AuditKind;
use domain::model::audit::query::{AuditQuery, DayRange};
use domain::model::cleanup::CleanupDuty;
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
    StatementBuilder,
};
use testkit::databases::{FreshDatabase, Kind};
use uuid::Uuid;

use crate::store::encryption::rekey::phones::plaintext_phones;
use crate::store::entity::{identity, member, session};
use crate::store::repository::expired_rows::AgingTable;
use crate::store::repository::member_search::{by_subject, page};
use crate::store::repository::outbox::{due, last_position, oldest_time};
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
    cleanup_uses_an_index
    member_search_uses_an_index
    audit_log_queries_use_an_index
    admin_look_up_uses_an_index
    outbox_queries_use_an_index
    look_up_without_an_index_is_detected
}

/// Backend of a database.
fn backend(database: &FreshDatabase) -> DbBackend {
    match database.kind() {
        Kind::Sqlite => DbBackend::Sqlite,
        Kind::Postgresql => DbBackend::Postgres,
        Kind::Mariadb => DbBackend::MySql,
    }
}

/// Query plan of a statement, in the format of the database.
async fn plan(database: &FreshDatabase, statement: &impl QueryTrait) -> String {
    explain(database, &statement.build(backend(database))).await
}

/// Query plan of a statement that was not built by an entity.
async fn plan_of(database: &FreshDatabase, statement: &impl StatementBuilder) -> String {
    explain(database, &statement.build(&backend(database))).await
}

async fn explain(database: &FreshDatabase, statement: &Statement) -> String {
    let (explain, column) = match database.kind() {
        Kind::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        Kind::Postgresql => ("EXPLAIN", "QUERY PLAN"),
        Kind::Mariadb => ("EXPLAIN FORMAT = JSON", "EXPLAIN"),
    };
    migration::up(database.url()).await.unwrap();
    let connection = database.connect().await;
    if database.kind() == Kind::Postgresql {
        // PostgreSQL would scan a table with so few rows, with or without an index.
        connection.execute_unprepared("SET enable_seqscan = off").await.unwrap();
    }
    let statement = statement.to_string();
    let explain = Statement::from_string(backend(database), format!("{explain} {statement}"));
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

/// Returns true if a plan reads the entries of an index in their order, until it has enough of them.
fn reads_in_order(plan: &str) -> bool {
    let sorts = ["USE TEMP B-TREE", "Sort", "filesort"].iter().any(|sort| plan.contains(sort));
    !sorts && !plan.contains("Seq Scan") && !plan.contains("\"access_type\": \"ALL\"")
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
    assert_indexed(&database, &any_of([vec![1; 32], vec![2; 32]])).await;
}

async fn cleanup_uses_an_index(database: FreshDatabase) {
    let receivers = vec![ReceiverName::parse("crm").unwrap()];
    let until = Timestamp::from_unix_millis(0);
    for duty in [
        CleanupDuty::Redemptions,
        CleanupDuty::Sessions,
        CleanupDuty::SessionKeys,
        CleanupDuty::AdminSessions,
        CleanupDuty::SeenPushes,
        CleanupDuty::AuditEvents,
        CleanupDuty::OrphanedEvents(vec![]),
        CleanupDuty::OrphanedEvents(receivers),
    ] {
        let table = AgingTable::of(&duty);
        let delete = table.delete_batch(backend(&database), until, 1_000);
        let delete = plan_of(&database, &delete).await;
        assert!(!scans(&delete), "{delete}");
        let oldest = plan_of(&database, &table.oldest_time()).await;
        // MariaDB may read the orphaned events only, by another index, and sort them.
        assert!(reads_in_order(&oldest) || !scans(&oldest), "{oldest}");
    }
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
    let counts = audit::counts_by_day(&DayRange { from: day, to: day }, backend(&database));
    assert_indexed(&database, &counts).await;
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
