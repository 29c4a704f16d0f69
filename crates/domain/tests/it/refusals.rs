//! Refusals in the audit log.

use std::time::Duration;

use domain::model::audit::AuditKind;
use domain::model::audit::query::DayRange;
use domain::model::clock::Clock;
use domain::model::login::LoginRequest;
use domain::model::secret::LoginCode;
use domain::ports::store::audit::AuditReader;

use crate::harness::LoginHarness;

/// Minute in which refusals are counted together.
const MINUTE: Duration = Duration::from_mins(1);

async fn log_in_with_unknown_code(harness: &LoginHarness) {
    let request = LoginRequest {
        code: LoginCode::parse("unknown").unwrap(),
        app: None,
        phone_code: None,
        nickname: None,
        on_conflict: None,
        idempotency_key: None,
    };
    harness.login.run(request).await.unwrap_err();
}

#[tokio::test]
async fn refusals_of_unknown_users_become_one_audit_event_per_minute_and_stay_exact_in_statistics()
{
    let harness = LoginHarness::new();
    for _ in 0..1_000 {
        log_in_with_unknown_code(&harness).await;
    }
    assert_eq!(harness.store.audit(), [], "the minute has not ended");
    harness.clock.advance(MINUTE);
    harness.use_cases.record_refusals.run().await.unwrap();
    harness.use_cases.record_refusals.run().await.unwrap();
    let events = harness.store.audit();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (event.kind, event.detail.as_deref()),
        (AuditKind::LoginRefused, Some("code_invalid"))
    );
    assert_eq!(event.count, 1_000);
    let now = harness.clock.now();
    let days = DayRange { from: now.minus(MINUTE * 60), to: now.plus(MINUTE * 60) };
    let counts = harness.store.count_by_day(&days).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.count).sum::<u64>(), 1_000);
    // The refusals of a minute that has not ended are written when the server stops.
    log_in_with_unknown_code(&harness).await;
    harness.use_cases.record_refusals.run().await.unwrap();
    assert_eq!(harness.store.audit().len(), 1);
    harness.use_cases.record_refusals.flush().await.unwrap();
    assert_eq!(harness.store.audit().len(), 2);
}
