//! Permutation test of logins: in every order of events no member is lost, doubled, mixed up or locked out.
//!
//! Two people log in through two apps of one Open Platform account. The provider reveals union ids and
//! phone numbers early, late or never, and one union id contradicts an earlier one. Every order of these
//! events runs under every conflict policy, and the members are checked after each event.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::identity::conflict_policy::{ConflictPolicy, ConflictResolution};
use domain::model::identity::{AccountKind, ProviderIdentity, Subject, SubjectKind};
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::MemberId;
use domain::model::member::phone::PhoneNumber;
use domain::model::secret::{LoginCode, PhoneCode};
use domain::ports::app::App;
use domain::ports::provider::{IdentityProvider, PhoneProvider, ProviderError};
use domain::use_cases::UseCases;
use domain::use_cases::login::{Login, LoginError};

use super::store::{Backend, SESSIONS};
use crate::fake::clock::FixedClock;
use crate::fake::ports::{policies, ports};

/// A login and the data that the provider reveals with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    person: char,
    app: usize,
    union_id: Option<char>,
    phone: Option<char>,
}

const fn event(person: char, app: usize, union_id: Option<char>, phone: Option<char>) -> Event {
    Event { person, app, union_id, phone }
}

/// Logins of Xi through two apps, with the union id late or early, two phone numbers and a contradicting
/// union id, and logins of Yu with one of Xi's phone numbers.
pub const EVENTS: [Event; 9] = [
    event('x', 0, None, None),
    event('x', 0, Some('u'), None),
    event('x', 1, Some('u'), None),
    event('x', 0, None, Some('p')),
    event('y', 0, Some('w'), Some('p')),
    event('x', 0, Some('v'), None),
    event('x', 1, None, None),
    event('x', 1, None, Some('q')),
    event('y', 0, None, None),
];

/// Conflict policies of the app, with the resolution that the client chooses.
const POLICIES: [(ConflictPolicy, Option<ConflictResolution>); 6] = [
    (ConflictPolicy::Merge, None),
    (ConflictPolicy::Merge, Some(ConflictResolution::Merge)),
    (ConflictPolicy::Ask, None),
    (ConflictPolicy::Ask, Some(ConflictResolution::Merge)),
    (ConflictPolicy::Ask, Some(ConflictResolution::Separate)),
    (ConflictPolicy::Refuse, None),
];

/// Runs every order of `length` of the `events`, each over a store from `fresh`. Shorter orders are
/// prefixes of these. Returns the number of orders.
pub async fn run_all(
    events: &[Event],
    length: usize,
    fresh: impl Fn() -> Arc<dyn Backend>,
) -> usize {
    let orders = orders(events, length);
    for (policy, choice) in POLICIES {
        let mut before: &[Event] = &[];
        for (run, order) in orders.iter().enumerate() {
            let run = format!("{policy:?}{choice:?}{run}");
            // The common prefix with the previous order was checked there.
            let checked = order.iter().zip(before).take_while(|(now, then)| now == then).count();
            Scenario::new(run, fresh(), policy, choice).run(order, checked).await;
            before = order;
        }
    }
    orders.len() * POLICIES.len()
}

fn orders(events: &[Event], length: usize) -> Vec<Vec<Event>> {
    if length == 0 {
        return vec![vec![]];
    }
    let beginnings = orders(events, length - 1);
    let longer = |beginning: Vec<Event>| {
        let left = events.iter().filter(|event| !beginning.contains(event));
        left.map(|next| [&beginning[..], &[*next]].concat()).collect::<Vec<_>>()
    };
    beginnings.into_iter().flat_map(longer).collect()
}

/// A provider whose codes are indexes into [`EVENTS`]; it reveals the data of that event.
struct ReportedData {
    run: String,
    app: usize,
}

impl ReportedData {
    fn subject(&self, kind: SubjectKind, value: &str) -> Subject {
        let namespace = match kind {
            SubjectKind::OpenId => format!("orders:app{}", self.app),
            SubjectKind::UnionId => "orders:group".to_owned(),
        };
        Subject { namespace, kind, value: format!("{value}-{}", self.run) }
    }

    fn openid(&self, event: Event) -> Subject {
        self.subject(SubjectKind::OpenId, &event.person.to_string())
    }

    fn union_id(&self, event: Event) -> Option<Subject> {
        event.union_id.map(|id| self.subject(SubjectKind::UnionId, &id.to_string()))
    }
}

fn read(code: &str) -> Event {
    let index = code.rsplit('-').next().and_then(|index| index.parse::<usize>().ok()).unwrap();
    *EVENTS.get(index).unwrap()
}

