//! Message pushes: seen messages and pending withdrawals.

use std::time::Duration;

use domain::model::app::name::AppName;
use domain::model::fingerprint::Fingerprint;
use domain::model::fingerprint::TransientFingerprints;
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::model::provider::withdrawal::Withdrawal;
use tokio::task::JoinSet;

use super::{NOW, RANDOM, Shared, open_id};
use crate::fake::fingerprints::MemoryFingerprints;

fn fingerprint(of: &str) -> Fingerprint {
    MemoryFingerprints.fingerprint("test", &[of.as_bytes()])
}

fn withdrawal(data: WithdrawnData, seconds: u64) -> Withdrawal {
    let app = AppName::parse("main").unwrap();
    let now = NOW.plus(Duration::from_secs(seconds));
    Withdrawal::new(app, open_id("o1"), data, now, &RANDOM)
}

/// A seen message is known within its unit of work and after it.
pub async fn seen_push_is_known(store: Shared) {
    let later = NOW.plus(Duration::from_secs(1));
    let unit = store.begin().await.unwrap();
    assert!(unit.pushes().mark_seen(fingerprint("a"), NOW).await.unwrap());
    assert!(!unit.pushes().mark_seen(fingerprint("a"), later).await.unwrap());
    assert!(unit.pushes().mark_seen(fingerprint("b"), later).await.unwrap());
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    assert!(unit.pushes().mark_seen(fingerprint("dropped"), NOW).await.unwrap());
    drop(unit);
    let unit = store.begin().await.unwrap();
    assert!(unit.pushes().mark_seen(fingerprint("dropped"), NOW).await.unwrap());
    assert!(!unit.pushes().mark_seen(fingerprint("a"), NOW).await.unwrap());
    assert!(!unit.pushes().mark_seen(fingerprint("b"), NOW).await.unwrap());
}

/// Of concurrent writers exactly one learns that a message is new.
pub async fn concurrent_marks_of_one_push_succeed_once(store: Shared) {
    let mut racers = JoinSet::new();
    for _ in 0..30 {
        let store = store.clone();
        racers.spawn(async move {
            let unit = store.begin().await.unwrap();
            let new = unit.pushes().mark_seen(fingerprint("a"), NOW).await.unwrap();
            unit.commit().await.unwrap();
            new
        });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|new| *new).count(), 1);
}

/// Withdrawals of every kind are read back unchanged, the oldest first, until they are removed.
pub async fn pending_withdrawals_are_listed_oldest_first(store: Shared) {
    let first = withdrawal(WithdrawnData::Phone, 0);
    let kinds = [
        WithdrawnData::Profile,
        WithdrawnData::Nickname,
        WithdrawnData::Avatar,
        WithdrawnData::Account,
    ];
    let later = kinds.into_iter().zip(1..).map(|(kind, seconds)| withdrawal(kind, seconds));
    let later: Vec<_> = later.collect();
    let all: Vec<_> = std::iter::once(&first).chain(&later).cloned().collect();
    let unit = store.begin().await.unwrap();
    for withdrawal in all.iter().rev() {
        unit.pushes().add(withdrawal).await.unwrap();
    }
    assert_eq!(store.withdrawals(10).await.unwrap(), [], "nothing is committed yet");
    unit.commit().await.unwrap();
    assert_eq!(store.withdrawals(10).await.unwrap(), all);
    assert_eq!(store.withdrawals(1).await.unwrap(), std::slice::from_ref(&first));
    let unit = store.begin().await.unwrap();
    assert!(unit.pushes().remove(&first).await.unwrap());
    assert!(!unit.pushes().remove(&first).await.unwrap());
    unit.commit().await.unwrap();
    assert_eq!(store.withdrawals(10).await.unwrap(), later);
}

/// Of concurrent workers exactly one removes a withdrawal.
pub async fn concurrent_removals_of_a_withdrawal_succeed_once(store: Shared) {
    let pending = withdrawal(WithdrawnData::Phone, 0);
    let unit = store.begin().await.unwrap();
    unit.pushes().add(&pending).await.unwrap();
    unit.commit().await.unwrap();
    let mut racers = JoinSet::new();
    for _ in 0..30 {
        let store = store.clone();
        let pending = pending.clone();
        racers.spawn(async move {
            let unit = store.begin().await.unwrap();
            let removed = unit.pushes().remove(&pending).await.unwrap();
            unit.commit().await.unwrap();
            removed
        });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|removed| *removed).count(), 1);
}
