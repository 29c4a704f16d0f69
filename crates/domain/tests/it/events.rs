//! Domain events: one per change, delivered at least once and in order per member.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::event::delivery::{Delivery, ReceiverName};
use domain::model::event::{DomainEvent, EventKind};
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::model::member::{MemberId, ProfileChange};
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::timestamp::Timestamp;
use domain::ports::event_sink::{DeliveryError, EventSink};
use domain::ports::store::Store;
use domain::use_cases::cleanup::Cleanup;
use domain::use_cases::event::deliver::{CLAIM_LEASE, DeliverEvents, Outcome};
use domain::use_cases::member::ban::{BanMember, StatusChange};
use domain::use_cases::member::bind_phone::PhoneProofInput;
use domain::use_cases::member::erase::EraseMember;
use domain::use_cases::member::update_profile::UpdateProfile;
use testkit::fake::provider::MemoryUser;
use testkit::fake::random::FixedRandom;
use uuid::Uuid;

use crate::harness::LoginHarness;

/// Maximum age of an event; older deliveries are abandoned.
const MAX_AGE: Duration = Duration::from_hours(24);

fn crm() -> ReceiverName {
    ReceiverName::parse("crm").unwrap()
}

fn ban(harness: &LoginHarness) -> Arc<BanMember> {
    harness.use_cases.ban_member.clone()
}

fn erase(harness: &LoginHarness) -> Arc<EraseMember> {
    harness.use_cases.erase_member.clone()
}

fn rename(harness: &LoginHarness) -> Arc<UpdateProfile> {
    harness.use_cases.update_profile.clone()
}

fn named(name: &str) -> ProfileChange {
    ProfileChange { nickname: Some(Nickname::parse(name).unwrap()), ..ProfileChange::default() }
}

/// Returns the events in the outbox, oldest first.
fn outbox_events(harness: &LoginHarness) -> Vec<(EventKind, MemberId, Option<MemberId>)> {
    let deliveries = harness.store.outbox().into_iter();
    deliveries
        .map(|Delivery { event, .. }| (event.kind, event.member, event.merged_member))
        .collect()
}

#[tokio::test]
async fn every_change_adds_one_domain_event() {
    let harness = LoginHarness::new();
    let alice = MemoryUser::person("oAlice");
    let logged_in = harness.log_in_with_phone(&alice, "13800138000").await.unwrap();
    let id = logged_in.member;
    let caller = harness.caller(&logged_in);
    harness.log_in_with_phone(&alice, "13800138000").await.unwrap();
    harness.log_in_with_phone(&alice, "13900139000").await.unwrap();
    for _ in 0..2 {
        rename(&harness).run(&caller, named("Ann")).await.unwrap();
    }
    let bind = &harness.use_cases.bind_phone;
    let phone = PhoneNumber::new(86, "13700137000").unwrap();
    for _ in 0..2 {
        let code = PhoneProofInput::Code(harness.provider.phone_code(&alice, &phone));
        bind.run(&caller, &code).await.unwrap();
    }
    ban(&harness).set_status(&StatusChange::ban(id, None)).await.unwrap();
    assert!(harness.log_in(&alice).await.is_err());
    ban(&harness).set_status(&StatusChange::unban(id, None)).await.unwrap();
    erase(&harness).run(id, None).await.unwrap();
    let kinds = [
        EventKind::Registered,
        EventKind::PhoneBound,
        EventKind::ProfileChanged,
        EventKind::PhoneBound,
        EventKind::Banned,
        EventKind::Unbanned,
        EventKind::Erased,
    ];
    assert_eq!(outbox_events(&harness), kinds.map(|kind| (kind, id, None)));
}

#[tokio::test]
async fn withdrawal_adds_a_domain_event() {
    for (withdrawn, nickname, expected) in [
        (WithdrawnData::Phone, Some("Ann"), [EventKind::PhoneWithdrawn].as_slice()),
        (WithdrawnData::Phone, None, &[EventKind::PhoneWithdrawn, EventKind::ProfileChanged]),
        (WithdrawnData::Nickname, Some("Ann"), &[EventKind::ProfileChanged]),
        (WithdrawnData::Avatar, Some("Ann"), &[]),
        (WithdrawnData::Account, Some("Ann"), &[EventKind::Erased]),
    ] {
        let harness = LoginHarness::new();
        let alice = MemoryUser::person("oAlice");
        let logged_in = harness.log_in_with_phone(&alice, "13800138000").await.unwrap();
        if let Some(name) = nickname {
            rename(&harness).run(&harness.caller(&logged_in), named(name)).await.unwrap();
        }
        let before = outbox_events(&harness).len();
        let app = &harness.apps.select(None).unwrap();
        let user = app.subject_of("oAlice");
        let now = harness.clock.now();
        let withdrawal =
            Withdrawal::new(app.name.clone(), user, withdrawn, now, harness.events.random.as_ref());
        let work = harness.store.begin().await.unwrap();
        work.pushes().add(&withdrawal).await.unwrap();
        work.commit().await.unwrap();
        harness.use_cases.process_withdrawals.run().await.unwrap();
        let added = outbox_events(&harness).split_off(before);
        let kinds: Vec<EventKind> = added.into_iter().map(|(kind, ..)| kind).collect();
        assert_eq!(kinds, expected, "{withdrawn:?} {nickname:?}");
    }
}

