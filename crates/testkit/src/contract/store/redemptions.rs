//! Redemptions: redeemed login codes with their members and stored responses.

use domain::model::fingerprint::Fingerprint;
use domain::model::login::redemption::{Redemption, StoredResponse};
use domain::model::member::MemberId;
use domain::ports::store::error::AddError;

use super::{NOW, Shared, add_known_member, open_id, run_concurrently, session_of};

fn redemption(code: u8, member: MemberId) -> Redemption {
    Redemption {
        code: Fingerprint([code; 32]),
        member,
        session: session_of(member).id,
        redeemed_at: NOW,
        stored_response: None,
    }
}

/// Adds redemptions and commits.
async fn add(store: &Shared, redemptions: &[&Redemption]) {
    let unit = store.begin().await.unwrap();
    for redemption in redemptions {
        unit.redemptions().add(redemption).await.unwrap();
    }
    unit.commit().await.unwrap();
}

/// A redemption is found after its commit, with every byte of its response.
pub async fn redemption_round_trip_keeps_every_field(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let sealed_response = (0..=255).cycle().take(8000).collect();
    let stored_response =
        Some(StoredResponse { request: Fingerprint([0xff; 32]), sealed_response });
    let plain = redemption(0, member);
    let with_response = Redemption { stored_response, ..redemption(1, member) };
    let unit = store.begin().await.unwrap();
    unit.redemptions().add(&plain).await.unwrap();
    assert_eq!(store.find_redemption(&plain.code).await.unwrap(), None, "not committed yet");
    unit.commit().await.unwrap();
    add(&store, &[&with_response]).await;
    for redemption in [plain, with_response] {
        let found = store.find_redemption(&redemption.code).await.unwrap();
        assert_eq!(found, Some(redemption));
    }
    assert_eq!(store.find_redemption(&Fingerprint([2; 32])).await.unwrap(), None);
}

/// A code is redeemed once; a second one leaves the unit of work usable.
pub async fn second_redemption_of_a_code_is_taken(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let first = redemption(1, member);
    add(&store, &[&first]).await;
    let unit = store.begin().await.unwrap();
    let second = Redemption { session: session_of(member).id, ..first.clone() };
    let refused = unit.redemptions().add(&second).await;
    assert!(matches!(refused, Err(AddError::Taken)), "{refused:?}");
    unit.redemptions().add(&redemption(2, member)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.find_redemption(&first.code).await.unwrap(), Some(first));
    assert!(store.find_redemption(&Fingerprint([2; 32])).await.unwrap().is_some());
}

/// Of concurrent redemptions of one code one succeeds.
pub async fn concurrent_redemptions_of_one_code_add_one(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let added = run_concurrently((0..20).map(|_| {
        let store = store.clone();
        async move {
            let unit = store.begin().await.unwrap();
            let added = unit.redemptions().add(&redemption(1, member)).await;
            unit.commit().await.unwrap();
            added.is_ok()
        }
    }));
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
}
