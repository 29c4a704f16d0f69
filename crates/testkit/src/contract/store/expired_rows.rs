//! Expired rows: deleted by age, in batches.

use domain::model::admin::{Admin, AdminName, AdminSession, Role};
use domain::model::audit::{AuditEvent, AuditKind};
use domain::model::cleanup::CleanupDuty;
use domain::model::event::{DomainEvent, EventKind};
use domain::model::fingerprint::Fingerprint;
use domain::model::login::redemption::{CODE_REPLAY_WINDOW, Redemption};
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::session::Session;

use super::outbox::{ALL, BANS, after, member_id, receiver};
use super::{Backend, NOW, RANDOM, Shared, add_known_member, audit, open_id, outbox, session_of};

/// Numbers of the rows of each case. A row's time is that number of seconds after [`NOW`].
const ROWS: [u8; 5] = [3, 1, 5, 2, 4];

/// Deletes a batch of two rows at most, of those whose time is that of row 4 or before, and commits.
async fn delete_batch(store: &dyn Backend, duty: &CleanupDuty) -> u64 {
    let unit = store.begin().await.unwrap();
    let deleted = unit.expired_rows().delete_expired(duty, after(4), 2).await.unwrap();
    unit.commit().await.unwrap();
    deleted
}

/// Asserts that [`ROWS`] are deleted in batches, the oldest first, up to row 4.
async fn assert_deleted_in_batches(store: &dyn Backend, duty: CleanupDuty) {
    for (oldest, deleted) in [(1, 2), (3, 2), (5, 0)] {
        assert_eq!(store.oldest_row(&duty).await.unwrap(), Some(after(oldest)), "{duty:?}");
        assert_eq!(delete_batch(store, &duty).await, deleted, "{duty:?}");
    }
    assert_eq!(store.oldest_row(&duty).await.unwrap(), Some(after(5)), "{duty:?}");
}

/// Redemptions are deleted by their expiry.
pub async fn expired_redemptions_are_deleted_in_batches(store: Shared) {
    assert_eq!(store.oldest_row(&CleanupDuty::Redemptions).await.unwrap(), None);
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let unit = store.begin().await.unwrap();
    for row in ROWS {
        let redemption = Redemption {
            code: Fingerprint([row; 32]),
            member,
            session: session_of(member).id,
            redeemed_at: after(row.into()).minus(CODE_REPLAY_WINDOW),
            stored_response: None,
        };
        unit.redemptions().add(&redemption).await.unwrap();
    }
    unit.commit().await.unwrap();
    assert_deleted_in_batches(&*store, CleanupDuty::Redemptions).await;
    assert_eq!(store.find_redemption(&Fingerprint([4; 32])).await.unwrap(), None);
    assert!(store.find_redemption(&Fingerprint([5; 32])).await.unwrap().is_some());
}

/// Sessions are deleted by their expiry.
pub async fn expired_sessions_are_deleted_in_batches(store: Shared) {
    let member = add_known_member(&*store, &[open_id("o1")]).await;
    let unit = store.begin().await.unwrap();
    for row in ROWS {
        let session = Session { expires_at: after(row.into()), ..session_of(member) };
        unit.sessions().add(&session).await.unwrap();
    }
    unit.commit().await.unwrap();
    assert_deleted_in_batches(&*store, CleanupDuty::Sessions).await;
    let [kept] = &store.list_sessions(member).await.unwrap()[..] else { panic!("not one session") };
    assert_eq!(kept.expires_at, after(5));
}

/// Session keys are deleted by the time they were obtained.
pub async fn old_session_keys_are_deleted_in_batches(store: Shared) {
    let user = |row: u8| open_id(&format!("o{row}"));
    add_known_member(&*store, &ROWS.map(user)).await;
    let unit = store.begin().await.unwrap();
    for row in ROWS {
        let obtained_at = after(row.into());
        let key = SealedSessionKey { user: user(row), sealed: vec![row; 56], obtained_at };
        unit.session_keys().upsert(&key).await.unwrap();
    }
    unit.commit().await.unwrap();
    assert_deleted_in_batches(&*store, CleanupDuty::SessionKeys).await;
    assert_eq!(store.find_session_key(&user(4)).await.unwrap(), None);
    assert!(store.find_session_key(&user(5)).await.unwrap().is_some());
}

