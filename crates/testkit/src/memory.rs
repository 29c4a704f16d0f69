//! A store in memory, with real units of work: one at a time, each on its own copy.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use domain::admin::{Admin, AdminId, AdminName, AdminSession};
use domain::app::AppName;
use domain::audit::{AuditEvent, AuditKind};
use domain::audit_query::{AuditQuery, DailyCount, Days};
use domain::avatar::Avatar;
use domain::delivery::{Delivery, ReceiverName, Subscriptions};
use domain::domain_event::DomainEvent;
use domain::holdings::{Held, Holding};
use domain::identity::{Owner, Subject};
use domain::member::{Member, MemberId};
use domain::member_query::{Criterion, MemberQuery};
use domain::phone::PhoneNumber;
use domain::ports::store::{
    AddError, AdminDirectory, AdminRepository, AppDirectory, AppRepository, AuditDirectory,
    AuditLog, Contention, IdentityRepository, MemberDirectory, MemberRepository, Outbox,
    OutboxDirectory, PushRepository, RedemptionRepository, SessionKeyRepository, SessionRepository,
    SigningKeyDirectory, SigningKeyRepository, Store, StoreError, TombstoneRepository, UnitOfWork,
    UpdateError,
};
use domain::redemption::{Fingerprint, Redemption};
use domain::registered_app::RegisteredApp;
use domain::session::{Session, SessionId};
use domain::session_key::SealedSessionKey;
use domain::signing_key::SigningKey;
use domain::timestamp::Timestamp;
use domain::withdrawal::Withdrawal;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// How long a day is, in milliseconds.
const DAY: i64 = 86_400_000;

/// A store that forgets everything when it is dropped; clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    committed: Arc<Mutex<State>>,
    turn: Arc<AsyncMutex<()>>,
    subscriptions: Arc<Subscriptions>,
}

#[derive(Clone, Debug, Default)]
struct State {
    members: HashMap<MemberId, Member>,
    identities: Vec<(MemberId, Subject)>,
    sessions: HashMap<SessionId, Session>,
    redemptions: HashMap<Fingerprint, Redemption>,
    session_keys: HashMap<Subject, SealedSessionKey>,
    audit: Vec<AuditEvent>,
    admins: BTreeMap<AdminId, Admin>,
    admin_sessions: HashMap<Fingerprint, AdminSession>,
    apps: Vec<RegisteredApp>,
    tombstones: HashSet<Fingerprint>,
    seen: HashMap<Fingerprint, Timestamp>,
    withdrawals: Vec<Withdrawal>,
    outbox: Vec<Waiting>,
    signing_keys: BTreeMap<u32, SigningKey>,
}

/// A delivery, behind those that were added before, and when it is due.
#[derive(Clone, Debug)]
struct Waiting {
    delivery: Delivery,
    due_at: Timestamp,
}

impl MemoryStore {
    /// The same, keeping events for these receivers.
    #[must_use]
    pub fn with_subscriptions(self, subscriptions: Subscriptions) -> Self {
        Self { subscriptions: Arc::new(subscriptions), ..self }
    }

