//! What happens to members is told: each change with its event, at least once, in order per member.

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
use domain::use_cases::member::ban::BanMember;
use domain::use_cases::member::bind_phone::PhoneProofInput;
use domain::use_cases::member::erase::EraseMember;
use domain::use_cases::member::update_profile::UpdateProfile;
use testkit::fake::provider::MemoryUser;
use testkit::fake::random::FixedRandom;
use uuid::Uuid;

use crate::door::Door;

/// How old an event may become before it is given up.
const MAX_AGE: Duration = Duration::from_hours(24);

fn crm() -> ReceiverName {
    ReceiverName::parse("crm").unwrap()
}

fn ban(door: &Door) -> Arc<BanMember> {
    door.use_cases.ban_member.clone()
}

fn erase(door: &Door) -> Arc<EraseMember> {
    door.use_cases.erase_member.clone()
}

fn rename(door: &Door) -> Arc<UpdateProfile> {
    door.use_cases.update_profile.clone()
}

fn named(name: &str) -> ProfileChange {
    ProfileChange { nickname: Some(Nickname::parse(name).unwrap()), ..ProfileChange::default() }
}

/// What was kept for the receiver, the oldest first.
fn told(door: &Door) -> Vec<(EventKind, MemberId, Option<MemberId>)> {
    let deliveries = door.store.outbox().into_iter();
    deliveries
        .map(|Delivery { event, .. }| (event.kind, event.member, event.merged_member))
        .collect()
}

#[tokio::test]
async fn every_change_leaves_its_event_and_what_changes_nothing_leaves_none() {
    let door = Door::new();
    let alice = MemoryUser::person("oAlice");
    let logged_in = door.log_in_with_phone(&alice, "13800138000").await.unwrap();
    let id = logged_in.member;
    let caller = door.caller(&logged_in);
    door.log_in_with_phone(&alice, "13800138000").await.unwrap();
    door.log_in_with_phone(&alice, "13900139000").await.unwrap();
    for _ in 0..2 {
        rename(&door).run(&caller, named("Ann")).await.unwrap();
    }
    let bind = &door.use_cases.bind_phone;
    let phone = PhoneNumber::new(86, "13700137000").unwrap();
    for _ in 0..2 {
        let code = PhoneProofInput::Code(door.provider.phone_code(&alice, &phone));
        bind.run(&caller, &code).await.unwrap();
    }
    ban(&door).ban(id, None, None).await.unwrap();
    assert!(door.log_in(&alice).await.is_err());
    ban(&door).unban(id, None, None).await.unwrap();
    erase(&door).run(id, None).await.unwrap();
    let kinds = [
        EventKind::Registered,
        EventKind::PhoneBound,
        EventKind::ProfileChanged,
        EventKind::PhoneBound,
        EventKind::Banned,
        EventKind::Unbanned,
        EventKind::Erased,
    ];
    assert_eq!(told(&door), kinds.map(|kind| (kind, id, None)));
}

#[tokio::test]
async fn what_is_taken_back_is_told() {
    for (withdrawn, nickname, expected) in [
        (WithdrawnData::Phone, Some("Ann"), [EventKind::PhoneWithdrawn].as_slice()),
        (WithdrawnData::Phone, None, &[EventKind::PhoneWithdrawn, EventKind::ProfileChanged]),
        (WithdrawnData::Nickname, Some("Ann"), &[EventKind::ProfileChanged]),
        (WithdrawnData::Avatar, Some("Ann"), &[]),
        (WithdrawnData::Account, Some("Ann"), &[EventKind::Erased]),
    ] {
        let door = Door::new();
        let alice = MemoryUser::person("oAlice");
        let logged_in = door.log_in_with_phone(&alice, "13800138000").await.unwrap();
        if let Some(name) = nickname {
            rename(&door).run(&door.caller(&logged_in), named(name)).await.unwrap();
        }
        let before = told(&door).len();
        let app = &door.apps.select(None).unwrap();
        let user = app.subject_of("oAlice");
        let now = door.clock.now();
        let withdrawal =
            Withdrawal::new(app.name.clone(), user, withdrawn, now, door.events.random.as_ref());
        let work = door.store.begin().await.unwrap();
        work.pushes().add(&withdrawal).await.unwrap();
        work.commit().await.unwrap();
        door.use_cases.process_withdrawals.run().await.unwrap();
        let told = told(&door).split_off(before);
        let kinds: Vec<EventKind> = told.into_iter().map(|(kind, ..)| kind).collect();
        assert_eq!(kinds, expected, "{withdrawn:?} {nickname:?}");
    }
}