#[tokio::test]
async fn merge_event_names_the_merged_member_and_precedes_its_changes() {
    let harness = LoginHarness::with(ConflictPolicy::Merge);
    let late = MemoryUser::person("oLate");
    let elder = harness.log_in(&late).await.unwrap().member;
    harness.clock.advance(Duration::from_secs(1));
    let other = MemoryUser::person("oOther").with_union_id("u1");
    let younger = harness.log_in(&other).await.unwrap().member;
    let revealed = late.with_union_id("u1");
    harness.log_in_with_phone(&revealed, "13800138000").await.unwrap();
    let expected = [
        (EventKind::Registered, elder, None),
        (EventKind::Registered, younger, None),
        (EventKind::Merged, elder, Some(younger)),
        (EventKind::PhoneBound, elder, None),
    ];
    assert_eq!(outbox_events(&harness), expected);
}

/// Event sink that may fail, or accept an event and lose the response.
struct UnreliableSink {
    random: FixedRandom,
    /// Percentage of attempts that fail.
    failure_percent: Mutex<u64>,
    accepted: Mutex<Vec<DomainEvent>>,
}

impl UnreliableSink {
    fn failing(percent: u64) -> Arc<Self> {
        let random = FixedRandom::seeded(percent);
        let failure_percent = Mutex::new(percent);
        Arc::new(Self { random, failure_percent, accepted: Mutex::default() })
    }

    fn recover(&self) {
        *self.failure_percent.lock().unwrap() = 0;
    }

    fn accepted(&self) -> Vec<DomainEvent> {
        self.accepted.lock().unwrap().clone()
    }
}

#[async_trait]
impl EventSink for UnreliableSink {
    async fn deliver(&self, event: &DomainEvent, _now: Timestamp) -> Result<(), DeliveryError> {
        let has_failed = self.random.next() % 100 < *self.failure_percent.lock().unwrap();
        if !has_failed || self.random.next().is_multiple_of(2) {
            self.accepted.lock().unwrap().push(event.clone());
        }
        if has_failed {
            return Err(DeliveryError::new("injected failure"));
        }
        Ok(())
    }
}

/// Returns the delivery of one instance of the service to the receiver.
fn deliver(harness: &LoginHarness, receiver: &Arc<UnreliableSink>, seed: u64) -> DeliverEvents {
    DeliverEvents {
        name: crm(),
        sink: receiver.clone(),
        store: Arc::new(harness.store.clone()),
        outbox: Arc::new(harness.store.clone()),
        clock: harness.clock.clone(),
        random: Arc::new(FixedRandom::seeded(seed)),
        max_age: MAX_AGE,
    }
}

/// Adds an event of an unknown member.
async fn add_event(harness: &LoginHarness, kind: EventKind, member: u128) -> DomainEvent {
    let member = MemberId(Uuid::from_u128(member));
    let event = harness.events.domain_event(kind, member, harness.clock.now());
    let work = harness.store.begin().await.unwrap();
    work.outbox().add(&event).await.unwrap();
    work.commit().await.unwrap();
    event
}

/// Claims and delivers the only delivery that is due.
async fn deliver_one(deliver: &DeliverEvents) -> Outcome {
    let [claimed] = <[_; 1]>::try_from(deliver.claim(10).await.unwrap()).unwrap();
    deliver.deliver(&claimed).await.unwrap()
}

/// Groups events by member, in the order of their first delivery.
fn without_repeats(events: Vec<DomainEvent>) -> HashMap<MemberId, Vec<DomainEvent>> {
    let mut by_member = HashMap::<_, Vec<DomainEvent>>::new();
    for event in events {
        let delivered = by_member.entry(event.member).or_default();
        // Only the last event may be repeated.
        if delivered.last() != Some(&event) {
            delivered.push(event);
        }
    }
    by_member
}

