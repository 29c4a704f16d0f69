//! Fake identity provider.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use domain::model::identity::{AccountKind, ProviderIdentity, Subject, SubjectKind};
use domain::model::member::phone::PhoneNumber;
use domain::model::secret::{LoginCode, PhoneCode, SessionKey};
use domain::ports::provider::{IdentityProvider, PhoneProvider, ProviderError, ProviderFailure};

/// User of the provider.
#[derive(Clone, Debug)]
pub struct MemoryUser {
    /// Subject that logs in.
    pub login: Subject,
    /// Other subjects of the user.
    pub aliases: Vec<Subject>,
    /// Kind of the account.
    pub account_kind: AccountKind,
    /// Session key in the format of the provider.
    pub session_key: Option<String>,
}

impl MemoryUser {
    /// Creates a user with an openid in the namespace `memory`.
    #[must_use]
    pub fn person(open_id: &str) -> Self {
        let login = Subject {
            namespace: "memory".into(),
            kind: SubjectKind::OpenId,
            value: open_id.into(),
        };
        let session_key = Some(format!("session-key-of-{open_id}"));
        Self { login, aliases: Vec::new(), account_kind: AccountKind::User, session_key }
    }

    /// Adds a union id in the namespace `memory-group`.
    #[must_use]
    pub fn with_union_id(mut self, union_id: &str) -> Self {
        self.aliases.push(Subject {
            namespace: "memory-group".into(),
            kind: SubjectKind::UnionId,
            value: union_id.into(),
        });
        self
    }
}

/// Provider that issues one-time codes for its users.
#[derive(Debug, Default)]
pub struct MemoryProvider(Mutex<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    issued_codes: usize,
    logins: HashMap<String, Code<MemoryUser>>,
    phones: HashMap<String, Code<(Subject, PhoneNumber)>>,
    /// Session keys of the users that have logged in.
    pub(crate) keys: HashMap<Subject, String>,
    failures: VecDeque<ProviderFailure>,
    calls: Vec<MemoryCall>,
}

#[derive(Debug)]
enum Code<T> {
    Fresh(T),
    Used,
}

/// Call to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryCall {
    /// Redemption of a login code.
    Login,
    /// Redemption of a phone code.
    Phone,
    /// Check or rotation of a session key.
    Session,
}

impl MemoryProvider {
    /// Creates a provider whose codes are numbered from here, so that providers over one store differ.
    #[must_use]
    pub fn with_codes_from(number: usize) -> Self {
        Self(Mutex::new(State { issued_codes: number, ..State::default() }))
    }

    /// Issues a login code of a user.
    pub fn login_code(&self, user: &MemoryUser) -> LoginCode {
        let mut state = self.state();
        let code = state.issue_code("login");
        state.logins.insert(code.clone(), Code::Fresh(user.clone()));
        LoginCode::parse(&code).unwrap()
    }

    /// Issues a phone code for a user's number.
    pub fn phone_code(&self, user: &MemoryUser, phone: &PhoneNumber) -> PhoneCode {
        let mut state = self.state();
        let code = state.issue_code("phone");
        state.phones.insert(code.clone(), Code::Fresh((user.login.clone(), phone.clone())));
        PhoneCode::parse(&code).unwrap()
    }

    /// Makes the next call fail; repeated calls add up. The code of a failed call stays valid.
    pub fn fail_next(&self, failure: ProviderFailure) {
        self.state().failures.push_back(failure);
    }

    /// Returns the calls so far, in order, including failed ones.
    #[must_use]
    pub fn calls(&self) -> Vec<MemoryCall> {
        self.state().calls.clone()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    pub(crate) fn issue_code(&mut self, kind: &str) -> String {
        self.issued_codes += 1;
        format!("{kind}-code-{}", self.issued_codes)
    }

    pub(crate) fn receive(&mut self, call: MemoryCall) -> Result<(), ProviderError> {
        self.calls.push(call);
        self.failures.pop_front().map_or(Ok(()), |failure| fail(failure, "injected by the test"))
    }
}

fn fail<T>(failure: ProviderFailure, cause: &str) -> Result<T, ProviderError> {
    Err(ProviderError::new(failure, cause))
}

fn redeem<T>(codes: &mut HashMap<String, Code<T>>, code: &str) -> Result<T, ProviderError> {
    match codes.get_mut(code).map(|code| std::mem::replace(code, Code::Used)) {
        Some(Code::Fresh(value)) => Ok(value),
        Some(Code::Used) => fail(ProviderFailure::CodeUsed, "the code was redeemed before"),
        None => fail(ProviderFailure::CodeInvalid, "the code was never issued"),
    }
}

#[async_trait]
impl IdentityProvider for MemoryProvider {
    async fn redeem_login_code(&self, code: &LoginCode) -> Result<ProviderIdentity, ProviderError> {
        let mut state = self.state();
        state.receive(MemoryCall::Login)?;
        let user = redeem(&mut state.logins, code.expose())?;
        if let Some(key) = &user.session_key {
            state.keys.insert(user.login.clone(), key.clone());
        }
        Ok(ProviderIdentity {
            subject: user.login,
            aliases: user.aliases,
            account_kind: user.account_kind,
            session_key: user.session_key.map(|key| SessionKey::new(key.into())),
        })
    }
}

#[async_trait]
impl PhoneProvider for MemoryProvider {
    async fn redeem_phone_code(
        &self,
        owner: &Subject,
        code: &PhoneCode,
    ) -> Result<PhoneNumber, ProviderError> {
        let mut state = self.state();
        state.receive(MemoryCall::Phone)?;
        let (user, phone) = redeem(&mut state.phones, code.expose())?;
        if user != *owner {
            return fail(ProviderFailure::CodeInvalid, "the code belongs to another user");
        }
        Ok(phone)
    }
}
