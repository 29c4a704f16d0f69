//! State of a case: two members and two administrators, of its own within a shared store.

mod invariants;

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::model::admin::{Admin, AdminName, AdminPassword, AdminPrincipal, PasswordHash, Role};
use domain::model::app::policy::AppPolicy;
use domain::model::fingerprint::Fingerprint;
use domain::model::identity::Subject;
use domain::model::identity::conflict_policy::{ConflictPolicy, ConflictResolution};
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::member::{MemberId, ProfileChange};
use domain::model::session::SessionPolicy;
use domain::model::session::claims::{AccessClaims, Caller};
use domain::ports::app::App;
use domain::ports::store::members::MemberReader;
use domain::use_cases::UseCases;
use domain::use_cases::admin::manage_admins::AdminChange;
use domain::use_cases::member::ban::StatusChange;
use domain::use_cases::member::bind_phone::PhoneProofInput;
use domain::use_cases::ports::Ports;

use crate::contract::interleavings::operation::{Actor, Operation, Person};
use crate::contract::store::{Backend, SESSIONS, owner_of};
use crate::fake::apps::memory_app;
use crate::fake::clock::FixedClock;
use crate::fake::ports::{policies, ports};
use crate::fake::provider::{MemoryProvider, MemoryUser};
use crate::interleaving::Gate;
use crate::interleaving::store::{Concurrency, InterleavedStore};

/// Number of cases so far; it makes their ids differ.
static CASES: AtomicU64 = AtomicU64::new(0);

/// Maximum number of login and phone codes of a case.
const MAX_CODES: usize = 100;

const MAX_SESSIONS: usize = 2;

const PASSWORD: &str = "a long password of an administrator";

/// Result of a use case.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    result: String,
    /// Session that the login has opened.
    login: Option<AccessClaims>,
}

/// Results of both use cases and the state afterwards, without the ids of the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    results: Vec<String>,
    state: Vec<String>,
}

/// State of a case.
pub(super) struct World {
    run: String,
    store: Arc<dyn Backend>,
    ports: Ports,
    provider: Arc<MemoryProvider>,
    phone: PhoneNumber,
    a: AccessClaims,
    b: AccessClaims,
    /// Refresh tokens of both sessions.
    refresh: [String; 2],
    /// First session of A, which the next login evicts.
    oldest: AccessClaims,
    ann: AdminPrincipal,
    bob: AdminPrincipal,
}

impl World {
    pub(super) async fn new(store: Arc<dyn Backend>, operations: &[Operation]) -> Self {
        let case = CASES.fetch_add(1, Ordering::SeqCst);
        let run = format!("{}-{case}", std::process::id());
        let codes = usize::try_from(case).unwrap() * MAX_CODES;
        let provider = Arc::new(MemoryProvider::with_codes_from(codes));
        let clock = Arc::<FixedClock>::default();
        let app = |name: &str, namespace: &str, on_conflict| App {
            namespace: namespace.to_owned(),
            policy: AppPolicy { on_conflict, ..AppPolicy::default() },
            ..memory_app(name, &provider)
        };
        let apps = vec![
            app("first", "first", ConflictPolicy::Merge),
            app("second", "second", ConflictPolicy::Merge),
            app("third", "third", ConflictPolicy::Merge),
            app("asking", "first", ConflictPolicy::Ask),
        ];
        let ports = ports(store.clone(), clock.clone(), apps, case);
        let use_cases = UseCases::new(&ports, &policies(session_policy()));
        let admins = [
            add_admin(&*store, &ports, "ann", &run).await,
            add_admin(&*store, &ports, "bob", &run).await,
        ];
        let mut claims = vec![];
        let mut refresh = vec![];
        for (app, user) in [("first", a(&run)), ("first", a(&run)), ("second", b(&run))] {
            let logged_in =
                use_cases.login.run(request(&provider, app, &user, None)).await.unwrap();
            claims.push(claims_of(&ports, &logged_in));
            refresh.push(logged_in.tokens.refresh_token.expose().to_owned());
            clock.advance(Duration::from_secs(1));
        }
        let [oldest, a, b] = <[_; 3]>::try_from(claims).unwrap();
        let [_, refresh_a, refresh_b] = <[_; 3]>::try_from(refresh).unwrap();
        for (person, member) in [(Person::A, a.member), (Person::B, b.member)] {
            if operations.contains(&Operation::Unban(person)) {
                use_cases.ban_member.set_status(&StatusChange::ban(member, None)).await.unwrap();
            }
        }
        let phone = PhoneNumber::new(1, &format!("2{case:011}")).unwrap();
        let refresh = [refresh_a, refresh_b];
        let [ann, bob] = admins;
        Self { run, store, ports, provider, phone, a, b, refresh, oldest, ann, bob }
    }

