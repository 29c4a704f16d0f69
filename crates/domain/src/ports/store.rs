//! The store of members, identities, sessions, signing keys, administrators and apps.
//!
//! A use case does all its outside calls first, then begins a unit of work, reads, decides, writes
//! and commits. Dropping a unit of work undoes it. One that came to nothing because others were quicker
//! is done again by [`retried`](crate::contention::retried).

use std::error::Error;

use async_trait::async_trait;

use crate::admin::{Admin, AdminId, AdminName, AdminSession};
use crate::app::AppName;
use crate::audit::AuditEvent;
use crate::audit_query::{AuditQuery, DailyCount, Days};
use crate::delivery::{Delivery, ReceiverName};
use crate::domain_event::DomainEvent;
use crate::holdings::Holding;
use crate::identity::{Owner, Subject};
use crate::member::{Member, MemberId};
use crate::member_query::MemberQuery;
use crate::redemption::{Fingerprint, Redemption};
use crate::registered_app::RegisteredApp;
use crate::session::{Session, SessionId};
use crate::session_key::SealedSessionKey;
use crate::signing_key::SigningKey;
use crate::timestamp::Timestamp;
use crate::withdrawal::Withdrawal;

/// Where everything lasting is kept.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins a unit of work.
    ///
    /// Whatever is done in it MUST fail with [`Contention`] when it stands in the way of others, or builds
    /// on what they have removed meanwhile, and MUST NOT do so before a moment of random length where
    /// those who begin again at once would only meet again.
    ///
    /// An implementation MUST NOT leave anything locked or half open when the caller is cancelled
    /// while this or any later call waits.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// MUST wipe what committed units of work have removed off the medium, as far as that is in the
    /// store's own hands.
    async fn wipe_removed(&self) -> Result<(), StoreError>;
}

/// Changes that happen together or not at all.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait UnitOfWork: Send + Sync {
    /// The members.
    fn members(&self) -> &dyn MemberRepository;

    /// Under which subjects they are known.
    fn identities(&self) -> &dyn IdentityRepository;

    /// Their sessions.
    fn sessions(&self) -> &dyn SessionRepository;

    /// The login codes that were redeemed.
    fn redemptions(&self) -> &dyn RedemptionRepository;

    /// The session keys that are kept.
    fn session_keys(&self) -> &dyn SessionKeyRepository;

    /// The record of security events.
    fn audit(&self) -> &dyn AuditLog;

    /// The administrators and their sessions.
    fn admins(&self) -> &dyn AdminRepository;

    /// The apps that administrators have added.
    fn apps(&self) -> &dyn AppRepository;

    /// What is left of banned members who were erased.
    fn tombstones(&self) -> &dyn TombstoneRepository;

    /// The provider's pushes.
    fn pushes(&self) -> &dyn PushRepository;

    /// The events that receivers are still to be told of.
    fn outbox(&self) -> &dyn Outbox;

    /// The keys that sign access tokens.
    fn signing_keys(&self) -> &dyn SigningKeyRepository;

    /// Makes everything lasting. What a commit has acknowledged MUST survive a crash and a power cut, and so
    /// MUST all that was read: who only reads, and tells somebody that something is so, commits as well.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// The members within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MemberRepository: Send + Sync {
    /// The member of this id.
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError>;

    /// Adds a member. MUST be [`AddError::Taken`], leaving the unit of work usable, when the phone
    /// number is another member's; that includes one who is being added at this moment elsewhere.
    async fn add(&self, member: &Member) -> Result<(), AddError>;

    /// Writes a member back and counts its version up.
    ///
    /// MUST be [`UpdateError::Stale`] when the stored version is no longer `member.version`, and
    /// [`UpdateError::Taken`] when the phone number is another member's; after either the unit of
    /// work is only good for dropping.
    async fn update(&self, member: &Member) -> Result<(), UpdateError>;

    /// Removes a member. MUST remove with them everything that names them but security events.
    ///
    /// MUST be [`UpdateError::Stale`] when the stored version is no longer `member.version`; the unit of
    /// work is only good for dropping then.
    async fn remove(&self, member: &Member) -> Result<(), UpdateError>;
}