    /// Every member that was committed.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.committed.lock().unwrap().members.values().cloned().collect()
    }

    /// Every subject that was committed, and whose it is.
    #[must_use]
    pub fn identities(&self) -> Vec<(MemberId, Subject)> {
        self.committed.lock().unwrap().identities.clone()
    }

    /// Every session that was committed.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.committed.lock().unwrap().sessions.values().cloned().collect()
    }

    /// Every login code that is remembered.
    #[must_use]
    pub fn redemptions(&self) -> Vec<Redemption> {
        self.committed.lock().unwrap().redemptions.values().cloned().collect()
    }

    /// Every security event that was committed, the oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<AuditEvent> {
        self.committed.lock().unwrap().audit.clone()
    }

    /// The same without the logins, of which there are many.
    #[must_use]
    pub fn audit_besides_logins(&self) -> Vec<AuditEvent> {
        let mut events = self.audit();
        events.retain(|event| !matches!(event.kind, AuditKind::Registered | AuditKind::LoggedIn));
        events
    }

    /// Every administrator that was committed, the first one first.
    #[must_use]
    pub fn admins_now(&self) -> Vec<Admin> {
        self.committed.lock().unwrap().admins.values().cloned().collect()
    }

    /// Every event that was committed for a receiver and not removed, the oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<Delivery> {
        let state = self.committed.lock().unwrap();
        state.outbox.iter().map(|waiting| waiting.delivery.clone()).collect()
    }

    /// How many tombstones were committed.
    #[must_use]
    pub fn tombstones(&self) -> usize {
        self.committed.lock().unwrap().tombstones.len()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let copy = self.committed.lock().unwrap().clone();
        let committed = Arc::clone(&self.committed);
        let (copy, subscriptions) = (Mutex::new(copy), Arc::clone(&self.subscriptions));
        Ok(Box::new(MemoryUnitOfWork { copy, committed, subscriptions, _turn: turn }))
    }

    async fn wipe_removed(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl MemberDirectory for MemoryStore {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        Ok(self.committed.lock().unwrap().members.get(&id).cloned())
    }

    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError> {
        let state = self.committed.lock().unwrap();
        let found = state.sessions.get(&id).cloned();
        Ok(found.and_then(|session| {
            let member = state.members.get(&session.member).cloned()?;
            Some((session, member))
        }))
    }

    async fn sessions_of(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        Ok(self.committed.lock().unwrap().sessions_of(member))
    }

    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError> {
        Ok(self.committed.lock().unwrap().search(query))
    }

    async fn held_of(&self, member: MemberId) -> Result<Vec<Holding>, StoreError> {
        Ok(self.committed.lock().unwrap().held_of(member))
    }

    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError> {
        let mut withdrawals = self.committed.lock().unwrap().withdrawals.clone();
        withdrawals.sort_by_key(|withdrawal| withdrawal.id);
        withdrawals.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(withdrawals)
    }

    async fn subjects_of(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let state = self.committed.lock().unwrap();
        let theirs = state.identities.iter().filter(|(owner, _)| *owner == member);
        Ok(theirs.map(|(_, subject)| subject.clone()).collect())
    }

    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError> {
        Ok(self.committed.lock().unwrap().session_keys.get(user).cloned())
    }

    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError> {
        Ok(self.committed.lock().unwrap().redemptions.get(code).cloned())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl AdminDirectory for MemoryStore {
    async fn find_admin(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        Ok(self.committed.lock().unwrap().admin_named(name))
    }

    async fn find_admin_session(
        &self,
        token: &Fingerprint,
    ) -> Result<Option<(AdminSession, Admin)>, StoreError> {
        let state = self.committed.lock().unwrap();
        let session = state.admin_sessions.get(token).cloned();
        Ok(session.and_then(|session| {
            let admin = state.admins.get(&session.admin).cloned()?;
            Some((session, admin))
        }))
    }

    async fn admins(&self) -> Result<Vec<Admin>, StoreError> {
        Ok(self.admins_now())
    }
}

#[async_trait]
impl AppDirectory for MemoryStore {
    async fn registered_apps(&self) -> Result<Vec<RegisteredApp>, StoreError> {
        let mut apps = self.committed.lock().unwrap().apps.clone();
        apps.sort_by(|a, b| (a.created_at, a.name.as_str()).cmp(&(b.created_at, b.name.as_str())));
        Ok(apps)
    }
}

#[async_trait]
impl AuditDirectory for MemoryStore {
    async fn events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        let mut events = self.audit();
        events.retain(|event| {
            query.kind.is_none_or(|kind| event.kind == kind)
                && query.member.is_none_or(|it| [event.member, event.other].contains(&Some(it)))
                && query.by.is_none_or(|by| event.by == Some(by))
                && query.before.is_none_or(|before| event.id < before)
        });
        events.sort_by_key(|event| std::cmp::Reverse(event.id));
        events.truncate(query.limit.into());
        Ok(events)
    }

    async fn count_by_day(&self, days: &Days) -> Result<Vec<DailyCount>, StoreError> {
        let mut counts: Vec<DailyCount> = vec![];
        for AuditEvent { at, kind, detail, .. } in self.audit() {
            if !(days.from..days.to).contains(&at) {
                continue;
            }
            let since = at.unix_millis() - days.from.unix_millis();
            let day = Timestamp::from_unix_millis(at.unix_millis() - since.rem_euclid(DAY));
            let same = |count: &&mut DailyCount| {
                (count.day, count.kind, &count.detail) == (day, kind, &detail)
            };
            match counts.iter_mut().find(same) {
                Some(count) => count.count += 1,
                None => counts.push(DailyCount { day, kind, detail, count: 1 }),
            }
        }
        Ok(counts)
    }
}

#[async_trait]
impl SigningKeyDirectory for MemoryStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        Ok(self.committed.lock().unwrap().signing_keys.values().cloned().collect())
    }
}

