//! Fault contract of stores: use cases over a store in which the n-th operation fails, for every n.
//!
//! After each fault, a complete result is stored if the use case succeeded. Otherwise the result is stored
//! completely or not at all. The store works again without a restart.
//!
//! [`store_fault_contract!`](crate::store_fault_contract) injects faults into port calls, over every store.
//! [`FaultFixture::run`] takes an injector below the store.

mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::{Admin, AdminName, AdminPrincipal, Role};
use domain::model::app::name::AppName;
use domain::model::clock::Clock;
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::Subject;
use domain::model::login::LoginRequest;
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{Gender, Member, MemberId, ProfileChange};
use domain::model::session::Session;
use domain::model::session::claims::Caller;
use domain::use_cases::UseCases;
use domain::use_cases::admin::manage_admins::AdminChange;
use domain::use_cases::member::ban::StatusChange;
use domain::use_cases::member::bind_phone::PhoneProofInput;

use super::store::{Backend, SESSIONS};
use crate::contract::store_faults::snapshot::{Changes, Snapshot};
use crate::fake::apps::memory_app;
use crate::fake::clock::FixedClock;
use crate::fake::ports::{policies, ports};
use crate::fake::provider::{MemoryProvider, MemoryUser};
use crate::fake::random::FixedRandom;
use crate::faulty_store::{FaultyStore, StoreFault};

/// Generates a test of each use case. The argument is the one of
/// [`store_contract!`](crate::store_contract).
#[macro_export]
macro_rules! store_fault_contract {
    ($fresh:expr) => {
        $crate::store_fault_contract! { $fresh =>
            first_login_survives_store_faults: FirstLogin
            returning_login_survives_store_faults: ReturningLogin
            merging_login_survives_store_faults: MergingLogin
            refresh_survives_store_faults: Refresh
            logout_survives_store_faults: Logout
            ban_survives_store_faults: Ban
            erasure_survives_store_faults: Erasure
            phone_binding_survives_store_faults: PhoneBinding
            profile_change_survives_store_faults: ProfileChange
            administrator_invitation_survives_store_faults: AdminInvitation
            administrator_deactivation_survives_store_faults: AdminDeactivation
        }
    };
    ($fresh:expr => $($case:ident: $use_case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let fresh = $fresh;
            let (store, _guard) = fresh().await;
            let use_case = $crate::contract::store_faults::UseCase::$use_case;
            let case = $crate::contract::store_faults::survives_store_faults(store, use_case);
            $crate::contract::store::with_timeout(case).await;
        }
    )* };
}

/// Number of operations of a use case that all have a fault once.
const EVERY_OPERATION: usize = 100;

/// Use case that changes the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseCase {
    /// First login of a user.
    FirstLogin,
    /// Login of a known user.
    ReturningLogin,
    /// Login that merges two members.
    MergingLogin,
    /// Refresh of a session.
    Refresh,
    /// Logout of one session.
    Logout,
    /// Ban of a member.
    Ban,
    /// Erasure of a member.
    Erasure,
    /// Binding of a phone number.
    PhoneBinding,
    /// Change of a profile.
    ProfileChange,
    /// Invitation of an administrator.
    AdminInvitation,
    /// Deactivation of an administrator.
    AdminDeactivation,
}

impl UseCase {
    /// All use cases.
    pub const ALL: [Self; 11] = [
        Self::FirstLogin,
        Self::ReturningLogin,
        Self::MergingLogin,
        Self::Refresh,
        Self::Logout,
        Self::Ban,
        Self::Erasure,
        Self::PhoneBinding,
        Self::ProfileChange,
        Self::AdminInvitation,
        Self::AdminDeactivation,
    ];
}

/// Injector of faults into a store.
pub trait FaultInjector: Sync {
    /// Lets one operation fail, after `passing` operations without a fault.
    fn inject(&self, passing: usize);

    /// Ends the fault. Returns `true` if an operation had it.
    fn repair(&self) -> bool;

    /// Waits until an operation hangs.
    fn hanging(&self) -> impl Future<Output = ()> + Send;

    /// Returns `true` if use cases succeed despite the fault.
    fn is_retried(&self) -> bool;
}

/// Injector of one fault into the port calls of a store.
struct PortFaults {
    store: Arc<FaultyStore>,
    fault: StoreFault,
}

impl FaultInjector for PortFaults {
    fn inject(&self, passing: usize) {
        self.store.inject(self.fault, passing);
    }

    fn repair(&self) -> bool {
        !self.store.repair()
    }

    async fn hanging(&self) {
        self.store.hanging().await;
    }