#[tokio::test]
async fn deliveries_survive_failures_and_keep_order_per_member() {
    const MEMBERS: u128 = 7;
    let harness = LoginHarness::new();
    let sink = UnreliableSink::failing(60);
    let instances = [1, 2, 3].map(|seed| deliver(&harness, &sink, seed));
    let random = FixedRandom::seeded(8);
    let mut added = vec![];
    for nth in 0..70 {
        added.push(
            add_event(&harness, EventKind::ALL[nth % EventKind::ALL.len()], nth as u128 % MEMBERS)
                .await,
        );
    }
    for _ in 0..4_000 {
        for instance in &instances {
            let claimed = instance.claim(3).await.unwrap();
            // One in eight deliveries crashes before the attempt, and one after it; their claims expire.
            for delivery in claimed {
                match random.next() % 8 {
                    0 => {}
                    1 => drop(sink.deliver(&delivery.event, harness.clock.now()).await),
                    _ => drop(instance.deliver(&delivery).await.unwrap()),
                }
            }
        }
        harness.clock.advance(Duration::from_secs(20));
        if harness.store.outbox().is_empty() {
            break;
        }
    }
    assert_eq!(harness.store.outbox(), [], "all events are delivered");
    let expected = without_repeats(added);
    assert_eq!(without_repeats(sink.accepted()), expected);
}

#[tokio::test]
async fn failed_delivery_backs_off_and_blocks_its_member_only() {
    let harness = LoginHarness::new();
    let sink = UnreliableSink::failing(100);
    let crm = deliver(&harness, &sink, 1);
    add_event(&harness, EventKind::Registered, 1).await;
    add_event(&harness, EventKind::Banned, 1).await;
    assert!(matches!(deliver_one(&crm).await, Outcome::Retry(_)));
    assert!(crm.claim(10).await.unwrap().is_empty());
    add_event(&harness, EventKind::Erased, 2).await;
    sink.recover();
    assert!(matches!(deliver_one(&crm).await, Outcome::Delivered), "the event of the other member");
    harness.clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert!(matches!(deliver_one(&crm).await, Outcome::Delivered));
    }
    assert_eq!(harness.store.outbox(), []);
}

#[tokio::test]
async fn expired_claim_can_be_reclaimed() {
    let harness = LoginHarness::new();
    let sink = UnreliableSink::failing(0);
    let crashed = deliver(&harness, &sink, 1);
    let other = deliver(&harness, &sink, 2);
    add_event(&harness, EventKind::Banned, 1).await;
    assert_eq!(crashed.claim(10).await.unwrap().len(), 1);
    let claimed_at = harness.clock.now();
    harness.clock.set(claimed_at.plus(CLAIM_LEASE).minus(Duration::from_millis(1)));
    assert!(other.claim(10).await.unwrap().is_empty());
    harness.clock.set(claimed_at.plus(CLAIM_LEASE));
    assert!(matches!(deliver_one(&other).await, Outcome::Delivered));
}

#[tokio::test]
async fn delivery_is_abandoned_after_max_age_and_the_next_event_follows() {
    let harness = LoginHarness::new();
    let sink = UnreliableSink::failing(100);
    let crm = deliver(&harness, &sink, 1);
    add_event(&harness, EventKind::Banned, 1).await;
    harness.clock.advance(MAX_AGE);
    let next = add_event(&harness, EventKind::Unbanned, 1).await;
    assert_eq!(crm.oldest().await.unwrap(), Some(next.at.minus(MAX_AGE)));
    assert!(matches!(deliver_one(&crm).await, Outcome::Abandoned(_)));
    assert_eq!(crm.oldest().await.unwrap(), Some(next.at));
    sink.recover();
    assert!(matches!(deliver_one(&crm).await, Outcome::Delivered));
    assert_eq!(sink.accepted().last(), Some(&next));
}

#[tokio::test]
async fn deliveries_without_receiver_are_deleted_after_retention() {
    let harness = LoginHarness::new();
    add_event(&harness, EventKind::Banned, 1).await;
    let cleanup = |receivers| Cleanup { receivers, ..harness.cleanup() };
    let days = |days: u64| Duration::from_hours(24 * days);
    harness.clock.advance(days(30).checked_sub(Duration::from_millis(1)).unwrap());
    cleanup(vec![]).run().await.unwrap();
    harness.clock.advance(Duration::from_millis(1));
    cleanup(vec![crm()]).run().await.unwrap();
    assert_eq!(harness.store.outbox().len(), 1);
    cleanup(vec![]).run().await.unwrap();
    assert_eq!(harness.store.outbox(), []);
}