#[async_trait]
impl OutboxDirectory for MemoryStore {
    async fn due(
        &self,
        receiver: &ReceiverName,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let state = self.committed.lock().unwrap();
        let theirs = state.outbox.iter().filter(|waiting| waiting.delivery.receiver == *receiver);
        let (mut due, mut before) = (vec![], HashSet::new());
        for Waiting { delivery, due_at } in theirs {
            let event = &delivery.event;
            let about = [Some(event.member), event.other].into_iter().flatten();
            let seen = about.filter(|member| !before.insert(*member)).count();
            if seen == 0 && *due_at <= now {
                due.push(delivery.clone());
            }
        }
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(due)
    }

    async fn oldest(&self, receiver: &ReceiverName) -> Result<Option<Timestamp>, StoreError> {
        let outbox = self.outbox().into_iter();
        let theirs = outbox.filter(|delivery| delivery.receiver == *receiver);
        Ok(theirs.map(|delivery| delivery.event.at).min())
    }
}

struct MemoryUnitOfWork {
    copy: Mutex<State>,
    committed: Arc<Mutex<State>>,
    subscriptions: Arc<Subscriptions>,
    _turn: OwnedMutexGuard<()>,
}

impl MemoryUnitOfWork {
    fn state(&self) -> MutexGuard<'_, State> {
        self.copy.lock().unwrap()
    }
}

#[async_trait]
impl UnitOfWork for MemoryUnitOfWork {
    fn members(&self) -> &dyn MemberRepository {
        self
    }

    fn identities(&self) -> &dyn IdentityRepository {
        self
    }

    fn sessions(&self) -> &dyn SessionRepository {
        self
    }

    fn redemptions(&self) -> &dyn RedemptionRepository {
        self
    }

    fn session_keys(&self) -> &dyn SessionKeyRepository {
        self
    }

    fn audit(&self) -> &dyn AuditLog {
        self
    }

    fn tombstones(&self) -> &dyn TombstoneRepository {
        self
    }

    fn admins(&self) -> &dyn AdminRepository {
        self
    }

    fn apps(&self) -> &dyn AppRepository {
        self
    }

    fn pushes(&self) -> &dyn PushRepository {
        self
    }

    fn outbox(&self) -> &dyn Outbox {
        self
    }

    fn signing_keys(&self) -> &dyn SigningKeyRepository {
        self
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        *self.committed.lock().unwrap() = self.state().clone();
        Ok(())
    }
}

#[async_trait]
impl MemberRepository for MemoryUnitOfWork {
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError> {
        Ok(self.state().members.get(&id).cloned())
    }

    async fn add(&self, member: &Member) -> Result<(), AddError> {
        let mut state = self.state();
        if state.members.contains_key(&member.id) {
            return Err(StoreError::new("a member of this id exists").into());
        }
        if state.phone_is_of_another(member) {
            return Err(AddError::Taken);
        }
        state.members.insert(member.id, member.clone());
        Ok(())
    }

    async fn update(&self, member: &Member) -> Result<(), UpdateError> {
        let mut state = self.state();
        if state.members.get(&member.id).map(|stored| stored.version) != Some(member.version) {
            return Err(UpdateError::Stale);
        }
        if state.phone_is_of_another(member) {
            return Err(UpdateError::Taken);
        }
        let written = Member { version: member.version + 1, ..member.clone() };
        state.members.insert(member.id, written);
        Ok(())
    }

