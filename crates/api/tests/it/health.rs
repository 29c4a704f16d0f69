//! What load balancers and operators ask.

use std::sync::Arc;
use std::time::Duration;

use api::server::drain::Drain;
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::Subject;
use domain::model::login::redemption::Redemption;
use domain::model::member::personal_data::ExportedTable;
use domain::model::member::query::MemberQuery;
use domain::model::member::{Member, MemberId};
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::session::{Session, SessionId};
use domain::ports::store::error::StoreError;
use domain::ports::store::members::MemberReader;
use domain::ports::store::members::MockMemberReader;
use salvo::async_trait;
use tokio::time::timeout;

use crate::call::get;
use crate::house::House;

#[tokio::test]
async fn a_service_over_a_store_that_answers_is_live_and_ready() {
    let house = House::new();
    let answer = get("/health/live").send(&house).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"live"}"#));
    let answer = get("/health/ready").send(&house).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ready"}"#));
}

#[tokio::test]
async fn a_service_over_a_broken_store_is_live_but_not_ready() {
    let mut directory = MockMemberReader::new();
    directory.expect_ready().returning(|| Err(StoreError::new("disk-canary")));
    let house = House::planned(|plan| plan.directory = Arc::new(directory));
    assert_eq!(get("/health/live").send(&house).await.status, 200);
    let answer = get("/health/ready").send(&house).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"status":"unavailable"}"#));
}

#[tokio::test]
async fn a_service_that_is_about_to_stop_serves_on_but_is_not_ready_and_keeps_no_connection() {
    let drain = Drain::default();
    let house = House::planned(|plan| plan.drain = drain.clone());
    assert!(!get("/health/live").send(&house).await.headers.contains_key("connection"));
    drain.begin();
    let ready = get("/health/ready").send(&house).await;
    assert_eq!((ready.status, ready.body.as_str()), (503, r#"{"status":"unavailable"}"#));
    let token = house.token_of("alice").await;
    for answer in [get("/me").bearer(&token).send(&house).await, get("/none").send(&house).await] {
        assert_eq!(answer.header("connection"), "close", "{}", answer.body);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for() {
    struct Silent;
    #[async_trait]
    impl MemberReader for Silent {
        async fn find(&self, _id: MemberId) -> Result<Option<Member>, StoreError> {
            std::future::pending().await
        }

        async fn find_session(
            &self,
            _id: SessionId,
        ) -> Result<Option<(Session, Member)>, StoreError> {
            std::future::pending().await
        }

        async fn list_sessions(&self, _member: MemberId) -> Result<Vec<Session>, StoreError> {
            std::future::pending().await
        }

        async fn search(&self, _query: &MemberQuery) -> Result<Vec<Member>, StoreError> {
            std::future::pending().await
        }

        async fn export_member(&self, _member: MemberId) -> Result<Vec<ExportedTable>, StoreError> {
            std::future::pending().await
        }

        async fn withdrawals(&self, _limit: u64) -> Result<Vec<Withdrawal>, StoreError> {
            std::future::pending().await
        }

        async fn list_identities(&self, _member: MemberId) -> Result<Vec<Subject>, StoreError> {
            std::future::pending().await
        }

        async fn find_session_key(
            &self,
            _user: &Subject,
        ) -> Result<Option<SealedSessionKey>, StoreError> {
            std::future::pending().await
        }

        async fn find_redemption(
            &self,
            _code: &Fingerprint,
        ) -> Result<Option<Redemption>, StoreError> {
            std::future::pending().await
        }

        async fn ready(&self) -> Result<(), StoreError> {
            std::future::pending().await
        }
    }
    let house = House::planned(|plan| plan.directory = Arc::new(Silent));
    let answer = timeout(Duration::from_secs(10), get("/health/ready").send(&house)).await;
    assert_eq!(answer.unwrap().status, 503);
}