#[async_trait]
impl IdentityProvider for ReportedData {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        let event = read(code.expose());
        Ok(ProviderIdentity {
            subject: self.openid(event),
            aliases: self.union_id(event).into_iter().collect(),
            account_kind: AccountKind::User,
            session_key: None,
        })
    }
}

#[async_trait]
impl PhoneProvider for ReportedData {
    async fn redeem_phone_code(
        &self,
        _: &Subject,
        code: &PhoneCode,
    ) -> Result<PhoneNumber, ProviderError> {
        Ok(number(&self.run, read(code.expose()).phone.unwrap()))
    }
}

/// Returns a phone number that is unique to the run, because runs can share a store.
fn number(run: &str, phone: char) -> PhoneNumber {
    let digits = seed(run) % 100_000_000_000;
    PhoneNumber::new(1, &format!("{}{digits:011}", u32::from(phone) % 10)).unwrap()
}

/// State of one run: the system under test and the outcomes so far.
struct Scenario {
    run: String,
    store: Arc<dyn Backend>,
    login: Arc<Login>,
    clock: Arc<FixedClock>,
    policy: ConflictPolicy,
    choice: Option<ConflictResolution>,
    steps: usize,
    /// Members that were created and not merged into another one.
    members: HashSet<MemberId>,
    /// Member of the last successful login of each openid.
    known: HashMap<(char, usize), MemberId>,
    /// First union id of each openid that its member owns. Of two members that stay separate only one owns
    /// it.
    union_ids: HashMap<(char, usize), char>,
    /// Union ids with the apps through which a login revealed them.
    revealed: HashSet<(char, usize)>,
    /// Persons with the phone numbers that they have proved in a successful login.
    proved: HashSet<(char, char)>,
}

impl Scenario {
    fn new(
        run: String,
        store: Arc<dyn Backend>,
        policy: ConflictPolicy,
        choice: Option<ConflictResolution>,
    ) -> Self {
        let app = |app: usize| {
            let reported = Arc::new(ReportedData { run: run.clone(), app });
            App {
                name: AppName::parse(&format!("app{app}")).unwrap(),
                app_id: AppId::parse(&format!("wx{app}")).unwrap(),
                namespace: format!("orders:app{app}"),
                policy: AppPolicy { on_conflict: policy, ..AppPolicy::default() },
                disabled: false,
                identity: reported.clone(),
                phone: reported,
                session_keys: None,
                pushes: None,
            }
        };
        let clock = Arc::new(FixedClock::default());
        let ports = ports(store.clone(), clock.clone(), vec![app(0), app(1)], seed(&run));
        let login = UseCases::new(&ports, &policies(SESSIONS)).login;
        Self {
            run,
            store,
            login,
            clock,
            policy,
            choice,
            steps: 0,
            members: HashSet::new(),
            known: HashMap::new(),
            union_ids: HashMap::new(),
            revealed: HashSet::new(),
            proved: HashSet::new(),
        }
    }

    /// Runs the events in this order. The members after the first `checked` events are not checked again.
    async fn run(mut self, order: &[Event], checked: usize) {
        for (step, event) in order.iter().enumerate() {
            let outcome = self.log_in(*event).await;
            let so_far =
                format!("{:?} {:?}: {:?}", self.policy, self.choice, order.get(..=step).unwrap());
            self.record(*event, outcome, &so_far).await;
            if step >= checked {
                self.check(&so_far).await;
            }
        }
        for &(person, app) in self.known.clone().keys() {
            let again = self.log_in(event(person, app, None, None)).await;
            let again = again.unwrap_or_else(|error| {
                panic!("{person}{app} is locked out: {error} after {order:?}")
            });
            assert!(!again.is_new, "{person}{app} is a new member after {order:?}");
        }
    }

    async fn log_in(&mut self, event: Event) -> Result<LoggedIn, LoginError> {
        self.clock.advance(Duration::from_secs(1));
        self.steps += 1;
        let index = EVENTS.iter().position(|known| *known == event).unwrap();
        let code = format!("{}-{}-{index}", self.run, self.steps);
        let request = LoginRequest {
            app: Some(format!("app{}", event.app)),
            code: LoginCode::parse(&code).unwrap(),
            phone_code: event.phone.map(|_| PhoneCode::parse(&code).unwrap()),
            nickname: None,
            on_conflict: self.choice,
            idempotency_key: None,
        };
        self.login.run(request).await
    }

