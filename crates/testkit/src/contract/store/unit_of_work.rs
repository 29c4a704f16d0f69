//! Units of work: atomicity and isolation.

use super::{Shared, add_known_member, add_members, log_in, member, open_id, owner_of, session_of};

/// A commit stores all changes of the unit of work.
pub async fn committed_changes_are_stored(store: Shared) {
    let member = member();
    let subject = open_id("o1");
    let session = session_of(member.id);
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    unit.identities().add(member.id, &subject, member.created_at).await.unwrap();
    unit.sessions().add(&session).await.unwrap();
    unit.commit().await.unwrap();

    assert_eq!(owner_of(&*store, &subject).await.unwrap().member.id, member.id);
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.members().find(member.id).await.unwrap(), Some(member));
    assert_eq!(unit.sessions().find(session.id).await.unwrap(), Some(session));
}

/// Readers return committed data only.
pub async fn uncommitted_changes_are_invisible_to_readers(store: Shared) {
    let member = member();
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    assert_eq!(store.find(member.id).await.unwrap(), None);
    unit.commit().await.unwrap();
    assert_eq!(store.find(member.id).await.unwrap(), Some(member));
}

/// A unit of work that is dropped has changed nothing.
pub async fn dropped_unit_of_work_is_rolled_back(store: Shared) {
    let kept = add_known_member(&*store, &[open_id("kept")]).await;
    let member = member();
    let subject = open_id("dropped");
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    unit.identities().add(member.id, &subject, member.created_at).await.unwrap();
    unit.identities().add(kept, &open_id("alias"), member.created_at).await.unwrap();
    drop(unit);

    assert_eq!(store.find(member.id).await.unwrap(), None);
    assert_eq!(owner_of(&*store, &subject).await, None);
    assert_eq!(owner_of(&*store, &open_id("kept")).await.unwrap().subjects, [open_id("kept")]);
}

/// A unit of work reads its own writes.
pub async fn unit_of_work_reads_its_own_writes(store: Shared) {
    let mut member = member();
    let subject = open_id("o1");
    let unit = store.begin().await.unwrap();
    unit.members().add(&member).await.unwrap();
    unit.identities().add(member.id, &subject, member.created_at).await.unwrap();
    let owner = unit.identities().find_by_subject(&subject).await.unwrap().unwrap();
    assert_eq!((&owner.member, owner.subjects), (&member, vec![subject]));
    member.remark = Some("seen".into());
    unit.members().update(&member).await.unwrap();
    assert_eq!(unit.members().find(member.id).await.unwrap().unwrap().remark, member.remark);
}

/// Dropped units of work in any state release their connections and locks.
pub async fn dropped_units_of_work_release_their_resources(store: Shared) {
    for _ in 0..100 {
        let member = member();
        drop(store.begin().await.unwrap());
        let unit = store.begin().await.unwrap();
        unit.members().add(&member).await.unwrap();
    }
    let member = member();
    add_members(&*store, &[&member]).await;
    assert_eq!(store.find(member.id).await.unwrap(), Some(member));
}

/// A working store is ready, also while a unit of work is open.
pub async fn store_reports_readiness(store: Shared) {
    store.ready().await.unwrap();
    let unit = store.begin().await.unwrap();
    store.ready().await.unwrap();
    drop(unit);
    log_in(&*store, &open_id("o1")).await.unwrap();
}
