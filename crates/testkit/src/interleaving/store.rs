//! Store whose statements wait for their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use domain::model::admin::{Admin, AdminId, AdminName, AdminSession};
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::{KnownMember, Subject};
use domain::model::member::{Member, MemberId};
use domain::model::session::{Session, SessionId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::admins::AdminRepository;
use domain::ports::store::apps::AppRepository;
use domain::ports::store::audit::AuditLog;
use domain::ports::store::error::{AddError, StoreError, UpdateError};
use domain::ports::store::expired_rows::ExpiredRowRepository;
use domain::ports::store::identities::IdentityRepository;
use domain::ports::store::members::{MemberRepository, TombstoneRepository};
use domain::ports::store::outbox::Outbox;
use domain::ports::store::pushes::PushRepository;
use domain::ports::store::redemptions::RedemptionRepository;
use domain::ports::store::session_keys::SessionKeyRepository;
use domain::ports::store::sessions::SessionRepository;
use domain::ports::store::signing_keys::SigningKeyRepository;
use domain::ports::store::{Store, UnitOfWork};

use super::{Access, Gate, Tables};

const MEMBER: Tables = 1;
const IDENTITY: Tables = 2;
const SESSION: Tables = 4;
const TOMBSTONE: Tables = 8;
const ADMIN: Tables = 16;
const ADMIN_SESSION: Tables = 32;
const SESSION_EPOCH: Tables = 64;
/// Tables whose rows are removed with their member.
const OF_MEMBER: Tables = MEMBER | IDENTITY | SESSION;

/// Concurrency of a store's units of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// Units of work run concurrently: each statement waits for its turn.
    Statements,
    /// Units of work run one after the other: only their beginnings wait for their turn.
    UnitsOfWork,
}

/// Store of one task. The statements on members, identities, sessions, tombstones and administrators wait at
/// the gate. Others do not: two tasks write different rows by them.
pub struct InterleavedStore {
    /// Store that executes the statements.
    pub inner: Arc<dyn Store>,
    /// Gate of the task.
    pub gate: Gate,
    /// Concurrency of the inner store.
    pub concurrency: Concurrency,
}

struct InterleavedUnitOfWork {
    inner: Option<Box<dyn UnitOfWork>>,
    gate: Gate,
    concurrency: Concurrency,
    /// Tables of which rows are changed or locked so far.
    locked: AtomicU8,
}

#[async_trait]
impl Store for InterleavedStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        if self.concurrency == Concurrency::UnitsOfWork {
            self.gate.wait(Access { locks: Tables::MAX, ..Access::default() }).await;
        }
        Ok(Box::new(InterleavedUnitOfWork {
            inner: Some(self.inner.begin().await?),
            gate: self.gate.clone(),
            concurrency: self.concurrency,
            locked: AtomicU8::new(0),
        }))
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        self.inner.purge_deleted().await
    }
}

impl InterleavedUnitOfWork {
    fn inner(&self) -> &dyn UnitOfWork {
        self.inner.as_deref().expect("the unit of work has not been committed")
    }

    async fn wait(&self, access: Access) {
        self.locked.fetch_or(access.locks, Ordering::SeqCst);
        if self.concurrency == Concurrency::Statements {
            self.gate.wait(access).await;
        }
    }
}

impl Drop for InterleavedUnitOfWork {
    fn drop(&mut self) {
        drop(self.inner.take());
        self.gate.transaction_ended();
    }
}

/// Implements a repository: each method waits for its turn and delegates.
macro_rules! interleaved {
    ($repository:ident by $accessor:ident:
        $(fn $method:ident($($argument:ident: $type:ty),*) -> $result:ty, $reads:expr, $locks:expr;)*
    ) => {
        #[async_trait]
        impl $repository for InterleavedUnitOfWork {
            $(
                async fn $method(&self, $($argument: $type),*) -> $result {
                    self.wait(Access { reads: $reads, locks: $locks, commits: 0 }).await;
                    self.inner().$accessor().$method($($argument),*).await
                }
            )*
        }
    };
}

interleaved! { MemberRepository by members:
    fn find(id: MemberId) -> Result<Option<Member>, StoreError>, MEMBER, 0;
    fn find_for_update(id: MemberId) -> Result<Option<Member>, StoreError>, MEMBER, MEMBER;
    fn add(member: &Member) -> Result<(), AddError>, MEMBER, MEMBER;
    fn update(member: &Member) -> Result<(), UpdateError>, MEMBER, MEMBER;
    fn remove(member: &Member) -> Result<(), UpdateError>, OF_MEMBER, OF_MEMBER;
}

