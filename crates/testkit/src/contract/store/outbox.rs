//! The outbox: receivers, due times and order of events.

use std::time::Duration;

use domain::model::event::delivery::{Delivery, ReceiverName};
use domain::model::event::{DomainEvent, EventKind};
use domain::model::member::personal_data::ExportedValue;
use domain::model::member::{Member, MemberId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::UpdateError;

use super::{Backend, CHANCE, NOW, Shared, add_members, all_at_once, member};

/// Receiver of all events.
pub(super) const ALL: &str = "all";

/// Receiver of bans and unbans.
pub(super) const BANS: &str = "bans";

fn receiver(name: &str) -> ReceiverName {
    ReceiverName::parse(name).unwrap()
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn event(kind: EventKind, member: MemberId) -> DomainEvent {
    DomainEvent::new(kind, member, NOW, &CHANCE)
}

fn merged(gone: MemberId, into: MemberId) -> DomainEvent {
    DomainEvent { merged_member: Some(gone), ..event(EventKind::Merged, into) }
}

fn some_member() -> MemberId {
    member().id
}

async fn add(store: &dyn Backend, events: &[&DomainEvent]) {
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

/// The events that are due, in the order of their ids.
async fn due_events(store: &dyn Backend, name: &str, now: Timestamp) -> Vec<DomainEvent> {
    due(store, name, now).await.into_iter().map(|delivery| delivery.event).collect()
}

/// The only delivery that is due.
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
pub async fn an_event_is_kept_for_each_receiver_of_its_kind(store: Shared) {
    let merged = merged(some_member(), some_member());
    let banned = event(EventKind::Banned, some_member());
    let others = EventKind::ALL.iter().copied();
    let others = others.filter(|kind| ![EventKind::Merged, EventKind::Banned].contains(kind));
    let others = others.map(|kind| event(kind, some_member()));
    let mut events: Vec<DomainEvent> = others.chain([merged, banned.clone()]).collect();
    events.sort_by_key(|event| event.id);
    add(&*store, &events.iter().collect::<Vec<_>>()).await;
    assert_eq!(due_events(&*store, ALL, NOW).await, events);
    events.retain(|event| matches!(event.kind, EventKind::Banned | EventKind::Unbanned));
    assert_eq!(due_events(&*store, BANS, NOW).await, events);
    assert_eq!(due_events(&*store, "unknown", NOW).await, []);
    assert!(due(&*store, ALL, NOW).await.iter().all(|delivery| delivery.attempts == 0));

    let held = store.export_member(banned.member).await.unwrap().into_iter();
    let held = held.filter(|holding| holding.table == "outbox").flat_map(|holding| holding.rows);
    let id = ExportedValue::Text(banned.id.to_string());
    let rows = held.filter(|row| row.iter().any(|(_, value)| *value == id)).count();
    assert_eq!(rows, 2, "one for each receiver");
}

/// An event is kept with the change it tells of, or neither is.
pub async fn what_was_not_committed_did_not_happen(store: Shared) {
    let unit = store.begin().await.unwrap();
    unit.outbox().add(&event(EventKind::Banned, some_member())).await.unwrap();
    assert_eq!(due_events(&*store, ALL, NOW).await, []);
    drop(unit);
    assert_eq!(due_events(&*store, ALL, after(1)).await, []);
}

/// Each one only when the one before is gone; of different members all at once.
pub async fn events_of_one_member_are_due_one_after_the_other(store: Shared) {
    let alice = some_member();
    let [first, second, third] =
        [EventKind::Registered, EventKind::PhoneBound, EventKind::Banned].map(|k| event(k, alice));
    let his = event(EventKind::Registered, some_member());
    add(&*store, &[&first, &second]).await;
    add(&*store, &[&his, &third]).await;
    assert_eq!(due(&*store, ALL, NOW).await.len(), 2);
    assert_eq!(only_due(&*store, BANS, NOW).await.event, third, "what others wait for is theirs");
    for expected in [first, second, third] {
        let mut hers = due(&*store, ALL, NOW).await;
        hers.retain(|delivery| delivery.event.member == alice);
        let [next] = <[_; 1]>::try_from(hers).unwrap();
        assert_eq!(next.event, expected);
        remove(&*store, &next).await;
        remove(&*store, &next).await;
    }
    assert_eq!(due_events(&*store, ALL, NOW).await, [his]);
    assert_eq!(due(&*store, BANS, NOW).await.len(), 1, "nothing of theirs was removed");
}

/// Time at which it is due again.
pub async fn what_is_put_off_holds_back_that_member_and_nobody_else(store: Shared) {
    let alice = some_member();
    let bob = some_member();
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
        assert_eq!(next.event, expected, "the later ones are not put off any longer");
        remove(&*store, &next).await;
    }
}

/// Earlier events of both members come before a merge, later events of the remaining one after it.
pub async fn a_merger_waits_for_both_members_and_holds_back_who_is_left(store: Shared) {
    let elder = some_member();
    let younger = some_member();
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
pub async fn a_claim_is_one_callers_until_it_runs_out(store: Shared) {
    let alice = some_member();
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
    assert_eq!(only_due(&*store, ALL, after(120)).await.attempts, 2, "a dropped claim was none");
}

/// Of many, one is given it.
pub async fn of_many_who_claim_one_delivery_at_once_one_does(store: Shared) {
    add(&*store, &[&event(EventKind::Banned, some_member())]).await;
    let delivery = only_due(&*store, ALL, NOW).await;
    let claims = (0..30).map(|_| {
        let store = store.clone();
        let delivery = delivery.clone();
        async move { claim(&*store, &delivery, after(60)).await }
    });
    assert_eq!(all_at_once(claims).await.into_iter().filter(|claimed| *claimed).count(), 1);
}

/// A former owner of a claim does not affect the new one.
pub async fn who_lost_a_claim_puts_nothing_off(store: Shared) {
    let alice = some_member();
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
pub async fn events_outlive_their_member_in_order(store: Shared) {
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

/// Also where many write the member at once, and where their clocks go wrong: event and version agree.
pub async fn events_of_one_member_keep_the_order_in_which_they_were_committed(store: Shared) {
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
                // Later changes at earlier times.
                let at = after((WRITERS - seen.version).into());
                let event = DomainEvent::new(EventKind::ProfileChanged, id, at, &CHANCE);
                unit.outbox().add(&event).await.unwrap();
                return unit.commit().await.unwrap();
            }
        }
    });
    all_at_once(writers).await;
    for version in 0..WRITERS {
        let next = only_due(&*store, ALL, after(100)).await;
        assert_eq!(next.event.at, after((WRITERS - version).into()), "change {version}");
        remove(&*store, &next).await;
    }
}

/// No more, however many there are.
pub async fn at_most_as_many_are_due_as_were_asked_for(store: Shared) {
    let events: Vec<_> = (0..5).map(|_| event(EventKind::Banned, some_member())).collect();
    add(&*store, &events.iter().collect::<Vec<_>>()).await;
    for limit in [0, 1, 5, 9] {
        let due = store.due(&receiver(ALL), NOW, limit).await.unwrap();
        assert_eq!(due.len() as u64, limit.min(5));
    }
}

/// For each receiver apart, due or not.
pub async fn the_oldest_event_of_a_receiver_is_told(store: Shared) {
    let oldest = async |name: &str| store.oldest(&receiver(name)).await.unwrap();
    assert_eq!(oldest(ALL).await, None);
    let old = DomainEvent { at: after(1), ..event(EventKind::Registered, some_member()) };
    let new = DomainEvent { at: after(2), ..event(EventKind::Banned, some_member()) };
    add(&*store, &[&new]).await;
    add(&*store, &[&old]).await;
    assert_eq!((oldest(ALL).await, oldest(BANS).await), (Some(old.at), Some(new.at)));
    let delivery = Delivery { receiver: receiver(ALL), event: old, attempts: 0 };
    assert!(claim(&*store, &delivery, after(60)).await);
    assert_eq!(oldest(ALL).await, Some(after(1)));
    remove(&*store, &delivery).await;
    assert_eq!(oldest(ALL).await, Some(new.at));
}

/// Events of configured receivers stay, however old they are.
pub async fn what_no_receiver_waits_for_is_forgotten_after_a_time(store: Shared) {
    let old = event(EventKind::Banned, some_member());
    let new = DomainEvent { at: after(1), ..event(EventKind::Banned, some_member()) };
    add(&*store, &[&old, &new]).await;
    let forget = async |receivers: &[ReceiverName], then| {
        let unit = store.begin().await.unwrap();
        let forgotten = unit.outbox().remove_orphans(receivers, then).await.unwrap();
        unit.commit().await.unwrap();
        forgotten
    };
    assert_eq!(forget(&[receiver(ALL), receiver(BANS)], after(9)).await, 0);
    assert_eq!(forget(&[receiver(ALL), receiver("others")], after(1)).await, 1);
    assert_eq!(due(&*store, ALL, after(9)).await.len(), 2);
    assert_eq!(only_due(&*store, BANS, after(9)).await.event, new);
    assert_eq!(forget(&[], after(2)).await, 3);
}