    async fn remove(&self, member: &Member) -> Result<(), UpdateError> {
        let mut state = self.state();
        if state.members.get(&member.id).map(|stored| stored.version) != Some(member.version) {
            return Err(UpdateError::Stale);
        }
        state.members.remove(&member.id);
        state.identities.retain(|(owner, _)| *owner != member.id);
        let State { session_keys, identities, .. } = &mut *state;
        session_keys.retain(|user, _| identities.iter().any(|(_, known)| known == user));
        state.sessions.retain(|_, session| session.member != member.id);
        state.redemptions.retain(|_, redemption| redemption.member != member.id);
        Ok(())
    }
}

#[async_trait]
impl IdentityRepository for MemoryUnitOfWork {
    async fn find_owner(&self, subject: &Subject) -> Result<Option<Owner>, StoreError> {
        let state = self.state();
        let owner = state.identities.iter().find(|(_, known)| known == subject);
        Ok(owner.and_then(|&(member, _)| {
            let theirs = state.identities.iter().filter(|(owner, _)| *owner == member);
            let subjects = theirs.map(|(_, subject)| subject.clone()).collect();
            Some(Owner { member: state.members.get(&member)?.clone(), subjects })
        }))
    }

    async fn of_member(&self, member: MemberId) -> Result<Vec<Subject>, StoreError> {
        let state = self.state();
        let theirs = state.identities.iter().filter(|(owner, _)| *owner == member);
        Ok(theirs.map(|(_, subject)| subject.clone()).collect())
    }

    async fn add(
        &self,
        member: MemberId,
        subject: &Subject,
        _now: Timestamp,
    ) -> Result<(), AddError> {
        let mut state = self.state();
        if state.identities.iter().any(|(_, known)| known == subject) {
            return Err(AddError::Taken);
        }
        state.demand_member(member)?;
        state.identities.push((member, subject.clone()));
        Ok(())
    }

    async fn remove(&self, subjects: &[Subject]) -> Result<(), StoreError> {
        let mut state = self.state();
        state.identities.retain(|(_, known)| !subjects.contains(known));
        state.session_keys.retain(|user, _| !subjects.contains(user));
        Ok(())
    }

    async fn reassign(&self, from: MemberId, to: MemberId) -> Result<(), StoreError> {
        let mut state = self.state();
        state.demand_member(to)?;
        for (owner, _) in state.identities.iter_mut().filter(|(owner, _)| *owner == from) {
            *owner = to;
        }
        Ok(())
    }

    async fn any_in(&self, namespace: &str) -> Result<bool, StoreError> {
        Ok(self.state().identities.iter().any(|(_, known)| known.namespace == namespace))
    }
}

#[async_trait]
impl RedemptionRepository for MemoryUnitOfWork {
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError> {
        let mut state = self.state();
        if state.redemptions.contains_key(&redemption.code) {
            return Err(AddError::Taken);
        }
        state.demand_member(redemption.member)?;
        state.redemptions.insert(redemption.code, redemption.clone());
        Ok(())
    }

    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.state().redemptions.retain(|_, redemption| now < redemption.expires_at());
        Ok(())
    }
}

#[async_trait]
impl SessionKeyRepository for MemoryUnitOfWork {
    async fn keep(&self, key: &SealedSessionKey) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.identities.iter().any(|(_, known)| *known == key.user) {
            return Err(Contention::new("there is no such identity").into());
        }
        state.session_keys.insert(key.user.clone(), key.clone());
        Ok(())
    }

    async fn remove_obtained_by(&self, then: Timestamp) -> Result<(), StoreError> {
        self.state().session_keys.retain(|_, key| key.obtained_at > then);
        Ok(())
    }
}