    /// Checks one outcome and records it.
    async fn record(&mut self, event: Event, outcome: Result<LoggedIn, LoginError>, so_far: &str) {
        let openid = (event.person, event.app);
        let known_before = self.union_ids.get(&openid);
        let contradicts =
            event.union_id.is_some_and(|id| known_before.is_some_and(|before| *before != id));
        match outcome {
            Ok(logged_in) => {
                assert!(!contradicts, "a changed union id was accepted: {so_far}");
                if logged_in.is_new {
                    assert!(self.members.insert(logged_in.member), "{so_far}");
                }
                for gone in &logged_in.merged {
                    assert!(self.members.remove(gone), "{so_far}");
                    assert_ne!(self.policy, ConflictPolicy::Refuse, "{so_far}");
                    assert_ne!(self.choice, Some(ConflictResolution::Separate), "{so_far}");
                }
                assert!(self.members.contains(&logged_in.member), "{so_far}");
                self.known.insert(openid, logged_in.member);
                if let Some(id) = event.union_id
                    && self.owner_of_union_id(event).await == Some(logged_in.member)
                {
                    self.union_ids.entry(openid).or_insert(id);
                }
                self.revealed.extend(event.union_id.map(|id| (id, event.app)));
                self.proved.extend(event.phone.map(|phone| (event.person, phone)));
            }
            Err(LoginError::PhoneTaken { .. }) => assert!(event.phone.is_some(), "{so_far}"),
            Err(LoginError::MergeRequired) => assert_eq!(self.choice, None, "{so_far}"),
            Err(LoginError::UnionIdChanged(_)) => {
                let reported = |(openid, id): (&(char, usize), &char)| {
                    openid.0 == event.person && Some(*id) != event.union_id
                };
                assert!(self.union_ids.iter().any(reported), "nothing contradicts: {so_far}");
            }
            Err(error) => panic!("{error:?}: {so_far}"),
        }
    }

    async fn owner_of_union_id(&self, event: Event) -> Option<MemberId> {
        let reported = ReportedData { run: self.run.clone(), app: event.app };
        let unit = self.store.begin().await.unwrap();
        let owner = unit.identities().find_by_subject(&reported.union_id(event)?).await.unwrap();
        owner.map(|owner| owner.member.id)
    }

    /// Checks the members against the records.
    async fn check(&self, so_far: &str) {
        let unit = self.store.begin().await.unwrap();
        let mut owners: HashMap<Subject, MemberId> = HashMap::new();
        for event in EVENTS {
            let reported = ReportedData { run: self.run.clone(), app: event.app };
            for subject in
                [Some(reported.openid(event)), reported.union_id(event)].into_iter().flatten()
            {
                if let Some(owner) = unit.identities().find_by_subject(&subject).await.unwrap() {
                    assert!(owner.subjects.contains(&subject), "{so_far}");
                    owners.insert(subject, owner.member.id);
                }
            }
        }
        let openids = owners.keys().filter(|subject| subject.kind == SubjectKind::OpenId).count();
        assert_eq!(openids, self.known.len(), "an openid is lost or surplus: {so_far}");
        let holders: HashSet<MemberId> = owners.values().copied().collect();
        assert_eq!(holders, self.members, "an unreachable or surplus member: {so_far}");
        for (subject, owner) in &owners {
            let others = owners.iter().filter(|(other, theirs)| {
                *theirs == owner && person_of(other) != person_of(subject)
            });
            assert_eq!(others.count(), 0, "two people in one member: {so_far}");
        }
        self.check_merged(&owners, so_far);
        let mut phones = HashSet::new();
        for member in &self.members {
            let phone = unit.members().find(*member).await.unwrap().unwrap().phone;
            let Some(phone) = phone else { continue };
            assert!(phones.insert(phone.e164()), "one phone number of two members: {so_far}");
            let person =
                owners.iter().find(|(_, owner)| *owner == member).map(|(s, _)| person_of(s));
            let proved = self.proved.iter().any(|(prover, number_of)| {
                Some(*prover) == person && number(&self.run, *number_of) == phone
            });
            assert!(proved, "a phone number was taken over: {so_far}");
        }
    }

    /// Checks that a person is one member once the provider has revealed the same union id through both
    /// apps, unless the members stay separate.
    fn check_merged(&self, owners: &HashMap<Subject, MemberId>, so_far: &str) {
        let separate = self.policy == ConflictPolicy::Refuse
            || self.choice == Some(ConflictResolution::Separate);
        if !separate && [0, 1].iter().all(|app| self.revealed.contains(&('u', *app))) {
            let xi = owners.iter().filter(|(subject, _)| person_of(subject) == 'x');
            let members: HashSet<_> = xi.map(|(_, owner)| owner).collect();
            assert_eq!(members.len(), 1, "one person is two members: {so_far}");
        }
    }
}

/// Returns the person of a subject: the union ids `u` and `v` belong to Xi, `w` belongs to Yu.
fn person_of(subject: &Subject) -> char {
    match subject.value.chars().next() {
        Some('x' | 'u' | 'v') => 'x',
        _ => 'y',
    }
}

fn seed(run: &str) -> u64 {
    run.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