    fn is_retried(&self) -> bool {
        self.fault == StoreFault::Contention
    }
}

/// Runs a use case with every fault of every port call.
pub async fn survives_store_faults(store: Arc<dyn Backend>, use_case: UseCase) {
    let decorated = Arc::new(FaultyStore::new(store.clone()));
    let fixture = FaultFixture::new(decorated.clone(), store);
    for fault in StoreFault::ALL {
        let injector = PortFaults { store: decorated.clone(), fault };
        let calls = fixture.run(use_case, &injector).await;
        assert!(calls > 2, "{use_case:?}: only {calls} port calls");
    }
}

/// Result of an attempt: `None` if it hung and was cancelled.
type Outcome = Option<Result<(), String>>;

/// Use cases over a store with faults.
pub struct FaultFixture {
    /// Connections to the same store that have no faults.
    observer: Arc<dyn Backend>,
    use_cases: UseCases,
    provider: Arc<MemoryProvider>,
    clock: Arc<FixedClock>,
    random: FixedRandom,
}

impl FaultFixture {
    /// Creates the fixture over a migrated store. The observer reads the same store over other connections.
    #[must_use]
    pub fn new(store: Arc<dyn Backend>, observer: Arc<dyn Backend>) -> Self {
        let provider = Arc::<MemoryProvider>::default();
        let clock = Arc::<FixedClock>::default();
        let apps = vec![memory_app("first", &provider), memory_app("second", &provider)];
        let ports = ports(store, clock.clone(), apps, 0);
        let use_cases = UseCases::new(&ports, &policies(SESSIONS));
        Self { observer, use_cases, provider, clock, random: FixedRandom::seeded(1) }
    }

    /// Runs the use case with a fault in its first operation, in its second one, and so on, until it ends
    /// without a fault. Returns the number of faults.
    ///
    /// Beyond the first hundred operations, only some have a fault.
    pub async fn run(&self, use_case: UseCase, injector: &impl FaultInjector) -> usize {
        let complete = self.attempt(use_case, injector, None).await.1;
        assert_ne!(complete, Changes::default(), "{use_case:?} changes nothing");
        let mut passing = 0;
        for faults in 0.. {
            let (outcome, changes, had_fault) =
                self.attempt(use_case, injector, Some(passing)).await;
            let context = format!("{use_case:?}, operation {passing}: {outcome:?}");
            if outcome == Some(Ok(())) {
                assert_eq!(changes, complete, "an acknowledged result is not stored: {context}");
            } else {
                assert!(had_fault && !injector.is_retried(), "failed without a fault: {context}");
                let is_whole = changes == complete || changes == Changes::default();
                assert!(is_whole, "a partial result is stored: {context}, {changes:?}");
            }
            if !had_fault {
                return faults;
            }
            passing += 1 + passing.saturating_sub(EVERY_OPERATION) / 10;
            let next = self.execute(UseCase::Logout, &self.prepare().await).await;
            assert_eq!(next, Ok(()), "the store does not work any more: {context}");
        }
        unreachable!("the loop has no end")
    }

    /// Prepares and runs the use case once, with other users each time. Returns its outcome, the changes to
    /// the store, and `true` if an operation had a fault.
    async fn attempt(
        &self,
        use_case: UseCase,
        injector: &impl FaultInjector,
        passing: Option<usize>,
    ) -> (Outcome, Changes, bool) {
        let since = self.clock.now();
        let rows = self.prepare().await;
        let now = self.clock.now();
        let before = Snapshot::of(&*self.observer, since, now).await;
        if let Some(passing) = passing {
            injector.inject(passing);
        }
        let outcome = tokio::select! {
            outcome = self.execute(use_case, &rows) => Some(outcome),
            () = injector.hanging() => None,
        };
        let had_fault = passing.is_some() && injector.repair();
        let after = Snapshot::of(&*self.observer, since, now).await;
        (outcome, before.changes_to(&after), had_fault)
    }
}

/// Rows that an attempt works on.
struct Rows {
    /// User without a member.
    new_user: MemoryUser,
    /// User with a member, a session and an openid in the first app.
    user: MemoryUser,
    member: MemberId,
    session: Session,
    /// Union id of another member, who has an openid in the second app.
    union_id: String,
    admin: Admin,
    /// Administrator who changes the other one.
    actor: Admin,
    phone: PhoneNumber,
}

