//! Signing keys of access tokens.

use std::sync::Arc;
use std::time::Duration;

use domain::model::signing_key::SigningKey;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::AddError;

use super::{NOW, Shared, run_concurrently};

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

/// Keys are read back unchanged in the order of their numbers: within the unit of work at once, outside
/// after its commit.
pub async fn signing_key_round_trip_keeps_every_field(store: Shared) {
    let extreme = SigningKey {
        id: "-_Az".repeat(10) + "é",
        sealed: (0..=255).cycle().take(1_000).collect(),
        created_at: Timestamp::from_unix_millis(-1),
        active_from: Some(NOW.plus(Duration::MAX)),
        ..key(u32::MAX)
    };
    let active = SigningKey { active_from: Some(NOW), ..key(1) };
    let unit = store.begin().await.unwrap();
    for key in [&extreme, &active, &key(2)] {
        unit.signing_keys().add(key).await.unwrap();
    }
    let all = [active, key(2), extreme];
    assert_eq!(unit.signing_keys().all().await.unwrap(), all);
    assert_eq!(store.signing_keys().await.unwrap(), []);
    unit.commit().await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), all);
}

/// A number in use gets `Taken` and changes nothing.
pub async fn signing_key_number_is_unique(store: Shared) {
    add(&store, &[key(1)]).await;
    let unit = store.begin().await.unwrap();
    let other = SigningKey { id: "other".into(), ..key(1) };
    assert!(matches!(unit.signing_keys().add(&other).await, Err(AddError::Taken)));
    drop(unit);
    assert_eq!(store.signing_keys().await.unwrap(), [key(1)]);
}

/// A scheduled start can be replaced by an earlier one only; other keys stay unchanged.
pub async fn signing_key_start_moves_earlier_only(store: Shared) {
    add(&store, &[key(1), key(2)]).await;
    let at = |seconds| NOW.plus(Duration::from_secs(seconds));
    for (start, expected) in [(20, 20), (30, 20), (20, 20), (10, 10), (20, 10)] {
        let unit = store.begin().await.unwrap();
        unit.signing_keys().start(&key(1).id, at(start)).await.unwrap();
        unit.signing_keys().start("unknown", at(start)).await.unwrap();
        unit.commit().await.unwrap();
        let started = SigningKey { active_from: Some(at(expected)), ..key(1) };
        assert_eq!(store.signing_keys().await.unwrap(), [started, key(2)], "start at {start}");
    }
}

/// A removal deletes the key and frees its number; a repeated removal is no error.
pub async fn removed_signing_key_is_deleted(store: Shared) {
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

/// Of concurrent additions of keys with the same number one succeeds.
pub async fn concurrent_adds_of_one_number_add_one_signing_key(store: Shared) {
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
    let added: Vec<_> = run_concurrently(adds).await.into_iter().flatten().collect();
    assert_eq!(added.len(), 1);
    assert_eq!(store.signing_keys().await.unwrap(), added);
}
