//! Signing key rotation: schedule, revocation and invariants of every history.

use std::sync::Arc;
use std::time::Duration;

use domain::model::clock::Clock;
use domain::model::signing_key::{KeyPolicy, KeyState, SigningKeys};
use domain::model::timestamp::Timestamp;
use domain::ports::store::signing_keys::SigningKeyReader;
use domain::use_cases::signing_key::rotate::{RotateKeys, RotateKeysError};
use proptest::prelude::*;
use testkit::fake::clock::FixedClock;
use testkit::fake::events::event_factory;
use testkit::fake::tokens::MemoryKeyGenerator;
use testkit::memory::MemoryStore;
use tokio::task::JoinSet;

const POLICY: KeyPolicy = KeyPolicy {
    lifetime: Some(Duration::from_secs(1_000)),
    prepublish: Duration::from_secs(50),
    access_ttl: Duration::from_secs(200),
};

/// Signing key rotation over fakes.
struct KeyHarness {
    clock: Arc<FixedClock>,
    store: Arc<MemoryStore>,
    rotate: RotateKeys,
}

impl KeyHarness {
    fn with_policy(policy: KeyPolicy) -> Self {
        let clock = Arc::new(FixedClock::default());
        let store = Arc::new(MemoryStore::default());
        let rotate = RotateKeys {
            store: store.clone(),
            signing_keys: store.clone(),
            generator: Arc::new(MemoryKeyGenerator::default()),
            events: event_factory(7),
            clock: clock.clone(),
            policy,
        };
        Self { clock, store, rotate }
    }

