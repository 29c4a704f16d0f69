//! Administrators and their sessions.

use std::time::Duration;

use domain::model::admin::{Admin, AdminName, AdminSession, PasswordHash, Role};
use domain::model::fingerprint::Fingerprint;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use tokio::time::timeout;

use super::races::LOCK_TEST_DURATION;
use super::{Backend, NOW, RANDOM, Shared, run_concurrently};

fn name(name: &str) -> AdminName {
    AdminName::parse(name).unwrap()
}

fn admin(of: &str) -> Admin {
    Admin::new(name(of), Role::Viewer, NOW, &RANDOM)
}

fn session(admin: &Admin, token: u8, used_at: Timestamp) -> AdminSession {
    AdminSession { token: Fingerprint([token; 32]), admin: admin.id, created_at: NOW, used_at }
}

async fn add(store: &dyn Backend, admin: &Admin) -> Result<(), AddError> {
    let unit = store.begin().await.unwrap();
    unit.admins().add(admin).await?;
    Ok(unit.commit().await?)
}

/// Every field is read back unchanged.
pub async fn admin_round_trip_keeps_every_field(store: Shared) {
    let mut invited = admin("a.b+c_d-e@example.com");
    invited.invite(Fingerprint([255; 32]), NOW);
    let with_password = Admin {
        role: Role::Admin,
        active: false,
        password: Some(PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned())),
        ..admin("zoe")
    };
    for admin in [&invited, &with_password] {
        add(&*store, admin).await.unwrap();
        let unit = store.begin().await.unwrap();
        assert_eq!(unit.admins().find(admin.id).await.unwrap().as_ref(), Some(admin));
        assert_eq!(unit.admins().find_by_name(&admin.name).await.unwrap().as_ref(), Some(admin));
        assert_eq!(store.find_admin(&admin.name).await.unwrap().as_ref(), Some(admin));
    }
    assert_eq!(store.find_admin(&name("a")).await.unwrap(), None);
    let mut all = store.admins().await.unwrap();
    assert!(all.is_sorted_by_key(|admin| admin.id));
    all.sort_by_key(|admin| admin.name.as_str().to_owned());
    assert_eq!(all, [invited, with_password]);
}

/// A name is unique, also among concurrent additions.
pub async fn admin_name_is_unique(store: Shared) {
    let tasks = (0..8).map(|_| {
        let store = store.clone();
        async move { add(&*store, &admin("ann")).await }
    });
    let outcomes = run_concurrently(tasks).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|it| matches!(it, Ok(()) | Err(AddError::Taken))), "{outcomes:?}");
    assert_eq!(store.admins().await.unwrap().len(), 1);
}

/// A second writer gets `Stale`; the name never changes.
pub async fn update_with_old_admin_version_is_stale(store: Shared) {
    let read = admin("ann");
    add(&*store, &read).await.unwrap();
    let change = Admin { name: name("eve"), role: Role::Operator, ..read.clone() };
    let unit = store.begin().await.unwrap();
    unit.admins().update(&change).await.unwrap();
    unit.commit().await.unwrap();
    let written = store.find_admin(&read.name).await.unwrap().unwrap();
    assert_eq!((written.role, written.version), (Role::Operator, read.version + 1));
    let unit = store.begin().await.unwrap();
    let refused = unit.admins().update(&change).await;
    assert!(matches!(refused, Err(UpdateError::Stale)), "{refused:?}");
}

/// Sessions are found with their administrator until they are ended singly or by administrator.
pub async fn admin_sessions_exist_until_they_are_ended(store: Shared) {
    let ann = admin("ann");
    let bob = admin("bob");
    add(&*store, &ann).await.unwrap();
    add(&*store, &bob).await.unwrap();
    let later = NOW.plus(Duration::from_mins(10));
    let sessions = [session(&ann, 1, NOW), session(&ann, 2, NOW), session(&bob, 3, NOW)];
    let unit = store.begin().await.unwrap();
    for session in &sessions {
        unit.admins().add_session(session).await.unwrap();
    }
    unit.commit().await.unwrap();
    let [first, second, third] = &sessions;
    let found = store.find_admin_session(&first.token).await.unwrap();
    assert_eq!(found, Some((first.clone(), ann.clone())));
    assert_eq!(store.find_admin_session(&Fingerprint([9; 32])).await.unwrap(), None);

    let unit = store.begin().await.unwrap();
    unit.admins().touch_session(&second.token, later).await.unwrap();
    unit.admins().end_session(&first.token).await.unwrap();
    unit.admins().touch_session(&first.token, later).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(
        store.find_admin_session(&first.token).await.unwrap(),
        None,
        "the session was ended"
    );
    let used = AdminSession { used_at: later, ..second.clone() };
    assert_eq!(store.find_admin_session(&second.token).await.unwrap(), Some((used, ann.clone())));

    let unit = store.begin().await.unwrap();
    unit.admins().end_all_sessions(ann.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(store.find_admin_session(&second.token).await.unwrap(), None);
    assert!(store.find_admin_session(&third.token).await.unwrap().is_some());
}

/// A locked account is read as the unit of work that had locked it before has committed it.
pub async fn admin_lock_waits_and_reads_the_committed_account(store: Shared) {
    let ann = admin("ann");
    add(&*store, &ann).await.unwrap();
    let unit = store.begin().await.unwrap();
    let locked = unit.admins().find_for_update(ann.id).await.unwrap().unwrap();
    let other = store.clone();
    let mut locking = tokio::spawn(async move {
        let unit = other.begin().await?;
        let found = unit.admins().find_for_update(ann.id).await?;
        unit.commit().await?;
        Ok::<_, StoreError>(found)
    });
    assert!(
        timeout(LOCK_TEST_DURATION, &mut locking).await.is_err(),
        "two units of work hold a lock"
    );
    unit.admins().update(&Admin { active: false, ..locked }).await.unwrap();
    unit.commit().await.unwrap();
    assert!(!locking.await.unwrap().unwrap().unwrap().active);
}
