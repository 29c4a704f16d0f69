//! The keys that sign access tokens.

use std::sync::Arc;
use std::time::Duration;

use domain::model::signing_key::SigningKey;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::AddError;

use super::{NOW, Shared, all_at_once};

fn key(number: u32) -> SigningKey {
    SigningKey {
        number,
        id: format!("{number:043}"),
        sealed: vec![0, 255, 7],
        created_at: NOW,
        active_from: None,
    }
}

async fn add(store: &Shared, keys: &[SigningKey]) {
    let unit = store.begin().await.unwrap();
    for key in keys {
        unit.signing_keys().add(key).await.unwrap();
    }
    unit.commit().await.unwrap();
}

/// Every field comes back, in the order of numbers, within the unit of work and outside of it once it
/// is committed.
pub async fn signing_keys_are_read_as_they_were_written(store: Shared) {
    let strange = SigningKey {
        id: "-_Az".repeat(10) + "é",
        sealed: (0..=255).cycle().take(1_000).collect(),
        created_at: Timestamp::from_unix_millis(-1),
        active_from: Some(NOW.plus(Duration::MAX)),
        ..key(u32::MAX)
    };
    let began = SigningKey { active_from: Some(NOW), ..key(1) };
    let unit = store.begin().await.unwrap();
    for key in [&strange, &began, &key(2)] {
        unit.signing_keys().add(key).await.unwrap();
    }
    let all = [began, key(2), strange];
    assert_eq!(unit.signing_keys().all().await.unwrap(), all);
    assert_eq!(store.signing_keys().await.unwrap(), []);
    unit.commit().await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), all);
}

/// A number in use gets `Taken` and changes nothing.
pub async fn a_number_is_one_signing_keys(store: Shared) {
    add(&store, &[key(1)]).await;
    let unit = store.begin().await.unwrap();
    let other = SigningKey { id: "other".into(), ..key(1) };
    assert!(matches!(unit.signing_keys().add(&other).await, Err(AddError::Taken)));
    drop(unit);
    assert_eq!(store.signing_keys().await.unwrap(), [key(1)]);
}

/// The first turn counts, and an earlier one; another key's is not touched.
pub async fn a_signing_key_starts_earlier_and_never_later(store: Shared) {
    add(&store, &[key(1), key(2)]).await;
    let at = |seconds| NOW.plus(Duration::from_secs(seconds));
    for (asked, expected) in [(20, 20), (30, 20), (20, 20), (10, 10), (20, 10)] {
        let unit = store.begin().await.unwrap();
        unit.signing_keys().start(&key(1).id, at(asked)).await.unwrap();
        unit.signing_keys().start("unknown", at(asked)).await.unwrap();
        unit.commit().await.unwrap();
        let started = SigningKey { active_from: Some(at(expected)), ..key(1) };
        assert_eq!(store.signing_keys().await.unwrap(), [started, key(2)], "asked for {asked}");
    }
}

/// A key that is removed is there no more, nor is its number taken; removing it again is no error.
pub async fn a_removed_signing_key_is_gone(store: Shared) {
    add(&store, &[key(1), key(2)]).await;
    for _ in 0..2 {
        let unit = store.begin().await.unwrap();
        unit.signing_keys().remove(&key(2).id).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(store.signing_keys().await.unwrap(), [key(1)]);
    }
    add(&store, &[key(2)]).await;
    assert_eq!(store.signing_keys().await.unwrap(), [key(1), key(2)]);
}

/// Of many instances that add a key of the same number at once, one does.
pub async fn concurrent_adds_of_one_number_make_one_signing_key(store: Shared) {
    let adds = (0..50).map(|nth| {
        let store = Arc::clone(&store);
        async move {
            let key = SigningKey { id: format!("of {nth}"), ..key(1) };
            let unit = store.begin().await.unwrap();
            match unit.signing_keys().add(&key).await {
                Ok(()) => {
                    unit.commit().await.unwrap();
                    Some(key)
                }
                Err(AddError::Taken) => None,
                Err(AddError::Store(error)) => panic!("{error:?}"),
            }
        }
    });
    let added: Vec<_> = all_at_once(adds).await.into_iter().flatten().collect();
    assert_eq!(added.len(), 1);
    assert_eq!(store.signing_keys().await.unwrap(), added);
}