impl FaultFixture {
    /// Adds the rows of one attempt over the connections without faults.
    async fn prepare(&self) -> Rows {
        self.clock.advance(Duration::from_secs(1));
        let earlier = self.clock.now();
        self.clock.advance(Duration::from_secs(1));
        let now = self.clock.now();
        let number = self.random.next() >> 32;
        let user = |app: &str, name: &str| {
            let user = MemoryUser::person(&format!("{name}{number}"));
            MemoryUser { login: Subject { namespace: app.to_owned(), ..user.login }, ..user }
        };
        let member = |registered_at| {
            let nickname = Nickname::parse("Ann").unwrap();
            let id = MemberId::generate(registered_at, &self.random);
            Member::register(id, nickname, None, registered_at)
        };
        let union_id = format!("u{number}");
        let known = user("first", "known");
        let other = user("second", "other").with_union_id(&union_id);
        let work = self.observer.begin().await.unwrap();
        // The older one of two merged members remains.
        let members = [member(earlier), member(now)];
        for (member, user) in members.iter().zip([&known, &other]) {
            work.members().add(member).await.unwrap();
            for subject in [&user.login].into_iter().chain(&user.aliases) {
                work.identities().add(member.id, subject, now).await.unwrap();
            }
        }
        let member = members[0].id;
        let app = AppName::parse("first").unwrap();
        let session = Session::open(member, app, &SESSIONS, now, &self.random);
        work.sessions().add(&session).await.unwrap();
        let admin = |name: &str, role| {
            let name = AdminName::parse(&format!("{name}{number}")).unwrap();
            Admin::new(name, role, now, &self.random)
        };
        let actor = admin("actor", Role::Admin);
        let admin = admin("admin", Role::Viewer);
        work.admins().add(&actor).await.unwrap();
        work.admins().add(&admin).await.unwrap();
        work.commit().await.unwrap();
        Rows {
            new_user: user("first", "new"),
            user: known,
            member,
            session,
            union_id,
            admin,
            actor,
            phone: PhoneNumber::new(1, &format!("{number:010}")).unwrap(),
        }
    }

    /// Executes the use case over the store with faults.
    async fn execute(&self, use_case: UseCase, rows: &Rows) -> Result<(), String> {
        let use_cases = &self.use_cases;
        let caller =
            Caller { member: rows.member, session: rows.session.id, app: rows.session.app.clone() };
        match use_case {
            UseCase::FirstLogin => self.log_in(&rows.new_user).await,
            UseCase::ReturningLogin => self.log_in(&rows.user).await,
            UseCase::MergingLogin => {
                self.log_in(&rows.user.clone().with_union_id(&rows.union_id)).await
            }
            UseCase::Refresh => {
                let token = format!("refresh-{}-0", rows.session.id.0);
                done(use_cases.refresh.run(&token).await)
            }
            UseCase::Logout => done(use_cases.manage_sessions.log_out(&caller).await),
            UseCase::Ban => {
                let change = StatusChange::ban(rows.member, None);
                done(use_cases.ban_member.set_status(&change).await)
            }
            UseCase::Erasure => done(use_cases.erase_member.run(rows.member, None).await),
            UseCase::PhoneBinding => {
                let code = self.provider.phone_code(&rows.user, &rows.phone);
                let proof = PhoneProofInput::Code(code);
                done(use_cases.bind_phone.run(&caller, &proof).await)
            }
            UseCase::ProfileChange => {
                let change =
                    ProfileChange { gender: Some(Gender::Female), ..ProfileChange::default() };
                done(use_cases.update_profile.run(&caller, change).await)
            }
            UseCase::AdminInvitation => {
                let name = format!("invited{}", rows.admin.id.0.simple());
                let name = AdminName::parse(&name).unwrap();
                done(use_cases.admin.manage_admins.invite(None, &name, Role::Viewer).await)
            }
            UseCase::AdminDeactivation => {
                let change = AdminChange { role: None, active: Some(false) };
                let actor = self.principal(&rows.actor);
                done(use_cases.admin.manage_admins.change(&actor, rows.admin.id, change).await)
            }
        }
    }

    async fn log_in(&self, user: &MemoryUser) -> Result<(), String> {
        let request = LoginRequest {
            app: Some("first".to_owned()),
            code: self.provider.login_code(user),
            phone_code: None,
            nickname: None,
            on_conflict: None,
            idempotency_key: None,
        };
        done(self.use_cases.login.run(request).await)
    }

    fn principal(&self, admin: &Admin) -> AdminPrincipal {
        AdminPrincipal {
            id: admin.id,
            name: admin.name.clone(),
            role: admin.role,
            session: Fingerprint([1; 32]),
            expires_at: self.clock.now(),
        }
    }
}

/// Returns the outcome without its value.
fn done<T, E: fmt::Debug>(outcome: Result<T, E>) -> Result<(), String> {
    outcome.map(drop).map_err(|error| format!("{error:?}"))
}