/// Sessions of administrators are deleted by their last use.
pub async fn unused_admin_sessions_are_deleted_in_batches(store: Shared) {
    let admin = Admin::new(AdminName::parse("ann").unwrap(), Role::Viewer, NOW, &RANDOM);
    let unit = store.begin().await.unwrap();
    unit.admins().add(&admin).await.unwrap();
    for row in ROWS {
        let token = Fingerprint([row; 32]);
        let used_at = after(row.into());
        let session = AdminSession { token, admin: admin.id, created_at: NOW, used_at };
        unit.admins().add_session(&session).await.unwrap();
    }
    unit.commit().await.unwrap();
    assert_deleted_in_batches(&*store, CleanupDuty::AdminSessions).await;
    assert_eq!(store.find_admin_session(&Fingerprint([4; 32])).await.unwrap(), None);
    assert!(store.find_admin_session(&Fingerprint([5; 32])).await.unwrap().is_some());
}

/// Fingerprints of message pushes are deleted by the time of the receipt.
pub async fn old_seen_pushes_are_deleted_in_batches(store: Shared) {
    let unit = store.begin().await.unwrap();
    for row in ROWS {
        unit.pushes().mark_seen(Fingerprint([row; 32]), after(row.into())).await.unwrap();
    }
    unit.commit().await.unwrap();
    assert_deleted_in_batches(&*store, CleanupDuty::SeenPushes).await;
    let unit = store.begin().await.unwrap();
    assert!(unit.pushes().mark_seen(Fingerprint([4; 32]), NOW).await.unwrap());
    assert!(!unit.pushes().mark_seen(Fingerprint([5; 32]), NOW).await.unwrap());
}

/// Audit events are deleted by their time.
pub async fn old_audit_events_are_deleted_in_batches(store: Shared) {
    let unit = store.begin().await.unwrap();
    for row in ROWS {
        let event = audit::event(row.into(), AuditKind::LoggedIn);
        unit.audit().record(&AuditEvent { at: after(row.into()), ..event }).await.unwrap();
    }
    unit.commit().await.unwrap();
    assert_deleted_in_batches(&*store, CleanupDuty::AuditEvents).await;
}

/// Events are deleted if their receiver is not configured, and kept otherwise.
pub async fn orphaned_events_are_deleted_in_batches(store: Shared) {
    let event = |row: u8| {
        let event = outbox::event(EventKind::Banned, member_id());
        DomainEvent { at: after(row.into()), ..event }
    };
    let events = ROWS.map(event);
    outbox::add(&*store, &events.each_ref()).await;
    let both = CleanupDuty::OrphanedEvents(vec![receiver(ALL), receiver(BANS)]);
    assert_eq!(store.oldest_row(&both).await.unwrap(), None);
    assert_eq!(delete_batch(&*store, &both).await, 0);
    let one = CleanupDuty::OrphanedEvents(vec![receiver(BANS), receiver("others")]);
    assert_deleted_in_batches(&*store, one).await;
    assert_eq!(store.oldest(&receiver(ALL)).await.unwrap(), Some(after(5)));
    assert_eq!(store.oldest(&receiver(BANS)).await.unwrap(), Some(after(1)));
    assert_deleted_in_batches(&*store, CleanupDuty::OrphanedEvents(vec![])).await;
}

/// A deletion takes effect with its commit.
pub async fn uncommitted_deletion_keeps_expired_rows(store: Shared) {
    let unit = store.begin().await.unwrap();
    unit.audit().record(&audit::event(1, AuditKind::LoggedIn)).await.unwrap();
    unit.commit().await.unwrap();
    let unit = store.begin().await.unwrap();
    let deleted = unit.expired_rows().delete_expired(&CleanupDuty::AuditEvents, after(1), 9).await;
    assert_eq!(deleted.unwrap(), 1);
    drop(unit);
    assert_eq!(delete_batch(&*store, &CleanupDuty::AuditEvents).await, 1);
}