    /// Runs a use case; with a gate, its statements wait there.
    pub(super) async fn run(
        &self,
        operation: Operation,
        gate: Option<(Gate, Concurrency)>,
    ) -> Acknowledged {
        let mut ports = self.ports.clone();
        if let Some((gate, concurrency)) = gate {
            let inner = ports.store;
            ports.store = Arc::new(InterleavedStore { inner, gate, concurrency });
        }
        let use_cases = UseCases::new(&ports, &policies(session_policy()));
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other operations are changes")]
        match operation {
            Operation::LogIn(Person::A) => self.log_in(&use_cases, "first", a(&self.run)).await,
            Operation::LogIn(Person::B) => self.log_in(&use_cases, "second", b(&self.run)).await,
            Operation::LogInThirdApp => self.log_in(&use_cases, "third", third(&self.run)).await,
            Operation::LogInMerge => self.log_in(&use_cases, "first", revealed(&self.run)).await,
            Operation::LogInSeparate => {
                self.log_in(&use_cases, "asking", revealed(&self.run)).await
            }
            other => Acknowledged { result: self.change(&use_cases, other).await, login: None },
        }
    }

    async fn log_in(&self, use_cases: &UseCases, app: &str, user: MemoryUser) -> Acknowledged {
        let choice = (app == "asking").then_some(ConflictResolution::Separate);
        match use_cases.login.run(request(&self.provider, app, &user, choice)).await {
            Ok(logged_in) => Acknowledged {
                result: format!(
                    "{} {} merged {}",
                    self.name(logged_in.member),
                    if logged_in.is_new { "registered" } else { "logged in" },
                    logged_in.merged.len()
                ),
                login: Some(claims_of(&self.ports, &logged_in)),
            },
            Err(error) => Acknowledged { result: error.to_string(), login: None },
        }
    }

    async fn change(&self, use_cases: &UseCases, operation: Operation) -> String {
        let admin = &use_cases.admin;
        let caller = |person| self.caller(person);
        let member = |person| self.caller(person).member;
        match operation {
            Operation::LogIn(_)
            | Operation::LogInThirdApp
            | Operation::LogInMerge
            | Operation::LogInSeparate => unreachable!("a login"),
            Operation::Refresh(person) => {
                let [a, b] = &self.refresh;
                let token = if person == Person::A { a } else { b };
                result(use_cases.refresh.run(token).await.map(drop))
            }
            Operation::LogOut(person) => {
                result(use_cases.manage_sessions.log_out(&caller(person)).await)
            }
            Operation::LogOutEverywhere(person) => {
                result(use_cases.manage_sessions.log_out_everywhere(&caller(person)).await)
            }
            Operation::Ban(person) => {
                let change = StatusChange::ban(member(person), None);
                result(use_cases.ban_member.set_status(&change).await)
            }
            Operation::Unban(person) => {
                let change = StatusChange::unban(member(person), None);
                result(use_cases.ban_member.set_status(&change).await)
            }
            Operation::Erase(person) => {
                result(use_cases.erase_member.run(member(person), None).await)
            }
            Operation::BindPhone(person) => {
                let user = if person == Person::A { a(&self.run) } else { b(&self.run) };
                let code = self.provider.phone_code(&user, &self.phone);
                let proof = PhoneProofInput::Code(code);
                result(use_cases.bind_phone.run(&caller(person), &proof).await.map(drop))
            }
            Operation::UpdateProfile(person) => {
                let nickname = Some(Nickname::parse("changed").unwrap());
                let change = ProfileChange { nickname, ..ProfileChange::default() };
                result(use_cases.update_profile.run(&caller(person), change).await.map(drop))
            }
            Operation::Deactivate(actor) => {
                let change = AdminChange { active: Some(false), role: None };
                let (actor, other) = self.admins(actor);
                result(admin.manage_admins.change(actor, other.id, change).await.map(drop))
            }
            Operation::Demote(actor) => {
                let change = AdminChange { active: None, role: Some(Role::Viewer) };
                let (actor, other) = self.admins(actor);
                result(admin.manage_admins.change(actor, other.id, change).await.map(drop))
            }
            Operation::BanBy(actor) => {
                let change = StatusChange::ban(self.a.member, None);
                result(admin.manage_members.set_status(self.admins(actor).0, change).await)
            }
            Operation::EndSessionsBy(actor) => {
                let actor = self.admins(actor).0;
                result(admin.manage_members.end_sessions(actor, self.a.member, None).await)
            }
            Operation::SignIn(actor) => {
                let password = AdminPassword::parse(PASSWORD).unwrap();
                let name = &self.admins(actor).0.name;
                result(admin.sign_in.run(name, &password).await.map(drop))
            }
            Operation::ChangePassword(actor) => {
                let password = AdminPassword::parse(PASSWORD).unwrap();
                let new = AdminPassword::parse("another long password").unwrap();
                let actor = self.admins(actor).0;
                result(admin.manage_admins.change_password(actor, &password, &new).await)
            }
        }
    }

