//! Content of the in-memory store and its constraints.

use domain::model::event::delivery::Delivery;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use std::collections::HashSet;
use std::collections::{BTreeMap, HashMap};

use domain::model::admin::{Admin, AdminId, AdminSession};
use domain::model::app::registered::RegisteredApp;
use domain::model::audit::AuditEvent;
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::Subject;
use domain::model::login::redemption::Redemption;
use domain::model::member::{Member, MemberId};
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::session::{Session, SessionId};
use domain::model::signing_key::SigningKey;
use domain::ports::store::error::Contention;

/// Content of a store, committed or in a unit of work.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) members: HashMap<MemberId, Member>,
    pub(super) identities: Vec<(MemberId, Subject)>,
    pub(super) sessions: HashMap<SessionId, Session>,
    pub(super) session_epoch: u32,
    pub(super) redemptions: HashMap<Fingerprint, Redemption>,
    pub(super) session_keys: HashMap<Subject, SealedSessionKey>,
    pub(super) audit: Vec<AuditEvent>,
    pub(super) admins: BTreeMap<AdminId, Admin>,
    pub(super) admin_sessions: HashMap<Fingerprint, AdminSession>,
    pub(super) apps: Vec<RegisteredApp>,
    pub(super) tombstones: HashSet<Subject>,
    pub(super) seen: HashMap<Fingerprint, Timestamp>,
    pub(super) withdrawals: Vec<Withdrawal>,
    pub(super) outbox: Vec<QueuedDelivery>,
    pub(super) signing_keys: BTreeMap<u32, SigningKey>,
}

impl State {
    /// Fails with contention if the member does not exist, as a foreign key does.
    pub(super) fn require_member(&self, id: MemberId) -> Result<(), StoreError> {
        if !self.members.contains_key(&id) {
            return Err(Contention::new("the member does not exist").into());
        }
        Ok(())
    }
}

/// Queued delivery and its due time.
#[derive(Clone, Debug)]
pub(super) struct QueuedDelivery {
    pub(super) delivery: Delivery,
    pub(super) due_at: Timestamp,
}
