//! Store decorator that injects faults into port calls. It works for every store.

use std::future::pending;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::model::admin::{Admin, AdminId, AdminName, AdminSession};
use domain::model::app::name::AppName;
use domain::model::app::registered::RegisteredApp;
use domain::model::audit::AuditEvent;
use domain::model::audit::query::{AuditQuery, DailyCount, DayRange};
use domain::model::cleanup::CleanupDuty;
use domain::model::event::DomainEvent;
use domain::model::event::delivery::{Delivery, ReceiverName};
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::{KnownMember, Subject};
use domain::model::login::redemption::Redemption;
use domain::model::member::personal_data::ExportedTable;
use domain::model::member::query::MemberQuery;
use domain::model::member::{Member, MemberId};
use domain::model::provider::session_key::SealedSessionKey;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::session::{Session, SessionId};
use domain::model::signing_key::SigningKey;
use domain::model::timestamp::Timestamp;
use domain::ports::store::admins::{AdminReader, AdminRepository};
use domain::ports::store::apps::{AppReader, AppRepository};
use domain::ports::store::audit::{AuditLog, AuditReader};
use domain::ports::store::error::{AddError, Contention, StoreError, UpdateError};
use domain::ports::store::expired_rows::{ExpiredRowReader, ExpiredRowRepository};
use domain::ports::store::identities::{IdentityReader, IdentityRepository};
use domain::ports::store::members::{
    MemberReader, MemberRepository, MemberSearch, PersonalDataReader, TombstoneRepository,
};
use domain::ports::store::outbox::{Outbox, OutboxReader};
use domain::ports::store::pushes::{PushRepository, WithdrawalReader};
use domain::ports::store::redemptions::{RedemptionReader, RedemptionRepository};
use domain::ports::store::session_keys::{SessionKeyReader, SessionKeyRepository};
use domain::ports::store::sessions::{SessionLister, SessionReader, SessionRepository};
use domain::ports::store::signing_keys::{SigningKeyReader, SigningKeyRepository};
use domain::ports::store::{Store, StoreHealth, UnitOfWork};
use tokio::sync::Notify;

use crate::contract::store::Backend;

/// Fault of a port call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// The call fails and has no effect.
    Failure,
    /// The call fails because of a concurrent change. Reads outside of a unit of work do not fail so.
    Contention,
    /// The call takes effect, and fails nevertheless.
    LostResponse,
    /// The call has no effect and never returns.
    Hang,
    /// The call takes effect and never returns.
    HangAfterEffect,
}

impl StoreFault {
    /// All faults.
    pub const ALL: [Self; 5] =
        [Self::Failure, Self::Contention, Self::LostResponse, Self::Hang, Self::HangAfterEffect];
}

/// Store in which one port call fails or hangs.
pub struct FaultyStore {
    inner: Arc<dyn Backend>,
    faults: Arc<Faults>,
}

/// Unit of work of a [`FaultyStore`].
struct FaultyUnitOfWork {
    inner: Box<dyn UnitOfWork>,
    faults: Arc<Faults>,
}

/// Fault of a later port call.
#[derive(Default)]
struct Faults {
    /// Fault, and the number of calls that pass before it.
    next: Mutex<Option<(StoreFault, usize)>>,
    hanging: Notify,
}

impl FaultyStore {
    /// Wraps a store, without a fault.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        Self { inner, faults: Arc::default() }
    }

    /// Injects a fault into one port call, after `passing` calls without one.
    pub fn inject(&self, fault: StoreFault, passing: usize) {
        *self.faults.next.lock().unwrap() = Some((fault, passing));
    }

    /// Removes the fault. Returns `false` if there is none, because a call had it.
    #[must_use]
    pub fn repair(&self) -> bool {
        self.faults.next.lock().unwrap().take().is_some()
    }

    /// Waits until a call hangs.
    pub async fn hanging(&self) {
        self.faults.hanging.notified().await;
    }
}

impl Faults {
    /// Returns the fault of this call.
    fn of_call(&self) -> Option<StoreFault> {
        let mut next = self.next.lock().unwrap();
        let (fault, passing) = (*next)?;
        *next = passing.checked_sub(1).map(|passing| (fault, passing));
        next.is_none().then_some(fault)
    }

    async fn hang<T>(&self) -> T {
        self.hanging.notify_one();
        pending().await
    }