#[async_trait]
impl SessionRepository for MemoryUnitOfWork {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.state().sessions.get(&id).cloned())
    }

    async fn find_with_member(
        &self,
        id: SessionId,
    ) -> Result<Option<(Session, Member)>, StoreError> {
        let state = self.state();
        let both = |session: &Session| {
            Some((session.clone(), state.members.get(&session.member)?.clone()))
        };
        Ok(state.sessions.get(&id).and_then(both))
    }

    async fn add(&self, session: &Session) -> Result<(), StoreError> {
        let mut state = self.state();
        state.demand_member(session.member)?;
        state.sessions.insert(session.id, session.clone());
        Ok(())
    }

    async fn of_member(&self, member: MemberId) -> Result<Vec<Session>, StoreError> {
        Ok(self.state().sessions_of(member))
    }

    async fn advance(&self, next: &Session) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.sessions.get(&next.id).map(|stored| stored.generation + 1);
        if stored != Some(next.generation) {
            return Ok(false);
        }
        state.sessions.insert(next.id, next.clone());
        Ok(true)
    }

    async fn remove(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        self.state().sessions.retain(|id, _| !sessions.contains(id));
        Ok(())
    }

    async fn remove_all(&self, member: MemberId) -> Result<(), StoreError> {
        self.state().sessions.retain(|_, session| session.member != member);
        Ok(())
    }
}

#[async_trait]
impl AuditLog for MemoryUnitOfWork {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.audit.iter().any(|known| known.id == event.id) {
            return Err(StoreError::new("an event of this id exists"));
        }
        state.audit.push(event.clone());
        Ok(())
    }

    async fn forget(&self, then: Timestamp) -> Result<(), StoreError> {
        self.state().audit.retain(|event| event.at >= then);
        Ok(())
    }
}

#[async_trait]
impl AdminRepository for MemoryUnitOfWork {
    async fn find(&self, id: AdminId) -> Result<Option<Admin>, StoreError> {
        Ok(self.state().admins.get(&id).cloned())
    }

    async fn find_named(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        Ok(self.state().admin_named(name))
    }

    async fn add(&self, admin: &Admin) -> Result<(), AddError> {
        let mut state = self.state();
        if state.admin_named(&admin.name).is_some() {
            return Err(AddError::Taken);
        }
        state.admins.insert(admin.id, admin.clone());
        Ok(())
    }

    async fn update(&self, admin: &Admin) -> Result<(), UpdateError> {
        let mut state = self.state();
        match state.admins.get_mut(&admin.id) {
            Some(stored) if stored.version == admin.version => {
                let name = stored.name.clone();
                *stored = Admin { name, version: admin.version + 1, ..admin.clone() };
                Ok(())
            }
            Some(_) | None => Err(UpdateError::Stale),
        }
    }

    async fn add_session(&self, session: &AdminSession) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.admins.contains_key(&session.admin) {
            return Err(StoreError::new("there is no such administrator"));
        }
        state.admin_sessions.insert(session.token, session.clone());
        Ok(())
    }

    async fn use_session(&self, token: &Fingerprint, at: Timestamp) -> Result<(), StoreError> {
        if let Some(session) = self.state().admin_sessions.get_mut(token) {
            session.used_at = at;
        }
        Ok(())
    }

    async fn end_session(&self, token: &Fingerprint) -> Result<(), StoreError> {
        self.state().admin_sessions.remove(token);
        Ok(())
    }

    async fn end_sessions_of(&self, admin: AdminId) -> Result<(), StoreError> {
        self.state().admin_sessions.retain(|_, session| session.admin != admin);
        Ok(())
    }

    async fn forget_sessions(&self, then: Timestamp) -> Result<(), StoreError> {
        self.state().admin_sessions.retain(|_, session| session.used_at >= then);
        Ok(())
    }
}

#[async_trait]
impl AppRepository for MemoryUnitOfWork {
    async fn find(&self, name: &AppName) -> Result<Option<RegisteredApp>, StoreError> {
        Ok(self.state().apps.iter().find(|app| app.name == *name).cloned())
    }

    async fn add(&self, app: &RegisteredApp) -> Result<(), AddError> {
        let mut state = self.state();
        let taken = |known: &RegisteredApp| known.name == app.name || known.app_id == app.app_id;
        if state.apps.iter().any(taken) {
            return Err(AddError::Taken);
        }
        state.apps.push(app.clone());
        Ok(())
    }