    fn new() -> Self {
        Self::with_policy(POLICY)
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Runs one rotation check and returns the keys with their states.
    async fn states_after_check(&self) -> Vec<(String, KeyState)> {
        let keys = self.rotate.rotate_if_due().await.unwrap();
        let now = self.clock.now();
        keys.0.iter().map(|key| (key.id.clone(), keys.state(key, now))).collect()
    }
}

fn states(keys: &[(&str, KeyState)]) -> Vec<(String, KeyState)> {
    keys.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect()
}

use KeyState::{Current, Next, Previous};

#[tokio::test]
async fn first_start_creates_current_and_next_signing_key() {
    let keys = KeyHarness::new();
    assert_eq!(keys.states_after_check().await, states(&[("key-1", Current), ("key-2", Next)]));
    assert_eq!(keys.states_after_check().await.len(), 2, "the keys are created once");
}

#[tokio::test]
async fn instances_starting_concurrently_agree_on_signing_keys() {
    let keys = Arc::new(KeyHarness::new());
    let mut starts = JoinSet::new();
    for _ in 0..50 {
        let keys = Arc::clone(&keys);
        starts.spawn(async move { keys.states_after_check().await });
    }
    for states_after_check in starts.join_all().await {
        assert_eq!(states_after_check, states(&[("key-1", Current), ("key-2", Next)]));
    }
}

#[tokio::test]
async fn signing_keys_rotate_and_are_removed_after_their_tokens_expire() {
    let keys = KeyHarness::new();
    keys.states_after_check().await;
    keys.advance(999);
    assert_eq!(keys.states_after_check().await, states(&[("key-1", Current), ("key-2", Next)]));
    keys.advance(1);
    let rotated = states(&[("key-1", Previous), ("key-2", Current), ("key-3", Next)]);
    assert_eq!(keys.states_after_check().await, rotated);
    keys.advance(259);
    assert_eq!(
        keys.states_after_check().await,
        rotated,
        "lifetime of 200 s and margin of a minute"
    );
    keys.advance(1);
    assert_eq!(keys.states_after_check().await, states(&[("key-2", Current), ("key-3", Next)]));
}

#[tokio::test]
async fn without_lifetime_only_the_command_rotates_signing_keys() {
    let keys = KeyHarness::with_policy(KeyPolicy { lifetime: None, ..POLICY });
    keys.states_after_check().await;
    keys.advance(1_000_000_000);
    assert_eq!(keys.states_after_check().await, states(&[("key-1", Current), ("key-2", Next)]));
    keys.rotate.rotate().await.unwrap();
    let rotated = states(&[("key-1", Previous), ("key-2", Current), ("key-3", Next)]);
    assert_eq!(keys.states_after_check().await, rotated);
}

#[tokio::test]
async fn rotation_waits_for_the_prepublish_time() {
    let keys = KeyHarness::new();
    keys.states_after_check().await;
    keys.advance(20);
    let scheduled_keys = keys.rotate.rotate().await.unwrap();
    let start = scheduled_keys.next(keys.clock.now()).unwrap().active_from.unwrap();
    assert_eq!(start.since(keys.clock.now()), Duration::from_secs(30));
    for seconds in [10, 19] {
        keys.advance(seconds);
        assert_eq!(
            keys.rotate.rotate().await.unwrap(),
            scheduled_keys,
            "a repetition changes nothing"
        );
        let scheduled = states(&[("key-1", Current), ("key-2", Next), ("key-3", Next)]);
        assert_eq!(keys.states_after_check().await, scheduled);
    }
    keys.advance(1);
    let rotated = states(&[("key-1", Previous), ("key-2", Current), ("key-3", Next)]);
    assert_eq!(keys.states_after_check().await, rotated);
}

#[tokio::test]
async fn revoking_current_key_promotes_next() {
    let keys = KeyHarness::new();
    keys.states_after_check().await;
    keys.rotate.revoke("key-1").await.unwrap();
    assert_eq!(keys.states_after_check().await, states(&[("key-2", Current), ("key-3", Next)]));
    keys.rotate.revoke("key-2").await.unwrap();
    assert_eq!(keys.states_after_check().await, states(&[("key-3", Current), ("key-4", Next)]));
}

#[tokio::test]
async fn revoked_current_key_never_reactivates_the_previous_key() {
    let keys = KeyHarness::with_policy(KeyPolicy { lifetime: None, ..POLICY });
    keys.states_after_check().await;
    keys.advance(50);
    keys.rotate.rotate().await.unwrap();
    keys.rotate.revoke("key-2").await.unwrap();
    let revoked = states(&[("key-1", Previous), ("key-3", Current), ("key-4", Next)]);
    assert_eq!(keys.states_after_check().await, revoked);
}

#[tokio::test]
async fn revoking_an_inactive_key_does_not_rotate() {
    let keys = KeyHarness::new();
    keys.states_after_check().await;
    keys.rotate.revoke("key-2").await.unwrap();
    assert_eq!(keys.states_after_check().await, states(&[("key-1", Current), ("key-3", Next)]));
    keys.advance(50);
    keys.rotate.rotate().await.unwrap();
    keys.rotate.revoke("key-1").await.unwrap();
    assert_eq!(keys.states_after_check().await, states(&[("key-3", Current), ("key-4", Next)]));
}

#[tokio::test]
async fn unknown_signing_key_cannot_be_revoked() {
    let keys = KeyHarness::new();
    let before = keys.rotate.rotate_if_due().await.unwrap();
    let refused = keys.rotate.revoke("key-9").await;
    assert!(matches!(refused, Err(RotateKeysError::NotFound)));
    assert_eq!(keys.rotate.list().await.unwrap(), before);
}

#[tokio::test]
async fn instance_with_slow_clock_agrees_on_the_signing_key() {
    let keys = KeyHarness::new();
    keys.advance(10);
    keys.states_after_check().await;
    keys.clock.set(Timestamp::from_unix_millis(keys.clock.now().unix_millis() - 10_000));
    assert_eq!(keys.states_after_check().await, states(&[("key-1", Current), ("key-2", Next)]));
    keys.advance(10);
    assert_eq!(keys.states_after_check().await, states(&[("key-1", Current), ("key-2", Next)]));
}

/// Event between two rotation checks.
#[derive(Clone, Copy, Debug)]
enum Event {
    Rotate,
    Revoke(usize),
    Nothing,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Rotate),
        1 => (0_usize..4).prop_map(Event::Revoke),
        5 => Just(Event::Nothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Invariants of every history: one key is unscheduled, a key is published for the prepublish time
    /// before it signs, and a key that is not revoked is retained until its tokens have expired.
    #[test]
    fn signing_key_histories_keep_invariants(
        history in prop::collection::vec((event(), prop_oneof![0_u64..5, 40_u64..60, 190_u64..1_100]), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let keys = KeyHarness::new();
            keys.states_after_check().await;
            // Ids of keys that have signed, with the time of their last use.
            let mut signed = vec![("key-1".to_owned(), keys.clock.now())];
            let mut last_number = 1;
            for (event, pause) in history {
                let mut emergency = false;
                match event {
                    Event::Nothing => {}
                    Event::Rotate => { keys.rotate.rotate().await.unwrap(); }
                    Event::Revoke(nth) => {
                        let all = SigningKeys(keys.store.signing_keys().await.unwrap());
                        if let Some(key) = all.0.get(nth) {
                            emergency = all.state(key, keys.clock.now()) == Current;
                            signed.retain(|(id, _)| *id != key.id);
                            keys.rotate.revoke(&key.id).await.unwrap();
                        }
                    }
                }
                let now = keys.clock.now();
                let all = keys.rotate.rotate_if_due().await.unwrap();
                let current = all.current(now).unwrap();
                let unscheduled = all.0.iter().filter(|key| key.active_from.is_none());
                prop_assert_eq!(unscheduled.count(), 1);
                prop_assert!(current.number >= last_number, "key {} signs again", current.number);
                last_number = current.number;
                let known = signed.last().is_some_and(|(id, _)| *id == current.id);
                let published = now.since(current.created_at) >= POLICY.prepublish;
                prop_assert!(known || published || emergency, "{} signs unpublished", current.id);
                signed.retain(|(id, last)| *id != current.id && now.since(*last) < POLICY.access_ttl);
                signed.push((current.id.clone(), now));
                for (id, _) in &signed {
                    prop_assert!(all.0.iter().any(|key| key.id == *id), "{id} was removed too early");
                }
                keys.advance(pause);
            }
            Ok(())
        })?;
    }
}
