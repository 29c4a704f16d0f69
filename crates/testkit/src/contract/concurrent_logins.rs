//! Concurrent logins: all of them succeed and yield exactly the right members, also while members are
//! merged and erased.

use std::collections::HashSet;
use std::sync::Arc;

use domain::model::identity::Subject;
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::MemberId;
use domain::use_cases::UseCases;
use domain::use_cases::login::Login;
use domain::use_cases::member::erase::{EraseMember, EraseMemberError};

use super::store::{Backend, SESSIONS, owner_of, run_concurrently};
use crate::fake::apps::memory_app;
use crate::fake::clock::FixedClock;
use crate::fake::ports::{policies, ports};
use crate::fake::provider::{MemoryProvider, MemoryUser};

/// Number of concurrent logins.
pub const CONCURRENCY: usize = 1_000;

/// Login over the store under test, with two apps of one Open Platform account and a fake provider.
pub struct LoginFixture {
    store: Arc<dyn Backend>,
    login: Arc<Login>,
    erase: Arc<EraseMember>,
    provider: Arc<MemoryProvider>,
}

impl LoginFixture {
    /// Creates the fixture over an empty store.
    #[must_use]
    pub fn new(store: Arc<dyn Backend>) -> Self {
        let provider = Arc::<MemoryProvider>::default();
        let clock = Arc::<FixedClock>::default();
        let apps = vec![memory_app("first", &provider), memory_app("second", &provider)];
        let use_cases = UseCases::new(&ports(store.clone(), clock, apps, 0), &policies(SESSIONS));
        Self { store, login: use_cases.login, erase: use_cases.erase_member, provider }
    }

    /// Concurrent first logins of `people` users through one app create one member per user.
    pub async fn concurrent_first_logins_yield_one_member_each(&self, people: usize) {
        let logins = self.log_in_concurrently(|nth| ("first", person("first", nth % people))).await;
        let registered = logins.iter().filter(|logged_in| logged_in.is_new).count();
        assert_eq!((members(&logins).len(), registered), (people, people));
        for nth in 0..people {
            let owner = self.owner_of(&person("first", nth).login).await;
            assert!(owner.is_some_and(|owner| members(&logins).contains(&owner)));
        }
    }

    /// First logins of one user through two apps, identified by the union id, create one member.
    pub async fn concurrent_first_logins_through_two_apps_yield_one_member(&self) {
        let app = |nth: usize| if nth.is_multiple_of(2) { "first" } else { "second" };
        let logins = self
            .log_in_concurrently(|nth| (app(nth), person(app(nth), 0).with_union_id("u")))
            .await;
        let registered = logins.iter().filter(|logged_in| logged_in.is_new).count();
        assert_eq!((members(&logins).len(), registered), (1, 1));
    }

    /// Concurrent logins that reveal shared union ids merge each pair of members once.
    pub async fn concurrent_logins_merge_members_once(&self, people: usize) {
        let union_id = |nth: usize| format!("u{}", nth % people);
        for nth in 0..people {
            self.log_in("first", person("first", nth)).await;
            self.log_in("second", person("second", nth).with_union_id(&union_id(nth))).await;
        }
        let late = |nth| person("first", nth % people).with_union_id(&union_id(nth));
        let logins = self.log_in_concurrently(|nth| ("first", late(nth))).await;
        let merged: usize = logins.iter().map(|logged_in| logged_in.merged.len()).sum();
        assert_eq!((members(&logins).len(), merged), (people, people));
    }

    /// Logins succeed while their members are erased repeatedly.
    pub async fn logins_succeed_while_members_are_erased(&self, people: usize) {
        let erasures = (0..CONCURRENCY / 10).map(|nth| {
            let store = self.store.clone();
            let erase = self.erase.clone();
            async move {
                let subject = person("first", nth % people).login;
                let Some(owner) = owner_of(&*store, &subject).await else { return };
                match erase.run(owner.member.id, None).await {
                    Ok(()) | Err(EraseMemberError::NotFound) => {}
                    Err(error) => panic!("erasure failed: {error:?}"),
                }
            }
        });
        let erasures = tokio::spawn(run_concurrently(erasures.collect::<Vec<_>>()));
        self.log_in_concurrently(|nth| ("first", person("first", nth % people))).await;
        erasures.await.unwrap();
        for nth in 0..people {
            let logged_in = self.log_in("first", person("first", nth)).await;
            assert_eq!(self.owner_of(&person("first", nth).login).await, Some(logged_in.member));
        }
    }

    /// Runs [`CONCURRENCY`] logins at once; `attempt` gives the app and user of each.
    async fn log_in_concurrently(
        &self,
        attempt: impl Fn(usize) -> (&'static str, MemoryUser),
    ) -> Vec<LoggedIn> {
        let logins = (0..CONCURRENCY).map(|nth| {
            let (app, user) = attempt(nth);
            let login = self.login.clone();
            let request = self.request(app, &user);
            async move { login.run(request).await }
        });
        let logins = run_concurrently(logins.collect::<Vec<_>>()).await.into_iter();
        logins
            .map(|login| login.unwrap_or_else(|error| panic!("login failed: {error:?}")))
            .collect()
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

fn members(logins: &[LoggedIn]) -> HashSet<MemberId> {
    logins.iter().map(|logged_in| logged_in.member).collect()
}