    async fn update(&self, app: &RegisteredApp) -> Result<(), UpdateError> {
        let mut state = self.state();
        let same =
            |known: &&mut RegisteredApp| (&known.name, known.version) == (&app.name, app.version);
        let stored = state.apps.iter_mut().find(same).ok_or(UpdateError::Stale)?;
        let (app_id, created_at) = (stored.app_id.clone(), stored.created_at);
        *stored = RegisteredApp { app_id, created_at, version: app.version + 1, ..app.clone() };
        Ok(())
    }

    async fn remove(&self, app: &RegisteredApp) -> Result<(), UpdateError> {
        let mut state = self.state();
        let before = state.apps.len();
        state.apps.retain(|known| (&known.name, known.version) != (&app.name, app.version));
        if state.apps.len() < before { Ok(()) } else { Err(UpdateError::Stale) }
    }
}

#[async_trait]
impl TombstoneRepository for MemoryUnitOfWork {
    async fn add(&self, tombstones: &[Fingerprint], _now: Timestamp) -> Result<(), StoreError> {
        self.state().tombstones.extend(tombstones);
        Ok(())
    }

    async fn any(&self, tombstones: &[Fingerprint]) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(tombstones.iter().any(|tombstone| state.tombstones.contains(tombstone)))
    }
}

#[async_trait]
impl PushRepository for MemoryUnitOfWork {
    async fn see(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let new = !state.seen.contains_key(&fingerprint);
        state.seen.entry(fingerprint).or_insert(now);
        Ok(new)
    }

    async fn forget_seen(&self, then: Timestamp) -> Result<(), StoreError> {
        self.state().seen.retain(|_, seen_at| *seen_at >= then);
        Ok(())
    }

    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError> {
        self.state().withdrawals.push(withdrawal.clone());
        Ok(())
    }

    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.withdrawals.len();
        state.withdrawals.retain(|kept| kept.id != withdrawal.id);
        Ok(state.withdrawals.len() < before)
    }
}

#[async_trait]
impl Outbox for MemoryUnitOfWork {
    async fn add(&self, event: &DomainEvent) -> Result<(), StoreError> {
        for receiver in self.subscriptions.receivers_of(event.kind).cloned() {
            let delivery = Delivery { receiver, event: event.clone(), attempts: 0 };
            self.state().outbox.push(Waiting { delivery, due_at: event.at });
        }
        Ok(())
    }

    async fn claim(&self, delivery: &Delivery, until: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let found = state.outbox.iter_mut().find(|waiting| waiting.delivery == *delivery);
        Ok(found.is_some_and(|waiting| {
            waiting.delivery.attempts += 1;
            waiting.due_at = until;
            true
        }))
    }

    async fn put_off(&self, claimed: &Delivery, until: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        for waiting in state.outbox.iter_mut().filter(|waiting| waiting.delivery == *claimed) {
            waiting.due_at = until;
        }
        Ok(())
    }

    async fn remove(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.state().outbox.retain(|Waiting { delivery: kept, .. }| {
            (&kept.receiver, kept.event.id) != (&delivery.receiver, delivery.event.id)
        });
        Ok(())
    }

    async fn remove_orphans(
        &self,
        receivers: &[ReceiverName],
        then: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut state = self.state();
        let before = state.outbox.len();
        state.outbox.retain(|Waiting { delivery, .. }| {
            receivers.contains(&delivery.receiver) || delivery.event.at >= then
        });
        Ok(u64::try_from(before - state.outbox.len()).unwrap())
    }
}

#[async_trait]
impl SigningKeyRepository for MemoryUnitOfWork {
    async fn all(&self) -> Result<Vec<SigningKey>, StoreError> {
        Ok(self.state().signing_keys.values().cloned().collect())
    }

    async fn add(&self, key: &SigningKey) -> Result<(), AddError> {
        let mut state = self.state();
        if state.signing_keys.contains_key(&key.number) {
            return Err(AddError::Taken);
        }
        state.signing_keys.insert(key.number, key.clone());
        Ok(())
    }