/// The subjects of members within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdentityRepository: Send + Sync {
    /// The member known under this subject, with all their subjects. Values MUST be compared byte by
    /// byte: case and trailing blanks count.
    async fn find_owner(&self, subject: &Subject) -> Result<Option<Owner>, StoreError>;

    /// All subjects of a member, in no order.
    async fn of_member(&self, member: MemberId) -> Result<Vec<Subject>, StoreError>;

    /// Makes a member known under one more subject. MUST be [`AddError::Taken`], leaving the unit of
    /// work usable, when the subject is a member's already; that includes one that is being added at
    /// this moment elsewhere.
    async fn add(
        &self,
        member: MemberId,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), AddError>;

    /// Makes their member unknown under these subjects.
    async fn remove(&self, subjects: &[Subject]) -> Result<(), StoreError>;

    /// Makes one member known under everything that another is known under now.
    async fn reassign(&self, from: MemberId, to: MemberId) -> Result<(), StoreError>;

    /// Whether anyone is known under a subject of this namespace.
    async fn any_in(&self, namespace: &str) -> Result<bool, StoreError>;
}

/// The redeemed login codes within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RedemptionRepository: Send + Sync {
    /// Adds one, of an existing member. MUST be [`AddError::Taken`], leaving the unit of work usable,
    /// when the code was redeemed before, at this moment elsewhere included.
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError>;

    /// Forgets those that expire at `now` or expired before.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}

/// The session keys within a unit of work. One belongs to an identity: it stays with it whoever the
/// member is, and goes with it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionKeyRepository: Send + Sync {
    /// Keeps the key of a user known here. MUST replace the one before, also where another is kept at
    /// this moment elsewhere.
    async fn keep(&self, key: &SealedSessionKey) -> Result<(), StoreError>;

    /// Forgets the keys that were obtained at `then` or before.
    async fn remove_obtained_by(&self, then: Timestamp) -> Result<(), StoreError>;
}

/// The sessions within a unit of work. What is not there has ended.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// The session of this id.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// The session of this id, and its member.
    async fn find_with_member(
        &self,
        id: SessionId,
    ) -> Result<Option<(Session, Member)>, StoreError>;

    /// All sessions of a member, in no order.
    async fn of_member(&self, member: MemberId) -> Result<Vec<Session>, StoreError>;

    /// Adds a session of an existing member.
    async fn add(&self, session: &Session) -> Result<(), StoreError>;

    /// Writes a refreshed session back. MUST change nothing and be `false` unless the stored session is
    /// there and of the generation before `next`'s, however many try at this moment.
    async fn advance(&self, next: &Session) -> Result<bool, StoreError>;

    /// Ends sessions; those that are not there have ended already.
    async fn remove(&self, sessions: &[SessionId]) -> Result<(), StoreError>;

    /// Ends all sessions of a member.
    async fn remove_all(&self, member: MemberId) -> Result<(), StoreError>;
}

/// The record of security events within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an event; none is ever changed.
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Forgets what happened before `then`.
    async fn forget(&self, then: Timestamp) -> Result<(), StoreError>;
}

/// The administrators within a unit of work, and their sessions. A session that is not there has ended.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AdminRepository: Send + Sync {
    /// The account of this id.
    async fn find(&self, id: AdminId) -> Result<Option<Admin>, StoreError>;

    /// The account of this name.
    async fn find_named(&self, name: &AdminName) -> Result<Option<Admin>, StoreError>;

    /// Adds an account. MUST be [`AddError::Taken`] when the name is another one's; that includes one that
    /// is being added at this moment elsewhere.
    async fn add(&self, admin: &Admin) -> Result<(), AddError>;

    /// Writes an account back, all but its name, and counts its version up. MUST be
    /// [`UpdateError::Stale`] when the stored version is no longer `admin.version`; the unit of work is
    /// only good for dropping then.
    async fn update(&self, admin: &Admin) -> Result<(), UpdateError>;

    /// Adds a session of an existing account.
    async fn add_session(&self, session: &AdminSession) -> Result<(), StoreError>;

    /// Writes down that a session was used, if it is there.
    async fn use_session(&self, token: &Fingerprint, at: Timestamp) -> Result<(), StoreError>;

    /// Ends a session, if it is there.
    async fn end_session(&self, token: &Fingerprint) -> Result<(), StoreError>;

    /// Ends all sessions of an account.
    async fn end_sessions_of(&self, admin: AdminId) -> Result<(), StoreError>;

    /// Forgets the sessions that were not used since `then`.
    async fn forget_sessions(&self, then: Timestamp) -> Result<(), StoreError>;
}

