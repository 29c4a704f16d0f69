//! Rules that hold after any two use cases.

use domain::model::admin::Role;
use domain::model::member::MemberStatus;
use domain::ports::store::members::MemberReader;

use super::{Acknowledged, MAX_SESSIONS, World};
use crate::contract::interleavings::operation::Operation;
use crate::contract::store::owner_of;

impl World {
    /// Checks the rules.
    pub(in crate::contract::interleavings) async fn check_invariants(
        &self,
        operations: [Operation; 2],
        results: &[Acknowledged],
    ) {
        let [one, other] = operations;
        for (result, concurrent) in results.iter().zip([other, one]) {
            let Some(login) = &result.login else { continue };
            let session = self.store.find_session(login.session).await.unwrap();
            let is_lost = session.is_none() && !concurrent.ends_sessions();
            assert!(!is_lost, "{operations:?}: the session of an acknowledged login is gone");
        }
        let mut phones = 0;
        for (label, subject) in self.subjects() {
            let owner = owner_of(&*self.store, &subject).await;
            let is_lost = owner.is_none()
                && label != "third openid"
                && !operations.into_iter().any(Operation::removes_identities);
            assert!(!is_lost, "{operations:?}: the {label} is lost");
        }
        for id in [self.a.member, self.b.member] {
            let Some(member) = MemberReader::find(&*self.store, id).await.unwrap() else {
                continue;
            };
            let sessions = self.store.list_sessions(id).await.unwrap();
            assert!(sessions.len() <= MAX_SESSIONS, "{operations:?}: {} sessions", sessions.len());
            let is_banned = member.status == MemberStatus::Banned;
            assert!(
                !is_banned || sessions.is_empty(),
                "{operations:?}: a session of a banned member"
            );
            phones += usize::from(member.phone.as_ref() == Some(&self.phone));
        }
        assert!(phones <= 1, "{operations:?}: one phone number of two members");
        let mut active = 0;
        for principal in [&self.ann, &self.bob] {
            let found = self.store.find_admin(&principal.name).await.unwrap().unwrap();
            active += usize::from(found.active && found.role == Role::Admin);
        }
        assert!(active > 0, "{operations:?}: no active administrator is left");
    }
}