    /// Calls a port.
    async fn call<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let failure = || StoreError::new("an injected fault");
        match self.of_call() {
            None => call.await,
            Some(StoreFault::Failure) => Err(failure().into()),
            Some(StoreFault::Contention) => {
                Err(StoreError::from(Contention::new("an injected fault")).into())
            }
            Some(StoreFault::LostResponse) => {
                call.await?;
                Err(failure().into())
            }
            Some(StoreFault::Hang) => self.hang().await,
            Some(StoreFault::HangAfterEffect) => {
                call.await?;
                self.hang().await
            }
        }
    }

    /// Calls a port for reads outside of a unit of work.
    async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if matches!(*self.next.lock().unwrap(), Some((StoreFault::Contention, _))) {
            return read.await;
        }
        self.call(read).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let inner = self.faults.call(self.inner.begin()).await?;
        Ok(Box::new(FaultyUnitOfWork { inner, faults: self.faults.clone() }))
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        self.faults.call(self.inner.purge_deleted()).await
    }
}

/// Implements [`UnitOfWork`] with a repository for each method.
macro_rules! faulty_unit_of_work {
    ($($method:ident: $port:ident),* $(,)?) => {
        #[async_trait]
        impl UnitOfWork for FaultyUnitOfWork {
            $(fn $method(&self) -> &dyn $port {
                self
            })*

            async fn commit(self: Box<Self>) -> Result<(), StoreError> {
                let Self { inner, faults } = *self;
                faults.call(inner.commit()).await
            }
        }
    };
}

/// Implements ports by calls of the inner ones. `$accessor` gives the inner port, and `$call` is the method
/// of [`Faults`] for the calls.
macro_rules! faulty_ports {
    ($type:ident, $call:ident: $(
        $port:ident($accessor:ident) {
            $($method:ident($($name:ident: $argument:ty),*) -> $output:ty, $error:ty;)*
        }
    )*) => { $(
        #[async_trait]
        impl $port for $type {
            $(async fn $method(&self, $($name: $argument),*) -> Result<$output, $error> {
                self.faults.$call(self.inner.$accessor().$method($($name),*)).await
            })*
        }
    )* };
}

faulty_unit_of_work! {
    members: MemberRepository,
    identities: IdentityRepository,
    sessions: SessionRepository,
    redemptions: RedemptionRepository,
    session_keys: SessionKeyRepository,
    audit: AuditLog,
    admins: AdminRepository,
    apps: AppRepository,
    tombstones: TombstoneRepository,
    pushes: PushRepository,
    outbox: Outbox,
    signing_keys: SigningKeyRepository,
    expired_rows: ExpiredRowRepository,
}