/// The apps that administrators have added, within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AppRepository: Send + Sync {
    /// The app of this name.
    async fn find(&self, name: &AppName) -> Result<Option<RegisteredApp>, StoreError>;

    /// Adds an app. MUST be [`AddError::Taken`] when its name or its app id is another one's; that
    /// includes one that is being added at this moment elsewhere. The unit of work is only good for
    /// dropping then.
    async fn add(&self, app: &RegisteredApp) -> Result<(), AddError>;

    /// Writes an app back, all but its name and its app id, and counts its version up. MUST be
    /// [`UpdateError::Stale`] when the stored version is no longer `app.version`; the unit of work is
    /// only good for dropping then.
    async fn update(&self, app: &RegisteredApp) -> Result<(), UpdateError>;

    /// Removes an app. MUST be [`UpdateError::Stale`] when the stored version is no longer `app.version`;
    /// the unit of work is only good for dropping then.
    async fn remove(&self, app: &RegisteredApp) -> Result<(), UpdateError>;
}

/// Reads the apps that administrators have added outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AppDirectory: Send + Sync {
    /// All of them, as last committed, in the order in which they were added.
    async fn registered_apps(&self) -> Result<Vec<RegisteredApp>, StoreError>;
}

/// The tombstones within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait TombstoneRepository: Send + Sync {
    /// Adds tombstones; those that are there already stay as they are.
    async fn add(&self, tombstones: &[Fingerprint], now: Timestamp) -> Result<(), StoreError>;

    /// Whether one of these is there.
    async fn any(&self, tombstones: &[Fingerprint]) -> Result<bool, StoreError>;
}

/// The provider's pushes within a unit of work: which were seen, and what is still to be obeyed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PushRepository: Send + Sync {
    /// Notes something as seen. MUST be `false`, leaving the unit of work usable, when it was noted
    /// before; that includes one that is being noted at this moment elsewhere.
    async fn see(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<bool, StoreError>;

    /// Forgets what was seen before `then`.
    async fn forget_seen(&self, then: Timestamp) -> Result<(), StoreError>;

    /// Adds a withdrawal that is to be obeyed.
    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError>;

    /// Removes a withdrawal that is obeyed herewith. MUST be `false` when it is not there, however many
    /// try at this moment.
    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError>;
}

/// The events that receivers are still to be told of, within a unit of work. What is there outlives the
/// member it is about.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Adds an event of members whom this unit of work has added, written or removed already.
    ///
    /// MUST keep it for each receiver that is subscribed to its kind, and not at all where none is. It
    /// MUST come after all that is kept for that receiver of these members, however many write them at
    /// this moment.
    async fn add(&self, event: &DomainEvent) -> Result<(), StoreError>;

    /// Counts an attempt, and lets the delivery be due again not before `until`. MUST change nothing and
    /// be `false` unless it is there with as many attempts as `delivery` has, however many try at this
    /// moment.
    async fn claim(&self, delivery: &Delivery, until: Timestamp) -> Result<bool, StoreError>;

    /// Lets a delivery that was claimed be due again at `until`. MUST change nothing when somebody else
    /// has claimed it since.
    async fn put_off(&self, claimed: &Delivery, until: Timestamp) -> Result<(), StoreError>;

    /// Removes a delivery, if it is there.
    async fn remove(&self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Removes what is kept for none of these receivers and happened before `then`; tells how much.
    async fn remove_orphans(
        &self,
        receivers: &[ReceiverName],
        then: Timestamp,
    ) -> Result<u64, StoreError>;
}

/// Reads what receivers are still to be told outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait OutboxDirectory: Send + Sync {
    /// Deliveries that are due, as last committed: at most `limit`.
    ///
    /// MUST leave out one that is not due at `now`, and one before which another comes about the same
    /// member, or about either of two who were merged, due or not.
    async fn due(
        &self,
        receiver: &ReceiverName,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// When the oldest event happened that is kept for a receiver, as last committed.
    async fn oldest(&self, receiver: &ReceiverName) -> Result<Option<Timestamp>, StoreError>;
}

