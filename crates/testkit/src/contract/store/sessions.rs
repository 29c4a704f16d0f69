//! Sessions.

use std::time::Duration;

use domain::app::AppName;
use domain::session::Session;
use domain::timestamp::Timestamp;

use super::{NOW, Shared, make_known, open_id, session_of};

/// Every field comes back, whatever it holds.
pub async fn a_session_is_read_as_it_was_written(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let plain = session_of(member);
    let strange = Session {
        app: AppName::parse(&"a-_9".repeat(8)).unwrap(),
        generation: u32::MAX,
        created_at: Timestamp::from_unix_millis(-1),
        expires_at: NOW.plus(Duration::MAX),
        ..session_of(member)
    };
    for session in [plain, strange] {
        let unit = store.begin().await.unwrap();
        unit.sessions().add(&session).await.unwrap();
        unit.commit().await.unwrap();
        let unit = store.begin().await.unwrap();
        assert_eq!(unit.sessions().find(session.id).await.unwrap(), Some(session));
    }
}

/// An id that was never given out finds no session.
pub async fn an_unknown_session_is_none(store: Shared) {
    let member = make_known(&*store, &[open_id("o1")]).await;
    let unit = store.begin().await.unwrap();
    assert_eq!(unit.sessions().find(session_of(member).id).await.unwrap(), None);
}