    async fn start(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        for key in state.signing_keys.values_mut().filter(|key| key.id == id) {
            key.signs_from = Some(key.signs_from.map_or(at, |earlier| earlier.min(at)));
        }
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.state().signing_keys.retain(|_, key| key.id != id);
        Ok(())
    }
}

impl State {
    fn admin_named(&self, name: &AdminName) -> Option<Admin> {
        self.admins.values().find(|admin| admin.name == *name).cloned()
    }

    fn search(&self, query: &MemberQuery) -> Vec<Member> {
        let is_meant = |member: &&Member| match &query.criterion {
            Criterion::Any => true,
            Criterion::Id(id) => member.id == *id,
            Criterion::Phone(e164) => {
                member.phone.as_ref().is_some_and(|phone| phone.e164() == *e164)
            }
            Criterion::MaskedPhone(masked) => {
                member.phone.as_ref().is_some_and(|phone| phone.masked() == *masked)
            }
            Criterion::Subject(value) => {
                let theirs = |(owner, known): &(MemberId, Subject)| {
                    *owner == member.id && known.value == *value
                };
                self.identities.iter().any(theirs)
            }
        };
        let older = |member: &&Member| query.before.is_none_or(|before| member.id < before);
        let meant = self.members.values().filter(is_meant).filter(older);
        let mut members: Vec<_> = meant.cloned().collect();
        members.sort_by_key(|member| std::cmp::Reverse(member.id));
        members.truncate(query.limit.into());
        members
    }

    fn held_of(&self, id: MemberId) -> Vec<Holding> {
        let number = |name: &str, number: i64| (name.to_owned(), Held::Number(number));
        let text = |name: &str, text: &str| (name.to_owned(), Held::Text(text.to_owned()));
        let members = self.members.get(&id).into_iter().map(|member| {
            let phone = member.phone.as_ref().map(PhoneNumber::e164);
            vec![
                text("id", &id.0.to_string()),
                text("nickname", member.nickname.as_str()),
                text("avatar", member.avatar.as_ref().map_or("", Avatar::as_str)),
                number("gender", member.gender.code().into()),
                ("phone".to_owned(), phone.map_or(Held::Nothing, Held::Text)),
                text("remark", member.remark.as_deref().unwrap_or_default()),
                number("created_at", member.created_at.unix_millis()),
            ]
        });
        let identities = self.identities.iter().filter(|(owner, _)| *owner == id);
        let identities = identities.map(|(_, subject)| {
            vec![text("namespace", &subject.namespace), text("value", &subject.value)]
        });
        let sessions = self.sessions_of(id).into_iter().map(|session| {
            vec![text("id", &session.id.0.to_string()), text("app", session.app.as_str())]
        });
        let events = self.audit.iter().filter(|event| event.member == Some(id));
        let events = events.map(|event| vec![text("id", &event.id.to_string())]);
        let told = self.outbox.iter().map(|waiting| &waiting.delivery.event);
        let told = told.filter(|event| event.member == id);
        let told = told.map(|event| vec![text("event_id", &event.id.to_string())]);
        let holding = |table: &str, rows: Vec<_>| Holding { table: table.to_owned(), rows };
        vec![
            holding("member", members.collect()),
            holding("identity", identities.collect()),
            holding("session", sessions.collect()),
            holding("audit_event", events.collect()),
            holding("outbox", told.collect()),
        ]
    }

    fn sessions_of(&self, member: MemberId) -> Vec<Session> {
        let theirs = self.sessions.values().filter(|session| session.member == member);
        theirs.cloned().collect()
    }

    fn phone_is_of_another(&self, member: &Member) -> bool {
        let number = |member: &Member| member.phone.as_ref().map(PhoneNumber::e164);
        let mut others = self.members.values().filter(|other| other.id != member.id);
        member.phone.is_some() && others.any(|other| number(other) == number(member))
    }

    /// What a foreign key does in a database.
    fn demand_member(&self, id: MemberId) -> Result<(), StoreError> {
        match self.members.get(&id) {
            Some(_) => Ok(()),
            None => Err(Contention::new("there is no such member").into()),
        }
    }
}
