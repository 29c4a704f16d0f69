//! Races: concurrent units of work have one outcome.

use std::collections::HashSet;
use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use domain::model::fingerprint::Fingerprint;
use domain::model::identity::Subject;
use domain::model::login::redemption::Redemption;
use domain::model::member::{Member, MemberStatus};
use domain::ports::store::error::{AddError, Contention, StoreError, UpdateError};
use domain::use_cases::retry::retry_on_contention;
use tokio::time::timeout;

use super::{
    Backend, NOW, Shared, add_known_member, log_in, member, open_id, owner_of, phone,
    run_concurrently, session_of,
};

/// Time for which a statement must wait for a lock.
pub(super) const LOCK_TEST_DURATION: Duration = Duration::from_millis(200);

/// Of concurrent additions of a subject one succeeds; the others get `Taken` and can read the owner at
/// once.
pub async fn concurrent_adds_of_one_subject_succeed_once(store: Shared) {
    let claims = (0..50).map(|_| {
        let store = Arc::clone(&store);
        async move {
            let claimant = member();
            let subject = open_id("o1");
            let unit = store.begin().await.unwrap();
            // A transaction that found no owner before must see the owner now.
            unit.identities().find_by_subject(&subject).await.unwrap();
            unit.members().add(&claimant).await.unwrap();
            match unit.identities().add(claimant.id, &subject, NOW).await {
                Ok(()) => unit.commit().await.map(|()| Some(claimant.id)),
                Err(AddError::Taken) => {
                    assert!(unit.identities().find_by_subject(&subject).await.unwrap().is_some());
                    Ok(None)
                }
                Err(AddError::Store(error)) => Err(error),
            }
        }
    });
    let claims: Result<Vec<_>, StoreError> = run_concurrently(claims).await.into_iter().collect();
    let winners: Vec<_> = claims.unwrap().into_iter().flatten().collect();
    assert_eq!(winners, [owner_of(&*store, &open_id("o1")).await.unwrap().member.id]);
}

/// Of concurrent additions with the same phone number one succeeds.
pub async fn concurrent_adds_of_one_phone_number_add_one_member(store: Shared) {
    let adds = (0..50).map(|_| {
        let store = Arc::clone(&store);
        async move {
            let new = Member { phone: Some(phone(1)), ..member() };
            let unit = store.begin().await.unwrap();
            let added = unit.members().add(&new).await;
            unit.commit().await.unwrap();
            let present = store.find(new.id).await.unwrap().is_some();
            match added {
                Ok(()) => present,
                Err(AddError::Taken) => {
                    assert!(!present);
                    false
                }
                Err(AddError::Store(error)) => panic!("{error:?}"),
            }
        }
    });
    assert_eq!(run_concurrently(adds).await.into_iter().filter(|added| *added).count(), 1);
}

