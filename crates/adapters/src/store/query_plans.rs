//! Every look-up uses an index, however many rows there are.

use domain::admin::{AdminId, AdminName};
use domain::audit::AuditKind;
use domain::audit_query::{AuditQuery, Days};
use domain::identity::{Subject, SubjectKind};
use domain::member::MemberId;
use domain::member_query::{Criterion, MemberQuery};
use domain::redemption::Fingerprint;
use domain::timestamp::Timestamp;
use sea_orm::sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, raw_sql};
use sea_orm::{ColumnTrait, DbBackend, EntityTrait, QueryFilter, QueryTrait};
use uuid::Uuid;

use crate::store::entity::{identity, member, session};
use crate::store::identities::with_the_same_owner;
use crate::store::pushes::seen_before;
use crate::store::rekey::phones::in_clear;
use crate::store::search::{known_as, page};
use crate::store::session_keys;
use crate::store::tombstones::one_of;
use crate::store::{admins, audit};

/// How SQLite goes about a statement, step by step.
async fn plan(statement: String) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("plans.db").display());
    migration::up(&url).await.unwrap();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = raw_sql(explain).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

async fn assert_indexed(statement: &impl QueryTrait) {
    let statement = statement.build(DbBackend::Sqlite).to_string();
    let plan = plan(statement.clone()).await;
    assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{statement}: {plan:?}");
    assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{statement}: {plan:?}");
}

#[tokio::test]
async fn a_member_is_found_by_index() {
    assert_indexed(&member::Entity::find_by_id(Uuid::nil())).await;
}

#[tokio::test]
async fn numbers_in_clear_are_found_by_index() {
    assert_indexed(&in_clear()).await;
}

#[tokio::test]
async fn an_owner_is_found_by_index() {
    let subject = Subject { namespace: "n".into(), kind: SubjectKind::OpenId, value: "v".into() };
    assert_indexed(&with_the_same_owner(&subject)).await;
    assert_indexed(&session_keys::of(&subject)).await;
}

#[tokio::test]
async fn a_session_is_found_by_index() {
    let session = session::Entity::find_by_id(Uuid::nil());
    assert_indexed(&session.clone().find_also_related(member::Entity)).await;
    assert_indexed(&session).await;
}

#[tokio::test]
async fn all_that_goes_with_a_member_is_found_by_index() {
    assert_indexed(&identity::Entity::find().filter(identity::Column::MemberId.eq(Uuid::nil())))
        .await;
    assert_indexed(&session::Entity::find().filter(session::Column::MemberId.eq(Uuid::nil())))
        .await;
}

#[tokio::test]
async fn a_tombstone_is_found_by_index() {
    assert_indexed(&one_of(&[Fingerprint([1; 32]), Fingerprint([2; 32])])).await;
}

#[tokio::test]
async fn what_was_seen_is_forgotten_by_index() {
    assert_indexed(&seen_before(Timestamp::from_unix_millis(0))).await;
}

#[tokio::test]
async fn members_are_searched_by_index() {
    let query =
        MemberQuery { criterion: Criterion::Any, before: Some(MemberId(Uuid::nil())), limit: 50 };
    assert_indexed(&page(&query, None)).await;
    assert_indexed(&page(&query, Some(member::Column::PhoneIndex.eq(vec![1_u8])))).await;
    assert_indexed(&page(&query, Some(member::Column::PhoneMask.eq(vec![1_u8])))).await;
    assert_indexed(&known_as("oAlice")).await;
}

#[tokio::test]
async fn the_record_is_read_by_index() {
    let query = AuditQuery { before: Some(Uuid::nil()), limit: 50, ..AuditQuery::default() };
    let about = AuditQuery { member: Some(MemberId(Uuid::nil())), ..query };
    let by = AuditQuery { by: Some(AdminId(Uuid::nil())), ..query };
    let kind = AuditQuery { kind: Some(AuditKind::Banned), ..query };
    for query in [query, about, by, kind] {
        assert_indexed(&audit::meant(&query)).await;
    }
    let day = Timestamp::from_unix_millis(0);
    assert_indexed(&audit::by_day(&Days { from: day, to: day })).await;
    assert_indexed(&audit::before(day)).await;
}

#[tokio::test]
async fn an_administrator_is_found_by_index() {
    assert_indexed(&admins::named(&AdminName::parse("ann").unwrap())).await;
    assert_indexed(&admins::session(&Fingerprint([1; 32]))).await;
}

#[tokio::test]
async fn a_look_up_without_an_index_would_be_noticed() {
    let unindexed = member::Entity::find().filter(member::Column::Nickname.eq("Ann"));
    let plan = plan(unindexed.build(DbBackend::Sqlite).to_string()).await;
    assert!(plan.iter().any(|step| step.starts_with("SCAN")), "{plan:?}");
}
