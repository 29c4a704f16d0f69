//! The outbox: receivers, due times and order of events.

use std::time::Duration;

use domain::model::event::delivery::{Delivery, ReceiverName};
use domain::model::event::{DomainEvent, EventKind};
use domain::model::member::personal_data::ExportedValue;
use domain::model::member::{Member, MemberId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::UpdateError;

use super::{Backend, NOW, RANDOM, Shared, add_members, member, run_concurrently};

/// Receiver of all events.
pub(in crate::contract) const ALL: &str = "all";

/// Receiver of bans and unbans.
pub(super) const BANS: &str = "bans";

pub(super) fn receiver(name: &str) -> ReceiverName {
    ReceiverName::parse(name).unwrap()
}

pub(super) fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub(super) fn event(kind: EventKind, member: MemberId) -> DomainEvent {
    DomainEvent::new(kind, member, NOW, &RANDOM)
}

fn merged(gone: MemberId, into: MemberId) -> DomainEvent {
    DomainEvent { merged_member: Some(gone), ..event(EventKind::Merged, into) }
}

pub(super) fn member_id() -> MemberId {
    member().id
}

pub(super) async fn add(store: &dyn Backend, events: &[&DomainEvent]) {
    let unit = store.begin().await.unwrap();
    for event in events {
        unit.outbox().add(event).await.unwrap();
    }
    unit.commit().await.unwrap();
}

async fn due(store: &dyn Backend, name: &str, now: Timestamp) -> Vec<Delivery> {
    let mut due = store.due(&receiver(name), now, 100).await.unwrap();
    due.sort_by_key(|delivery| delivery.event.id);
    due
}

/// Returns the due events, sorted by id.
async fn due_events(store: &dyn Backend, name: &str, now: Timestamp) -> Vec<DomainEvent> {
    due(store, name, now).await.into_iter().map(|delivery| delivery.event).collect()
}

/// Returns the only due delivery.
async fn only_due(store: &dyn Backend, name: &str, now: Timestamp) -> Delivery {
    let [only] = <[_; 1]>::try_from(due(store, name, now).await).unwrap();
    only
}

async fn claim(store: &dyn Backend, delivery: &Delivery, until: Timestamp) -> bool {
    let unit = store.begin().await.unwrap();
    let claimed = unit.outbox().claim(delivery, until).await.unwrap();
    unit.commit().await.unwrap();
    claimed
}

async fn reschedule(store: &dyn Backend, claimed: &Delivery, until: Timestamp) {
    let unit = store.begin().await.unwrap();
    unit.outbox().reschedule(claimed, until).await.unwrap();
    unit.commit().await.unwrap();
}

async fn remove(store: &dyn Backend, delivery: &Delivery) {
    let unit = store.begin().await.unwrap();
    unit.outbox().remove(delivery).await.unwrap();
    unit.commit().await.unwrap();
}

fn claimed(delivery: &Delivery) -> Delivery {
    Delivery { attempts: delivery.attempts + 1, ..delivery.clone() }
}

/// Events of every kind are read back unchanged, for subscribed receivers only, and are part of the export.
pub async fn event_is_stored_for_each_subscribed_receiver(store: Shared) {
    let merged = merged(member_id(), member_id());
    let banned = event(EventKind::Banned, member_id());
    let others = EventKind::ALL.iter().copied();
    let others = others.filter(|kind| ![EventKind::Merged, EventKind::Banned].contains(kind));
    let others = others.map(|kind| event(kind, member_id()));
    let mut events: Vec<DomainEvent> = others.chain([merged, banned.clone()]).collect();
    events.sort_by_key(|event| event.id);
    add(&*store, &events.iter().collect::<Vec<_>>()).await;
    assert_eq!(due_events(&*store, ALL, NOW).await, events);
    events.retain(|event| matches!(event.kind, EventKind::Banned | EventKind::Unbanned));
    assert_eq!(due_events(&*store, BANS, NOW).await, events);
    assert_eq!(due_events(&*store, "unknown", NOW).await, []);
    assert!(due(&*store, ALL, NOW).await.iter().all(|delivery| delivery.attempts == 0));

    let export = store.export_member(banned.member).await.unwrap().into_iter();
    let rows = export.filter(|table| table.table == "outbox").flat_map(|table| table.rows);
    let id = ExportedValue::Text(banned.id.to_string());
    let rows = rows.filter(|row| row.iter().any(|(_, value)| *value == id)).count();
    assert_eq!(rows, 2, "one for each receiver");
}

/// An event is stored when its unit of work is committed, and not before.
pub async fn uncommitted_event_is_not_due(store: Shared) {
    let unit = store.begin().await.unwrap();
    unit.outbox().add(&event(EventKind::Banned, member_id())).await.unwrap();
    assert_eq!(due_events(&*store, ALL, NOW).await, []);
    drop(unit);
    assert_eq!(due_events(&*store, ALL, after(1)).await, []);
}

/// An event is due once the previous one of its member is delivered; events of other members do not wait.
pub async fn events_of_one_member_are_due_in_order(store: Shared) {
    let alice = member_id();
    let [first, second, third] =
        [EventKind::Registered, EventKind::PhoneBound, EventKind::Banned].map(|k| event(k, alice));
    let his = event(EventKind::Registered, member_id());
    add(&*store, &[&first, &second]).await;
    add(&*store, &[&his, &third]).await;
    assert_eq!(due(&*store, ALL, NOW).await.len(), 2);
    assert_eq!(only_due(&*store, BANS, NOW).await.event, third, "receivers are independent");
    for expected in [first, second, third] {
        let mut hers = due(&*store, ALL, NOW).await;
        hers.retain(|delivery| delivery.event.member == alice);
        let [next] = <[_; 1]>::try_from(hers).unwrap();
        assert_eq!(next.event, expected);
        remove(&*store, &next).await;
        remove(&*store, &next).await;
    }
    assert_eq!(due_events(&*store, ALL, NOW).await, [his]);
    assert_eq!(due(&*store, BANS, NOW).await.len(), 1, "the other receiver's delivery remains");
}

/// A rescheduled delivery delays later events of its member and receiver, and no others.
pub async fn rescheduled_delivery_delays_only_its_member(store: Shared) {
    let alice = member_id();
    let bob = member_id();
    let [first, second] = [EventKind::Banned, EventKind::Unbanned].map(|k| event(k, alice));
    add(&*store, &[&first, &second]).await;
    let failing = only_due(&*store, ALL, NOW).await;
    assert!(claim(&*store, &failing, after(60)).await);
    reschedule(&*store, &claimed(&failing), after(100)).await;
    let [third, his] = [event(EventKind::Erased, alice), event(EventKind::Erased, bob)];
    add(&*store, &[&third, &his]).await;
    for seconds in [0, 60, 99] {
        assert_eq!(due_events(&*store, ALL, after(seconds)).await, std::slice::from_ref(&his));
    }
    assert_eq!(only_due(&*store, BANS, NOW).await.event, first, "another receiver");
    remove(&*store, &Delivery { event: his, ..failing.clone() }).await;
    let again = only_due(&*store, ALL, after(100)).await;
    assert_eq!(again, claimed(&failing), "the attempt was counted");
    for expected in [first, second, third] {
        let next = only_due(&*store, ALL, after(100)).await;
        assert_eq!(next.event, expected, "later events are delayed no longer");
        remove(&*store, &next).await;
    }
}

/// Earlier events of both members come before a merge, later events of the remaining one after it.
pub async fn merge_event_is_ordered_for_both_members(store: Shared) {
    let elder = member_id();
    let younger = member_id();
    let [first, second] = [elder, younger].map(|member| event(EventKind::Registered, member));
    let merged = merged(younger, elder);
    let last = event(EventKind::Erased, elder);
    add(&*store, &[&first, &second]).await;
    let mut before = due(&*store, ALL, NOW).await;
    assert_eq!(before.len(), 2);
    add(&*store, &[&merged]).await;
    add(&*store, &[&last]).await;
    while let Some(delivery) = before.pop() {
        assert_eq!(due(&*store, ALL, NOW).await.len(), before.len() + 1);
        remove(&*store, &delivery).await;
    }
    for expected in [merged, last] {
        let next = only_due(&*store, ALL, NOW).await;
        assert_eq!(next.event, expected);
        remove(&*store, &next).await;
    }
}

/// A claimed event is not claimed again before the lease ends, and later events of the member wait.
pub async fn expired_claim_can_be_reclaimed(store: Shared) {
    let alice = member_id();
    let [first, second] = [EventKind::Banned, EventKind::Unbanned].map(|k| event(k, alice));
    add(&*store, &[&first, &second]).await;
    let delivery = only_due(&*store, ALL, NOW).await;
    assert!(claim(&*store, &delivery, after(60)).await);
    assert!(!claim(&*store, &delivery, after(60)).await);
    assert_eq!(due(&*store, ALL, after(59)).await, []);
    let again = only_due(&*store, ALL, after(60)).await;
    assert_eq!(again, claimed(&delivery));
    assert!(claim(&*store, &again, after(120)).await);
    let unit = store.begin().await.unwrap();
    assert!(unit.outbox().claim(&claimed(&again), after(180)).await.unwrap());
    drop(unit);
    assert_eq!(only_due(&*store, ALL, after(120)).await.attempts, 2, "the claim was rolled back");
}

/// Of concurrent claims of one delivery one succeeds.
pub async fn concurrent_claims_of_a_delivery_succeed_once(store: Shared) {
    add(&*store, &[&event(EventKind::Banned, member_id())]).await;
    let delivery = only_due(&*store, ALL, NOW).await;
    let claims = (0..30).map(|_| {
        let store = store.clone();
        let delivery = delivery.clone();
        async move { claim(&*store, &delivery, after(60)).await }
    });
    assert_eq!(run_concurrently(claims).await.into_iter().filter(|claimed| *claimed).count(), 1);
}

/// A worker whose claim has expired and was taken over cannot reschedule the delivery.
pub async fn lost_claim_cannot_reschedule_the_delivery(store: Shared) {
    let alice = member_id();
    let [first, second] = [EventKind::Banned, EventKind::Unbanned].map(|k| event(k, alice));
    add(&*store, &[&first, &second]).await;
    let delivery = only_due(&*store, ALL, NOW).await;
    assert!(claim(&*store, &delivery, after(60)).await);
    assert!(claim(&*store, &claimed(&delivery), after(120)).await);
    reschedule(&*store, &claimed(&delivery), after(1)).await;
    assert_eq!(due(&*store, ALL, after(119)).await, []);
    let mine = only_due(&*store, ALL, after(120)).await;
    assert_eq!(mine.attempts, 2);
    remove(&*store, &mine).await;
    assert_eq!(only_due(&*store, ALL, after(1)).await.event, second);
}

/// Events of an erased member are still delivered.
pub async fn events_of_an_erased_member_stay_in_order(store: Shared) {
    let alice = member();
    let [first, last] = [EventKind::Registered, EventKind::Erased].map(|k| event(k, alice.id));
    let unit = store.begin().await.unwrap();
    unit.members().add(&alice).await.unwrap();
    unit.outbox().add(&first).await.unwrap();
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    unit.members().remove(&alice).await.unwrap();
    unit.outbox().add(&last).await.unwrap();
    unit.commit().await.unwrap();
    store.purge_deleted().await.unwrap();
    for expected in [first, last] {
        let next = only_due(&*store, ALL, NOW).await;
        assert_eq!(next.event, expected);
        remove(&*store, &next).await;
    }
}

/// Events are delivered in the order of the commits, also with concurrent writers and wrong clocks.
pub async fn events_of_one_member_keep_commit_order(store: Shared) {
    const WRITERS: u32 = 10;
    let alice = member();
    add_members(&*store, &[&alice]).await;
    let writers = (0..WRITERS).map(|_| {
        let store = store.clone();
        let id = alice.id;
        async move {
            loop {
                let unit = store.begin().await.unwrap();
                let seen: Member = unit.members().find(id).await.unwrap().unwrap();
                match unit.members().update(&seen).await {
                    Ok(()) => {}
                    Err(UpdateError::Stale) => continue,
                    Err(error) => panic!("{error:?}"),
                }
                // Later changes have earlier times.
                let at = after((WRITERS - seen.version).into());
                let event = DomainEvent::new(EventKind::ProfileChanged, id, at, &RANDOM);
                unit.outbox().add(&event).await.unwrap();
                return unit.commit().await.unwrap();
            }
        }
    });
    run_concurrently(writers).await;
    for version in 0..WRITERS {
        let next = only_due(&*store, ALL, after(100)).await;
        assert_eq!(next.event.at, after((WRITERS - version).into()), "change {version}");
        remove(&*store, &next).await;
    }
}

/// A query returns at most `limit` deliveries.
pub async fn due_deliveries_respect_the_limit(store: Shared) {
    let events: Vec<_> = (0..5).map(|_| event(EventKind::Banned, member_id())).collect();
    add(&*store, &events.iter().collect::<Vec<_>>()).await;
    for limit in [0, 1, 5, 9] {
        let due = store.due(&receiver(ALL), NOW, limit).await.unwrap();
        assert_eq!(due.len() as u64, limit.min(5));
    }
}

/// The oldest event is determined per receiver and includes deliveries that are not due.
pub async fn oldest_event_of_a_receiver(store: Shared) {
    let oldest = async |name: &str| store.oldest(&receiver(name)).await.unwrap();
    assert_eq!(oldest(ALL).await, None);
    let old = DomainEvent { at: after(1), ..event(EventKind::Registered, member_id()) };
    let new = DomainEvent { at: after(2), ..event(EventKind::Banned, member_id()) };
    add(&*store, &[&new]).await;
    add(&*store, &[&old]).await;
    assert_eq!((oldest(ALL).await, oldest(BANS).await), (Some(old.at), Some(new.at)));
    let delivery = Delivery { receiver: receiver(ALL), event: old, attempts: 0 };
    assert!(claim(&*store, &delivery, after(60)).await);
    assert_eq!(oldest(ALL).await, Some(after(1)));
    remove(&*store, &delivery).await;
    assert_eq!(oldest(ALL).await, Some(new.at));
}
