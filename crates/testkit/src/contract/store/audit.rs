//! Audit log.

use std::time::Duration;

use domain::model::admin::AdminId;
use domain::model::app::name::AppName;
use domain::model::audit::query::{AuditQuery, DailyCount, DayRange};
use domain::model::audit::{AuditEvent, AuditKind};
use domain::model::member::MemberId;
use domain::model::request_id::RequestId;
use domain::model::session::SessionId;
use domain::model::timestamp::Timestamp;
use uuid::Uuid;

use super::{Backend, NOW, RANDOM, Shared, add_known_member, open_id};

const DAY: Duration = Duration::from_hours(24);

/// Returns the event number `nth` of a test, one second after the previous one.
pub(super) fn event(nth: u64, kind: AuditKind) -> AuditEvent {
    let at = NOW.plus(Duration::from_secs(nth));
    AuditEvent {
        id: MemberId::generate(at, &RANDOM).0,
        at,
        kind,
        detail: None,
        count: 1,
        member: None,
        session: None,
        merged_member: None,
        app: None,
        actor: None,
        target_admin: None,
        request: None,
    }
}

async fn record(store: &dyn Backend, events: &[AuditEvent]) {
    let unit = store.begin().await.unwrap();
    for event in events {
        unit.audit().record(event).await.unwrap();
    }
    unit.commit().await.unwrap();
}

fn all() -> AuditQuery {
    AuditQuery { limit: 100, ..AuditQuery::default() }
}

/// Events are stored once, atomically with their unit of work, and read back unchanged.
pub async fn audit_event_round_trip_keeps_every_field(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let full = AuditEvent {
        detail: Some("x".repeat(128)),
        count: u32::MAX,
        member: Some(member),
        session: Some(SessionId(Uuid::from_u128(1))),
        merged_member: Some(MemberId(Uuid::from_u128(2))),
        app: Some(AppName::parse(&"a-_9".repeat(8)).unwrap()),
        actor: Some(AdminId(Uuid::from_u128(3))),
        target_admin: Some(AdminId(Uuid::from_u128(4))),
        request: RequestId::parse(&"r".repeat(64)),
        ..event(0, AuditKind::Merged)
    };
    let mut events = vec![full];
    events.extend((1..).zip(AuditKind::ALL).map(|(nth, &kind)| event(nth, kind)));
    for event in &events {
        let unit = store.begin().await.unwrap();
        unit.audit().record(event).await.unwrap();
        assert!(unit.audit().record(event).await.is_err(), "an event is recorded once");
    }
    assert_eq!(store.events(&all()).await.unwrap(), [], "dropped units of work store no event");
    record(&*store, &events).await;
    events.reverse();
    assert_eq!(store.events(&all()).await.unwrap(), events);
}

/// Events are found by kind, member and actor, page by page.
pub async fn audit_events_are_filtered_and_paged(store: Shared) {
    let alice = MemberId(Uuid::from_u128(1));
    let bob = MemberId(Uuid::from_u128(2));
    let ann = AdminId(Uuid::from_u128(3));
    let events = [
        event(0, AuditKind::LoggedIn).with_member(alice),
        event(1, AuditKind::LoggedIn).with_member(bob),
        AuditEvent { merged_member: Some(alice), ..event(2, AuditKind::Merged).with_member(bob) },
        event(3, AuditKind::Banned).with_member(alice).with_actor(Some(ann)),
        event(4, AuditKind::LoginRefused),
    ];
    record(&*store, &events).await;
    let [first, second, third, fourth, fifth] = events;
    let of = |query: AuditQuery| {
        let store = store.clone();
        async move { store.events(&query).await.unwrap() }
    };
    let about = |member| AuditQuery { member: Some(member), ..all() };
    assert_eq!(of(about(alice)).await, [fourth.clone(), third.clone(), first.clone()]);
    assert_eq!(of(about(bob)).await, [third.clone(), second.clone()]);
    let logins = AuditQuery { kind: Some(AuditKind::LoggedIn), ..all() };
    assert_eq!(of(logins).await, [second.clone(), first.clone()]);
    let bobs = AuditQuery { member: Some(bob), ..logins };
    assert_eq!(of(bobs).await, std::slice::from_ref(&second));
    let anns = AuditQuery { actor: Some(ann), ..all() };
    assert_eq!(of(anns).await, std::slice::from_ref(&fourth));
    let page = AuditQuery { limit: 2, ..all() };
    assert_eq!(of(page).await, [fifth, fourth.clone()]);
    assert_eq!(of(AuditQuery { before: Some(fourth.id), ..page }).await, [third, second]);
}

/// Events are counted by day; both ends of a day are exact.
pub async fn audit_events_are_counted_by_day(store: Shared) {
    let from = Timestamp::from_unix_millis(NOW.unix_millis() - 1_234_567);
    let at = |at: Timestamp, kind, detail: Option<&str>| AuditEvent {
        id: MemberId::generate(at, &RANDOM).0,
        at,
        detail: detail.map(str::to_owned),
        ..event(0, kind)
    };
    let last = |day: Timestamp| Timestamp::from_unix_millis(day.plus(DAY).unix_millis() - 1);
    let second = from.plus(DAY);
    let to = from.plus(DAY * 2);
    let refused = AuditKind::LoginRefused;
    record(
        &*store,
        &[
            at(Timestamp::from_unix_millis(from.unix_millis() - 1), refused, None),
            AuditEvent { count: 1_000_000, ..at(from, refused, Some("banned")) },
            at(last(from), refused, Some("banned")),
            at(last(from), refused, Some("guest_account")),
            at(second, refused, None),
            at(last(second), AuditKind::LoggedIn, None),
            at(to, refused, None),
        ],
    )
    .await;
    let mut counts = store.count_by_day(&DayRange { from, to }).await.unwrap();
    counts.sort_by_key(|count| (count.day, count.kind.name(), count.detail.clone()));
    let count = |day, kind, detail: Option<&str>, count| DailyCount {
        day,
        kind,
        detail: detail.map(str::to_owned),
        count,
    };
    let expected = [
        count(from, refused, Some("banned"), 1_000_001),
        count(from, refused, Some("guest_account"), 1),
        count(second, AuditKind::LoggedIn, None, 1),
        count(second, refused, None, 1),
    ];
    assert_eq!(counts, expected);
}