/// Of concurrent updates of one member every acknowledged one increments the version; the others get
/// `Stale`.
pub async fn concurrent_updates_of_one_member_are_never_lost(store: Shared) {
    let id = add_known_member(&*store, &[open_id("o1")]).await;
    let writes = (0..50).map(|_| {
        let store = Arc::clone(&store);
        async move {
            let found = store.find(id).await.unwrap().unwrap();
            let unit = store.begin().await.unwrap();
            match unit.members().update(&found).await {
                Ok(()) => {
                    unit.commit().await.unwrap();
                    1
                }
                Err(UpdateError::Stale) => 0,
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    let written: u32 = run_concurrently(writes).await.into_iter().sum();
    assert!(written >= 1);
    assert_eq!(store.find(id).await.unwrap().unwrap().version, written);
}

/// A thousand concurrent first logins of one openid succeed as the same member.
pub async fn thousand_first_logins_of_one_openid_add_one_member(store: Shared) {
    let logins = (0..1_000).map(|_| {
        let store = Arc::clone(&store);
        async move { log_in(&*store, &open_id("o1")).await }
    });
    let sessions: Result<Vec<_>, _> = run_concurrently(logins).await.into_iter().collect();
    let sessions = sessions.unwrap();
    let owner = owner_of(&*store, &open_id("o1")).await.unwrap();
    assert!(sessions.iter().all(|session| session.member == owner.member.id));
    assert_eq!(owner.subjects, [open_id("o1")]);
    let unit = store.begin().await.unwrap();
    for session in sessions {
        assert_eq!(unit.sessions().find(session.id).await.unwrap(), Some(session));
    }
}

/// Concurrent first logins of different users, several per user, all succeed.
pub async fn first_logins_of_distinct_openids_add_distinct_members(store: Shared) {
    let logins = (0..200).map(|nth| {
        let store = Arc::clone(&store);
        async move { log_in(&*store, &open_id(&format!("o{}", nth % 20))).await }
    });
    let sessions: Result<Vec<_>, _> = run_concurrently(logins).await.into_iter().collect();
    let members: HashSet<_> = sessions.unwrap().iter().map(|session| session.member).collect();
    assert_eq!(members.len(), 20);
}

/// A unit of work that relies on a member fails if the member is removed concurrently.
pub async fn write_for_removed_member_reports_contention(store: Shared) {
    let removed = member().id;
    let redemption = Redemption {
        code: Fingerprint([1; 32]),
        member: removed,
        session: session_of(removed).id,
        redeemed_at: NOW,
        stored_response: None,
    };
    let unit = store.begin().await.unwrap();
    assert_contention(unit.sessions().add(&session_of(removed)).await.unwrap_err());
    drop(unit);
    let unit = store.begin().await.unwrap();
    assert_contention(unit.identities().add(removed, &open_id("o1"), NOW).await.unwrap_err());
    drop(unit);
    let unit = store.begin().await.unwrap();
    assert_contention(unit.redemptions().add(&redemption).await.unwrap_err());
}

fn assert_contention(error: impl Into<StoreError>) {
    let error = error.into();
    let mut causes = successors(error.source(), |cause| (*cause).source());
    assert!(causes.any(<dyn Error>::is::<Contention>), "{error:?}");
}

/// Repeated logins and removals of the same members run concurrently without failures.
pub async fn logins_succeed_while_their_members_are_removed(store: Shared) {
    let operations = (0..200).map(|nth| {
        let store = Arc::clone(&store);
        async move {
            let subject = open_id(&format!("o{}", nth % 5));
            if nth % 4 == 0 {
                retry_on_contention(|| remove(&*store, &subject)).await
            } else {
                log_in(&*store, &subject).await.map(drop)
            }
        }
    });
    let outcome: Result<(), StoreError> = run_concurrently(operations).await.into_iter().collect();
    outcome.unwrap();
}

/// Removes the member of this subject, if there is one.
async fn remove(store: &dyn Backend, subject: &Subject) -> Result<(), StoreError> {
    let unit = store.begin().await?;
    let Some(owner) = unit.identities().find_by_subject(subject).await? else { return Ok(()) };
    unit.members().remove(&owner.member).await?;
    unit.commit().await
}

/// Rows for a locked member wait for the end of the unit of work that has locked it, and fail if that one
/// removes the member.
pub async fn rows_for_a_locked_member_wait_for_its_removal(store: Shared) {
    for adds_session in [true, false] {
        let id = add_known_member(&*store, &[open_id("o1")]).await;
        let unit = store.begin().await.unwrap();
        let locked = unit.members().find_for_update(id).await.unwrap().unwrap();
        let other = store.clone();
        let mut adding = tokio::spawn(async move {
            let unit = other.begin().await?;
            if adds_session {
                unit.sessions().add(&session_of(id)).await?;
            } else {
                unit.identities().add(id, &open_id("o2"), NOW).await?;
            }
            unit.commit().await
        });
        let early = timeout(LOCK_TEST_DURATION, &mut adding).await;
        assert!(early.is_err(), "a row was added to a locked member");
        unit.members().remove(&locked).await.unwrap();
        unit.commit().await.unwrap();
        assert_contention(adding.await.unwrap().unwrap_err());
    }
}

/// A locked member is read as the unit of work that had locked it before has committed it.
pub async fn member_lock_waits_and_reads_the_committed_member(store: Shared) {
    let id = add_known_member(&*store, &[open_id("o1")]).await;
    let unit = store.begin().await.unwrap();
    let mut locked = unit.members().find_for_update(id).await.unwrap().unwrap();
    let other = store.clone();
    let mut locking = tokio::spawn(async move {
        let unit = other.begin().await?;
        let found = unit.members().find_for_update(id).await?;
        unit.commit().await?;
        Ok::<_, StoreError>(found)
    });
    assert!(
        timeout(LOCK_TEST_DURATION, &mut locking).await.is_err(),
        "two units of work hold a lock"
    );
    locked.set_status(MemberStatus::Banned, None, NOW);
    unit.members().update(&locked).await.unwrap();
    unit.commit().await.unwrap();
    let found = locking.await.unwrap().unwrap().unwrap();
    assert_eq!((found.status, found.version), (MemberStatus::Banned, locked.version + 1));
}
