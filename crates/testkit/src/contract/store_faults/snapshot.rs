//! Content of a store without ids and times, for comparisons.

use std::collections::BTreeMap;

use domain::model::audit::query::AuditQuery;
use domain::model::event::delivery::ReceiverName;
use domain::model::member::Member;
use domain::model::member::query::{MAX_PAGE_SIZE, MemberFilter, MemberQuery};
use domain::model::timestamp::Timestamp;

use crate::contract::store::{Backend, outbox};

/// Number of equal rows, by their description.
#[derive(Debug, Default)]
pub(super) struct Snapshot(BTreeMap<String, i64>);

/// Increase or decrease of the number of equal rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes(BTreeMap<String, i64>);

impl Snapshot {
    /// Reads the committed rows of an attempt: members, events and deliveries after `since`, and all
    /// administrators.
    pub(super) async fn of(store: &dyn Backend, since: Timestamp, now: Timestamp) -> Self {
        let mut snapshot = Self::default();
        let query = MemberQuery { filter: MemberFilter::Any, before: None, limit: MAX_PAGE_SIZE };
        let members = store.search(&query).await.unwrap();
        for member in members.iter().filter(|member| member.created_at > since) {
            snapshot.add_member(store, member).await;
        }
        let query = AuditQuery { limit: MAX_PAGE_SIZE, ..AuditQuery::default() };
        let events = store.events(&query).await.unwrap();
        for event in events.iter().filter(|event| event.at > since) {
            snapshot.add(format!("audit event {:?} {:?}", event.kind, event.detail));
        }
        let receiver = ReceiverName::parse(outbox::ALL).unwrap();
        let deliveries = store.due(&receiver, now, u64::from(u32::MAX)).await.unwrap();
        for delivery in deliveries.iter().filter(|delivery| delivery.event.at > since) {
            snapshot.add(format!("delivery of {:?}", delivery.event.kind));
        }
        for admin in store.admins().await.unwrap() {
            let invited = admin.invitation.is_some();
            snapshot.add(format!(
                "administrator {:?}, active {}, invited {invited}",
                admin.role, admin.active
            ));
        }
        snapshot
    }

    async fn add_member(&mut self, store: &dyn Backend, member: &Member) {
        let identities = store.list_identities(member.id).await.unwrap().len();
        let sessions = store.list_sessions(member.id).await.unwrap();
        let mut generations: Vec<_> = sessions.iter().map(|session| session.generation).collect();
        generations.sort_unstable();
        self.add(format!(
            "member {:?}, phone {}, gender {:?}, {identities} identities, sessions {generations:?}",
            member.status,
            member.phone.is_some(),
            member.gender,
        ));
    }

    fn add(&mut self, row: String) {
        *self.0.entry(row).or_default() += 1;
    }

    /// Returns the changes between this and a later snapshot.
    pub(super) fn changes_to(&self, later: &Self) -> Changes {
        let mut changes = later.0.clone();
        for (row, count) in &self.0 {
            *changes.entry(row.clone()).or_default() -= count;
        }
        changes.retain(|_, change| *change != 0);
        Changes(changes)
    }
}