#[tokio::test]
async fn a_merger_is_told_with_who_is_gone_and_before_what_it_brought() {
    let door = Door::with(ConflictPolicy::Merge);
    let late = MemoryUser::person("oLate");
    let elder = door.log_in(&late).await.unwrap().member;
    door.clock.advance(Duration::from_secs(1));
    let other = MemoryUser::person("oOther").with_union_id("u1");
    let younger = door.log_in(&other).await.unwrap().member;
    let revealed = late.with_union_id("u1");
    door.log_in_with_phone(&revealed, "13800138000").await.unwrap();
    let expected = [
        (EventKind::Registered, elder, None),
        (EventKind::Registered, younger, None),
        (EventKind::Merged, elder, Some(younger)),
        (EventKind::PhoneBound, elder, None),
    ];
    assert_eq!(told(&door), expected);
}

/// Takes events, or not: it may fail, and it may take an event whose answer is lost.
struct Flaky {
    chance: FixedRandom,
    /// Of a hundred attempts, how many fail.
    failing: Mutex<u64>,
    taken: Mutex<Vec<DomainEvent>>,
}

impl Flaky {
    fn failing(percent: u64) -> Arc<Self> {
        let chance = FixedRandom::seeded(percent);
        let failing = Mutex::new(percent);
        Arc::new(Self { chance, failing, taken: Mutex::default() })
    }

    fn mend(&self) {
        *self.failing.lock().unwrap() = 0;
    }

