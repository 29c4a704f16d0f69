//! Crowds at the door: however many log in at once, whatever else happens to their members, everybody
//! gets in, and there are exactly the right members.

use std::collections::HashSet;
use std::sync::Arc;

use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::identity::Subject;
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::MemberId;
use domain::ports::app::App;
use domain::use_cases::UseCases;
use domain::use_cases::login::Login;
use domain::use_cases::member::erase::{EraseMember, EraseMemberError};

use super::store::{Backend, SESSIONS, all_at_once, owner_of};
use crate::fake::clock::FixedClock;
use crate::fake::ports::{policies, ports};
use crate::fake::provider::{MemoryProvider, MemoryUser};

/// How many come at once.
pub const CROWD: usize = 1_000;

/// A door with two apps of one owner, and those who come to it.
pub struct Door {
    store: Arc<dyn Backend>,
    login: Arc<Login>,
    erase: Arc<EraseMember>,
    provider: Arc<MemoryProvider>,
}

impl Door {
    /// A door over an empty store.
    #[must_use]
    pub fn new(store: Arc<dyn Backend>) -> Self {
        let provider = Arc::<MemoryProvider>::default();
        let clock = Arc::<FixedClock>::default();
        let app = |name: &str| App {
            name: AppName::parse(name).unwrap(),
            app_id: AppId::parse(&format!("wx{name}")).unwrap(),
            namespace: name.to_owned(),
            policy: AppPolicy::default(),
            disabled: false,
            identity: provider.clone(),
            phone: provider.clone(),
            session_keys: None,
            pushes: None,
        };
        let apps = vec![app("first"), app("second")];
        let use_cases = UseCases::new(&ports(store.clone(), clock, apps, 0), &policies(SESSIONS));
        Self { store, login: use_cases.login, erase: use_cases.erase_member, provider }
    }

    /// The first logins of `people`, in turn, each through one app.
    pub async fn people_come(&self, people: usize) {
        let came = self.crowd(|nth| ("first", person("first", nth % people))).await;
        let news = came.iter().filter(|logged_in| logged_in.is_new).count();
        assert_eq!((members(&came).len(), news), (people, people));
        for nth in 0..people {
            let owner = self.owner_of(&person("first", nth).login).await;
            assert!(owner.is_some_and(|owner| members(&came).contains(&owner)));
        }
    }

    /// The first logins of one person through two apps, who are told apart by their union id.
    pub async fn somebody_comes_through_two_apps(&self) {
        let app = |nth: usize| if nth.is_multiple_of(2) { "first" } else { "second" };
        let came = self.crowd(|nth| (app(nth), person(app(nth), 0).with_union_id("u"))).await;
        let news = came.iter().filter(|logged_in| logged_in.is_new).count();
        assert_eq!((members(&came).len(), news), (1, 1));
    }

    /// People who were two members each become one: every login tells so, and they all come at once.
    pub async fn members_become_one(&self, people: usize) {
        let union_id = |nth: usize| format!("u{}", nth % people);
        for nth in 0..people {
            self.log_in("first", person("first", nth)).await;
            self.log_in("second", person("second", nth).with_union_id(&union_id(nth))).await;
        }
        let late = |nth| person("first", nth % people).with_union_id(&union_id(nth));
        let came = self.crowd(|nth| ("first", late(nth))).await;
        let merged: usize = came.iter().map(|logged_in| logged_in.merged.len()).sum();
        assert_eq!((members(&came).len(), merged), (people, people));
    }

    /// People log in while they are erased, again and again; then everybody is there who comes.
    pub async fn members_are_erased_meanwhile(&self, people: usize) {
        let erasures = (0..CROWD / 10).map(|nth| {
            let store = self.store.clone();
            let erase = self.erase.clone();
            async move {
                let subject = person("first", nth % people).login;
                let Some(owner) = owner_of(&*store, &subject).await else { return };
                match erase.run(owner.member.id, None).await {
                    Ok(()) | Err(EraseMemberError::NotFound) => {}
                    Err(error) => panic!("nobody was erased: {error:?}"),
                }
            }
        });
        let erasures = tokio::spawn(all_at_once(erasures.collect::<Vec<_>>()));
        self.crowd(|nth| ("first", person("first", nth % people))).await;
        erasures.await.unwrap();
        for nth in 0..people {
            let logged_in = self.log_in("first", person("first", nth)).await;
            assert_eq!(self.owner_of(&person("first", nth).login).await, Some(logged_in.member));
        }
    }

    /// All log in at once: those whom `who` tells, and through which app.
    async fn crowd(&self, who: impl Fn(usize) -> (&'static str, MemoryUser)) -> Vec<LoggedIn> {
        let logins = (0..CROWD).map(|nth| {
            let (app, user) = who(nth);
            let login = self.login.clone();
            let request = self.request(app, &user);
            async move { login.run(request).await }
        });
        let logins = all_at_once(logins.collect::<Vec<_>>()).await.into_iter();
        logins.map(|login| login.unwrap_or_else(|error| panic!("kept out: {error:?}"))).collect()
    }

    async fn log_in(&self, app: &str, user: MemoryUser) -> LoggedIn {
        self.login.run(self.request(app, &user)).await.unwrap()
    }

    fn request(&self, app: &str, user: &MemoryUser) -> LoginRequest {
        LoginRequest {
            app: Some(app.to_owned()),
            code: self.provider.login_code(user),
            phone_code: None,
            nickname: None,
            on_conflict: None,
            idempotency_key: None,
        }
    }

    async fn owner_of(&self, subject: &Subject) -> Option<MemberId> {
        owner_of(&*self.store, subject).await.map(|owner| owner.member.id)
    }
}

fn person(app: &str, nth: usize) -> MemoryUser {
    let user = MemoryUser::person(&format!("o{nth}"));
    MemoryUser { login: Subject { namespace: app.to_owned(), ..user.login }, ..user }
}

fn members(came: &[LoggedIn]) -> HashSet<MemberId> {
    came.iter().map(|logged_in| logged_in.member).collect()
}