/// The keys that sign access tokens, within a unit of work. What is not there signs nothing, and no
/// token of its is believed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SigningKeyRepository: Send + Sync {
    /// All keys, in the order of their numbers.
    async fn all(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// Adds a key. MUST be [`AddError::Taken`] when there is one of this number; that includes one that
    /// is being added at this moment elsewhere.
    async fn add(&self, key: &SigningKey) -> Result<(), AddError>;

    /// Lets a key sign from a time on. MUST change nothing when it does so earlier already.
    async fn start(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Removes a key, if it is there.
    async fn remove(&self, id: &str) -> Result<(), StoreError>;
}

/// Reads the keys that sign access tokens outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SigningKeyDirectory: Send + Sync {
    /// All keys, as last committed, in the order of their numbers.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError>;
}

/// Reads members outside of any unit of work, for requests that only look.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MemberDirectory: Send + Sync {
    /// The member of this id, as last committed.
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError>;

    /// A session and its member, as last committed.
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError>;

    /// All sessions of a member, as last committed, in no order.
    async fn sessions_of(&self, member: MemberId) -> Result<Vec<Session>, StoreError>;

    /// Members, as last committed: those that a query means, the newest first.
    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError>;

    /// Everything that is held of a member, as last committed. MUST tell every value of every row that
    /// names the member, and none of any other's.
    async fn held_of(&self, member: MemberId) -> Result<Vec<Holding>, StoreError>;

    /// The withdrawals to be obeyed, as last committed: at most `limit`, the oldest first.
    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError>;

    /// All subjects of a member, as last committed, in no order.
    async fn subjects_of(&self, member: MemberId) -> Result<Vec<Subject>, StoreError>;

    /// The session key kept of a user, as last committed.
    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError>;

    /// What became of a login code, as last committed.
    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError>;

    /// Whether the store answers.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// Reads administrators outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AdminDirectory: Send + Sync {
    /// The account of this name, as last committed.
    async fn find_admin(&self, name: &AdminName) -> Result<Option<Admin>, StoreError>;

    /// A session and its account, as last committed.
    async fn find_admin_session(
        &self,
        token: &Fingerprint,
    ) -> Result<Option<(AdminSession, Admin)>, StoreError>;

    /// All accounts, as last committed, in the order in which they were made.
    async fn admins(&self) -> Result<Vec<Admin>, StoreError>;
}

/// Reads the record of security events outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditDirectory: Send + Sync {
    /// Events, as last committed: those that a query means, the latest first.
    async fn events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError>;

    /// How often what happened on which day, in no order. What did not happen is not told.
    async fn count_by_day(&self, days: &Days) -> Result<Vec<DailyCount>, StoreError>;
}

/// The store failed. Nothing is known about why that a rule could use, unless [`Contention`] is among the
/// causes.
#[derive(Debug, thiserror::Error)]
#[error("the store failed")]
pub struct StoreError(#[source] Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps what happened, for the log.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// Others were at the same at the same moment: done again from its beginning, a unit of work may come to
/// its end, or to another one.
#[derive(Debug, thiserror::Error)]
#[error("others were quicker")]
pub struct Contention(#[source] Box<dyn Error + Send + Sync>);

impl Contention {
    /// Wraps what happened, for the log.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl From<Contention> for StoreError {
    fn from(contention: Contention) -> Self {
        Self::new(contention)
    }
}

/// Something was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Its unique value is somebody's already.
    #[error("the unique value is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AddError> for StoreError {
    /// For whom only another look can tell what it means that a value is taken.
    fn from(error: AddError) -> Self {
        match error {
            AddError::Taken => Contention::new(error).into(),
            AddError::Store(error) => error,
        }
    }
}

/// Something was not written back.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Someone else wrote first.
    #[error("someone else changed it first")]
    Stale,
    /// Its unique value is somebody else's.
    #[error("the unique value is taken")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UpdateError> for StoreError {
    /// For whom only another look can tell what it means that somebody was quicker.
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Stale | UpdateError::Taken => Contention::new(error).into(),
            UpdateError::Store(error) => error,
        }
    }
}