faulty_ports! { FaultyUnitOfWork, call:
    MemberRepository(members) {
        find(id: MemberId) -> Option<Member>, StoreError;
        find_for_update(id: MemberId) -> Option<Member>, StoreError;
        add(member: &Member) -> (), AddError;
        update(member: &Member) -> (), UpdateError;
        remove(member: &Member) -> (), UpdateError;
    }
    IdentityRepository(identities) {
        find_by_subject(subject: &Subject) -> Option<KnownMember>, StoreError;
        list_by_member(member: MemberId) -> Vec<Subject>, StoreError;
        add(member: MemberId, subject: &Subject, now: Timestamp) -> (), AddError;
        remove(subjects: &[Subject]) -> (), StoreError;
        reassign(from: MemberId, to: MemberId) -> (), StoreError;
        exists_in_namespace(namespace: &str) -> bool, StoreError;
    }
    SessionRepository(sessions) {
        find(id: SessionId) -> Option<Session>, StoreError;
        find_with_member(id: SessionId) -> Option<(Session, Member)>, StoreError;
        list_by_member(member: MemberId) -> Vec<Session>, StoreError;
        add(session: &Session) -> (), StoreError;
        advance(next: &Session) -> bool, StoreError;
        remove(sessions: &[SessionId]) -> (), StoreError;
        remove_all(member: MemberId) -> (), StoreError;
        remove_opened_until(then: Timestamp, limit: u64) -> u64, StoreError;
        epoch() -> u32, StoreError;
        start_epoch(epoch: u32) -> (), StoreError;
    }
    RedemptionRepository(redemptions) {
        add(redemption: &Redemption) -> (), AddError;
    }
    SessionKeyRepository(session_keys) {
        upsert(key: &SealedSessionKey) -> (), StoreError;
    }
    AuditLog(audit) {
        record(event: &AuditEvent) -> (), StoreError;
    }
    AdminRepository(admins) {
        find(id: AdminId) -> Option<Admin>, StoreError;
        find_for_update(id: AdminId) -> Option<Admin>, StoreError;
        find_by_name(name: &AdminName) -> Option<Admin>, StoreError;
        add(admin: &Admin) -> (), AddError;
        update(admin: &Admin) -> (), UpdateError;
        add_session(session: &AdminSession) -> (), StoreError;
        touch_session(token: &Fingerprint, at: Timestamp) -> (), StoreError;
        end_session(token: &Fingerprint) -> (), StoreError;
        end_all_sessions(admin: AdminId) -> (), StoreError;
    }
    AppRepository(apps) {
        find(name: &AppName) -> Option<RegisteredApp>, StoreError;
        add(app: &RegisteredApp) -> (), AddError;
        update(app: &RegisteredApp) -> (), UpdateError;
        remove(app: &RegisteredApp) -> (), UpdateError;
    }
    TombstoneRepository(tombstones) {
        add(subjects: &[Subject], now: Timestamp) -> (), StoreError;
        exists_any(subjects: &[Subject]) -> bool, StoreError;
    }
    PushRepository(pushes) {
        mark_seen(fingerprint: Fingerprint, now: Timestamp) -> bool, StoreError;
        add(withdrawal: &Withdrawal) -> (), StoreError;
        remove(withdrawal: &Withdrawal) -> bool, StoreError;
    }
    Outbox(outbox) {
        add(event: &DomainEvent) -> (), StoreError;
        claim(delivery: &Delivery, until: Timestamp) -> bool, StoreError;
        reschedule(claimed: &Delivery, until: Timestamp) -> (), StoreError;
        remove(delivery: &Delivery) -> (), StoreError;
    }
    ExpiredRowRepository(expired_rows) {
        delete_expired(duty: &CleanupDuty, until: Timestamp, limit: u64) -> u64, StoreError;
    }
    SigningKeyRepository(signing_keys) {
        all() -> Vec<SigningKey>, StoreError;
        add(key: &SigningKey) -> (), AddError;
        start(id: &str, at: Timestamp) -> (), StoreError;
        remove(id: &str) -> (), StoreError;
    }
}

faulty_ports! { FaultyStore, read:
    MemberReader(as_ref) {
        find(id: MemberId) -> Option<Member>, StoreError;
    }
    MemberSearch(as_ref) {
        search(query: &MemberQuery) -> Vec<Member>, StoreError;
    }
    PersonalDataReader(as_ref) {
        export_member(member: MemberId) -> Vec<ExportedTable>, StoreError;
    }
    IdentityReader(as_ref) {
        list_identities(member: MemberId) -> Vec<Subject>, StoreError;
    }
    SessionReader(as_ref) {
        find_session(id: SessionId) -> Option<(Session, Member)>, StoreError;
    }
    SessionLister(as_ref) {
        list_sessions(member: MemberId) -> Vec<Session>, StoreError;
    }
    RedemptionReader(as_ref) {
        find_redemption(code: &Fingerprint) -> Option<Redemption>, StoreError;
    }
    SessionKeyReader(as_ref) {
        find_session_key(user: &Subject) -> Option<SealedSessionKey>, StoreError;
    }
    WithdrawalReader(as_ref) {
        withdrawals(limit: u64) -> Vec<Withdrawal>, StoreError;
    }
    AuditReader(as_ref) {
        events(query: &AuditQuery) -> Vec<AuditEvent>, StoreError;
        count_by_day(days: &DayRange) -> Vec<DailyCount>, StoreError;
    }
    AdminReader(as_ref) {
        find_admin(name: &AdminName) -> Option<Admin>, StoreError;
        find_admin_session(token: &Fingerprint) -> Option<(AdminSession, Admin)>, StoreError;
        admins() -> Vec<Admin>, StoreError;
    }
    AppReader(as_ref) {
        registered_apps() -> Vec<RegisteredApp>, StoreError;
    }
    OutboxReader(as_ref) {
        due(receiver: &ReceiverName, now: Timestamp, limit: u64) -> Vec<Delivery>, StoreError;
        oldest(receiver: &ReceiverName) -> Option<Timestamp>, StoreError;
    }
    ExpiredRowReader(as_ref) {
        oldest_row(duty: &CleanupDuty) -> Option<Timestamp>, StoreError;
    }
    SigningKeyReader(as_ref) {
        signing_keys() -> Vec<SigningKey>, StoreError;
    }
    StoreHealth(as_ref) {
        ready() -> (), StoreError;
    }
}