    fn taken(&self) -> Vec<DomainEvent> {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl EventSink for Flaky {
    async fn deliver(&self, event: &DomainEvent, _now: Timestamp) -> Result<(), DeliveryError> {
        let failed = self.chance.next() % 100 < *self.failing.lock().unwrap();
        if !failed || self.chance.next().is_multiple_of(2) {
            self.taken.lock().unwrap().push(event.clone());
        }
        if failed { Err(DeliveryError::new("as ordered")) } else { Ok(()) }
    }
}

/// An instance of the service that tells the receiver.
fn deliver(door: &Door, receiver: &Arc<Flaky>, seed: u64) -> DeliverEvents {
    DeliverEvents {
        name: crm(),
        receiver: receiver.clone(),
        store: Arc::new(door.store.clone()),
        outbox: Arc::new(door.store.clone()),
        clock: door.clock.clone(),
        random: Arc::new(FixedRandom::seeded(seed)),
        max_age: MAX_AGE,
    }
}

/// Adds an event of a member who is not there.
async fn happen(door: &Door, kind: EventKind, member: u128) -> DomainEvent {
    let member = MemberId(Uuid::from_u128(member));
    let event = door.events.domain_event(kind, member);
    let work = door.store.begin().await.unwrap();
    work.outbox().add(&event).await.unwrap();
    work.commit().await.unwrap();
    event
}

/// Claims and delivers the only delivery that is due.
async fn deliver_one(deliver: &DeliverEvents) -> Outcome {
    let [claimed] = <[_; 1]>::try_from(deliver.claim(10).await.unwrap()).unwrap();
    deliver.deliver(&claimed).await.unwrap()
}

/// What is told for the first time, in order.
fn without_repeats(events: Vec<DomainEvent>) -> HashMap<MemberId, Vec<DomainEvent>> {
    let mut by_member = HashMap::<_, Vec<DomainEvent>>::new();
    for event in events {
        let told = by_member.entry(event.member).or_default();
        // A repeat is of the last one: nothing is told again after what came later.
        if told.last() != Some(&event) {
            told.push(event);
        }
    }
    by_member
}

#[tokio::test]
async fn whatever_fails_each_event_is_told_and_each_members_in_order() {
    const MEMBERS: u128 = 7;
    let door = Door::new();
    let flaky = Flaky::failing(60);
    let instances = [1, 2, 3].map(|seed| deliver(&door, &flaky, seed));
    let fate = FixedRandom::seeded(8);
    let mut happened = vec![];
    for nth in 0..70 {
        happened.push(
            happen(&door, EventKind::ALL[nth % EventKind::ALL.len()], nth as u128 % MEMBERS).await,
        );
    }
    for _ in 0..4_000 {
        for instance in &instances {
            let claimed = instance.claim(3).await.unwrap();
            // One in eight crashes before or after the attempt: its claims run out.
            for delivery in claimed {
                match fate.next() % 8 {
                    0 => {}
                    1 => drop(flaky.deliver(&delivery.event, door.clock.now()).await),
                    _ => drop(instance.deliver(&delivery).await.unwrap()),
                }
            }
        }
        door.clock.advance(Duration::from_secs(20));
        if door.store.outbox().is_empty() {
            break;
        }
    }
    assert_eq!(door.store.outbox(), [], "everything is told in the end");
    let expected = without_repeats(happened);
    assert_eq!(without_repeats(flaky.taken()), expected);
}

#[tokio::test]
async fn what_fails_is_tried_again_after_growing_pauses_and_holds_back_nobody_else() {
    let door = Door::new();
    let flaky = Flaky::failing(100);
    let crm = deliver(&door, &flaky, 1);
    happen(&door, EventKind::Registered, 1).await;
    happen(&door, EventKind::Banned, 1).await;
    assert!(matches!(deliver_one(&crm).await, Outcome::Retry(_)));
    assert!(crm.claim(10).await.unwrap().is_empty());
    happen(&door, EventKind::Erased, 2).await;
    flaky.mend();
    assert!(matches!(deliver_one(&crm).await, Outcome::Delivered), "the other member's");
    door.clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert!(matches!(deliver_one(&crm).await, Outcome::Delivered));
    }
    assert_eq!(door.store.outbox(), []);
}

#[tokio::test]
async fn a_claim_that_nobody_sees_through_runs_out() {
    let door = Door::new();
    let flaky = Flaky::failing(0);
    let crashed = deliver(&door, &flaky, 1);
    let other = deliver(&door, &flaky, 2);
    happen(&door, EventKind::Banned, 1).await;
    assert_eq!(crashed.claim(10).await.unwrap().len(), 1);
    let claimed_at = door.clock.now();
    door.clock.set(claimed_at.plus(CLAIM_LEASE).minus(Duration::from_millis(1)));
    assert!(other.claim(10).await.unwrap().is_empty());
    door.clock.set(claimed_at.plus(CLAIM_LEASE));
    assert!(matches!(deliver_one(&other).await, Outcome::Delivered));
}

#[tokio::test]
async fn an_event_that_is_too_old_is_given_up_after_a_last_attempt_and_the_next_one_goes_on() {
    let door = Door::new();
    let flaky = Flaky::failing(100);
    let crm = deliver(&door, &flaky, 1);
    happen(&door, EventKind::Banned, 1).await;
    door.clock.advance(MAX_AGE);
    let next = happen(&door, EventKind::Unbanned, 1).await;
    assert_eq!(crm.oldest().await.unwrap(), Some(next.at.minus(MAX_AGE)));
    assert!(matches!(deliver_one(&crm).await, Outcome::Abandoned(_)));
    assert_eq!(crm.oldest().await.unwrap(), Some(next.at));
    flaky.mend();
    assert!(matches!(deliver_one(&crm).await, Outcome::Delivered));
    assert_eq!(flaky.taken().last(), Some(&next));
}

#[tokio::test]
async fn what_is_kept_for_nobody_is_forgotten_after_thirty_days() {
    let door = Door::new();
    happen(&door, EventKind::Banned, 1).await;
    let housekeeping = |receivers| Cleanup { receivers, ..door.housekeeping() };
    let days = |days: u64| Duration::from_hours(24 * days);
    door.clock.advance(days(30));
    housekeeping(vec![]).run().await.unwrap();
    door.clock.advance(Duration::from_millis(1));
    housekeeping(vec![crm()]).run().await.unwrap();
    assert_eq!(door.store.outbox().len(), 1);
    housekeeping(vec![]).run().await.unwrap();
    assert_eq!(door.store.outbox(), []);
}