    fn caller(&self, person: Person) -> Caller {
        match person {
            Person::A => self.a.caller(),
            Person::B => self.b.caller(),
        }
    }

    /// Returns the administrator and the other one.
    fn admins(&self, actor: Actor) -> (&AdminPrincipal, &AdminPrincipal) {
        match actor {
            Actor::Ann => (&self.ann, &self.bob),
            Actor::Bob => (&self.bob, &self.ann),
        }
    }

    /// Returns the name of a member, without the ids of the case.
    fn name(&self, member: MemberId) -> &'static str {
        if member == self.a.member {
            "A"
        } else if member == self.b.member {
            "B"
        } else {
            "new"
        }
    }

    /// Returns the results and the state of the case.
    pub(super) async fn outcome(&self, results: &[Acknowledged]) -> Outcome {
        let mut state = vec![];
        let mut members = vec![];
        for (label, subject) in self.subjects() {
            let owner = owner_of(&*self.store, &subject).await.map(|owner| owner.member.id);
            members.extend(owner);
            state.push(format!("{label} of {:?}", owner.map(|owner| self.name(owner))));
        }
        members.extend([self.a.member, self.b.member]);
        members.sort();
        members.dedup();
        let mut rows = vec![];
        for id in members {
            let sessions = self.store.list_sessions(id).await.unwrap().len();
            let Some(member) = MemberReader::find(&*self.store, id).await.unwrap() else {
                continue;
            };
            rows.push(format!(
                "{}: {:?}, phone {}, changed {}, {sessions} sessions",
                self.name(id),
                member.status,
                member.phone.is_some(),
                member.nickname.as_str() == "changed"
            ));
        }
        rows.sort();
        state.extend(rows);
        let logins = results.iter().filter_map(|result| result.login.as_ref());
        for session in [&self.oldest, &self.a, &self.b].into_iter().chain(logins) {
            let found = self.store.find_session(session.session).await.unwrap();
            state.push(format!("session: {:?}", found.map(|(found, _)| found.generation)));
        }
        for principal in [&self.ann, &self.bob] {
            let found = self.store.find_admin(&principal.name).await.unwrap().unwrap();
            state.push(format!("{:?} {}", found.role, found.active));
        }
        let results = results.iter().map(|result| result.result.clone()).collect();
        Outcome { results, state }
    }

    fn subjects(&self) -> [(&'static str, Subject); 4] {
        let run = &self.run;
        [
            ("first openid", a(run).login),
            ("second openid", b(run).login),
            ("third openid", third(run).login),
            ("union id", b(run).aliases.remove(0)),
        ]
    }
}

fn session_policy() -> SessionPolicy {
    SessionPolicy { per_member: MAX_SESSIONS, ..SESSIONS }
}

fn user(namespace: &str, run: &str) -> MemoryUser {
    let user = MemoryUser::person(run);
    MemoryUser { login: Subject { namespace: namespace.to_owned(), ..user.login }, ..user }
}

/// A, whose union id the provider does not reveal.
fn a(run: &str) -> MemoryUser {
    user("first", run)
}

/// A with the union id of B.
fn revealed(run: &str) -> MemoryUser {
    a(run).with_union_id(run)
}

fn b(run: &str) -> MemoryUser {
    user("second", run).with_union_id(run)
}

/// B in the third app.
fn third(run: &str) -> MemoryUser {
    user("third", run).with_union_id(run)
}

fn request(
    provider: &MemoryProvider,
    app: &str,
    user: &MemoryUser,
    on_conflict: Option<ConflictResolution>,
) -> LoginRequest {
    LoginRequest {
        app: Some(app.to_owned()),
        code: provider.login_code(user),
        phone_code: None,
        nickname: None,
        on_conflict,
        idempotency_key: None,
    }
}

fn claims_of(ports: &Ports, logged_in: &LoggedIn) -> AccessClaims {
    let token = logged_in.tokens.access_token.expose();
    ports.token_verifier.open_access_token(token).unwrap()
}

async fn add_admin(store: &dyn Backend, ports: &Ports, name: &str, run: &str) -> AdminPrincipal {
    let name = AdminName::parse(&format!("{name}-{run}")).unwrap();
    let mut admin = Admin::new(name, Role::Admin, ports.clock.now(), ports.random.as_ref());
    admin.password = Some(PasswordHash(format!("plain:{PASSWORD}")));
    let unit = store.begin().await.unwrap();
    unit.admins().add(&admin).await.unwrap();
    unit.commit().await.unwrap();
    AdminPrincipal {
        id: admin.id,
        name: admin.name,
        role: admin.role,
        session: Fingerprint([0; 32]),
        expires_at: ports.clock.now(),
    }
}

fn result<E: Display>(result: Result<(), E>) -> String {
    match result {
        Ok(()) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}
