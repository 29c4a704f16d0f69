//! Cleanup of expired rows.

use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::clock::Clock;
use domain::ports::store::Store;
use testkit::fake::provider::MemoryUser;

use crate::harness::{LoginHarness, SESSIONS};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn expired_session_is_deleted_after_a_day() {
    let harness = LoginHarness::new();
    harness.log_in(&MemoryUser::person("oAlice")).await.unwrap();
    harness.clock.advance(SESSIONS.idle);
    harness.cleanup().run().await.unwrap();
    assert_eq!(harness.store.sessions().len(), 1);
    harness.clock.advance(DAY);
    harness.cleanup().run().await.unwrap();
    assert_eq!(harness.store.sessions(), []);
    assert_eq!(harness.store.members().len(), 1);
}

#[tokio::test]
async fn backlog_of_several_batches_is_deleted() {
    let harness = LoginHarness::new();
    let work = harness.store.begin().await.unwrap();
    for _ in 0..2_500 {
        let event = harness.events.audit_event(AuditKind::LoggedIn, harness.clock.now());
        work.audit().record(&event).await.unwrap();
    }
    work.commit().await.unwrap();
    harness.clock.advance(2 * DAY);
    let cleanup = harness.cleanup();
    let is_late = async || {
        let backlogs = cleanup.backlogs().await.unwrap();
        backlogs.iter().any(|backlog| backlog.duty == "audit_events" && backlog.age == DAY)
    };
    assert!(is_late().await);
    cleanup.run().await.unwrap();
    assert_eq!(harness.store.audit(), []);
    assert!(!is_late().await);
}