interleaved! { IdentityRepository by identities:
    fn find_by_subject(subject: &Subject) -> Result<Option<KnownMember>, StoreError>, MEMBER | IDENTITY, 0;
    fn list_by_member(member: MemberId) -> Result<Vec<Subject>, StoreError>, IDENTITY, 0;
    fn add(member: MemberId, subject: &Subject, now: Timestamp) -> Result<(), AddError>,
        MEMBER | IDENTITY, MEMBER | IDENTITY;
    fn remove(subjects: &[Subject]) -> Result<(), StoreError>, IDENTITY, IDENTITY;
    fn reassign(from: MemberId, to: MemberId) -> Result<(), StoreError>,
        MEMBER | IDENTITY, MEMBER | IDENTITY;
    fn exists_in_namespace(namespace: &str) -> Result<bool, StoreError>, IDENTITY, 0;
}

interleaved! { SessionRepository by sessions:
    fn find(id: SessionId) -> Result<Option<Session>, StoreError>, SESSION, 0;
    fn find_with_member(id: SessionId) -> Result<Option<(Session, Member)>, StoreError>,
        MEMBER | SESSION, 0;
    fn list_by_member(member: MemberId) -> Result<Vec<Session>, StoreError>, SESSION, 0;
    fn add(session: &Session) -> Result<(), StoreError>, MEMBER | SESSION, MEMBER | SESSION;
    fn advance(next: &Session) -> Result<bool, StoreError>, SESSION, SESSION;
    fn remove(sessions: &[SessionId]) -> Result<(), StoreError>, SESSION, SESSION;
    fn remove_all(member: MemberId) -> Result<(), StoreError>, SESSION, SESSION;
    fn remove_opened_until(then: Timestamp, limit: u64) -> Result<u64, StoreError>, SESSION, SESSION;
    fn epoch() -> Result<u32, StoreError>, SESSION_EPOCH, 0;
    fn start_epoch(epoch: u32) -> Result<(), StoreError>, SESSION_EPOCH, SESSION_EPOCH;
}

interleaved! { TombstoneRepository by tombstones:
    fn add(subjects: &[Subject], now: Timestamp) -> Result<(), StoreError>, TOMBSTONE, TOMBSTONE;
    fn exists_any(subjects: &[Subject]) -> Result<bool, StoreError>, TOMBSTONE, 0;
}

interleaved! { AdminRepository by admins:
    fn find(id: AdminId) -> Result<Option<Admin>, StoreError>, ADMIN, 0;
    fn find_for_update(id: AdminId) -> Result<Option<Admin>, StoreError>, ADMIN, ADMIN;
    fn find_by_name(name: &AdminName) -> Result<Option<Admin>, StoreError>, ADMIN, 0;
    fn add(admin: &Admin) -> Result<(), AddError>, ADMIN, ADMIN;
    fn update(admin: &Admin) -> Result<(), UpdateError>, ADMIN, ADMIN;
    fn add_session(session: &AdminSession) -> Result<(), StoreError>,
        ADMIN | ADMIN_SESSION, ADMIN | ADMIN_SESSION;
    fn touch_session(token: &Fingerprint, at: Timestamp) -> Result<(), StoreError>,
        ADMIN_SESSION, ADMIN_SESSION;
    fn end_session(token: &Fingerprint) -> Result<(), StoreError>, ADMIN_SESSION, ADMIN_SESSION;
    fn end_all_sessions(admin: AdminId) -> Result<(), StoreError>, ADMIN_SESSION, ADMIN_SESSION;
}

#[async_trait]
impl UnitOfWork for InterleavedUnitOfWork {
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
        self.inner().redemptions()
    }

    fn session_keys(&self) -> &dyn SessionKeyRepository {
        self.inner().session_keys()
    }

    fn audit(&self) -> &dyn AuditLog {
        self.inner().audit()
    }

    fn admins(&self) -> &dyn AdminRepository {
        self
    }

    fn apps(&self) -> &dyn AppRepository {
        self.inner().apps()
    }

    fn tombstones(&self) -> &dyn TombstoneRepository {
        self
    }

    fn pushes(&self) -> &dyn PushRepository {
        self.inner().pushes()
    }

    fn expired_rows(&self) -> &dyn ExpiredRowRepository {
        self.inner().expired_rows()
    }

    fn outbox(&self) -> &dyn Outbox {
        self.inner().outbox()
    }

    fn signing_keys(&self) -> &dyn SigningKeyRepository {
        self.inner().signing_keys()
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let commits = self.locked.load(Ordering::SeqCst);
        self.wait(Access { commits, ..Access::default() }).await;
        let inner = self.inner.take().expect("a unit of work is committed once");
        inner.commit().await
    }
}
