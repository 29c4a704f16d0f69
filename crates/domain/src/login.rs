//! Log in: a login code, and perhaps a phone code, become a member and their tokens.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::app::{App, Apps, VerifyError};
use crate::identity::{Owner, Standing, UnionIdChanged, Verified};
use crate::member::{Banned, Member, MemberId, time_ordered_id};
use crate::nickname::{Nickname, NicknamePrefixes};
use crate::phone::PhoneNumber;
use crate::ports::clock::Clock;
use crate::ports::provider::ProviderError;
use crate::ports::random::Random;
use crate::ports::store::{AddError, Store, StoreError, UnitOfWork, UpdateError};
use crate::ports::tokens::{AccessClaims, SigningError, TokenIssuer};
use crate::secret::{AccessToken, LoginCode, PhoneCode, RefreshToken};
use crate::session::Session;
use crate::timestamp::Timestamp;

/// How often an arrival is tried that loses to another one at the same moment. A second try sees what
/// the winner wrote; a third one covers a winner that was undone meanwhile.
const ATTEMPTS: u32 = 3;

/// The use case.
pub struct Login {
    /// The apps served.
    pub apps: Arc<Apps>,
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// What makes tokens.
    pub tokens: Arc<dyn TokenIssuer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// What is configurable about it.
    pub policy: LoginPolicy,
}

/// What is configurable about a login.
#[derive(Clone, Debug)]
pub struct LoginPolicy {
    /// What default nicknames begin with.
    pub nickname_prefixes: NicknamePrefixes,
    /// How long an access token is good for.
    pub access_ttl: Duration,
    /// How long a session lasts that is not refreshed.
    pub refresh_ttl: Duration,
}

/// What a client sends to log in.
#[derive(Debug)]
pub struct LoginRequest {
    /// The app it means, by name or app id; the first one when `None`.
    pub app: Option<String>,
    /// Who it is.
    pub code: LoginCode,
    /// Which phone number it has, where it was asked.
    pub phone_code: Option<PhoneCode>,
    /// What it wants to be called, should this be its first login.
    pub nickname: Option<Nickname>,
}

/// A member who is logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who it is.
    pub member: MemberId,
    /// What they are called.
    pub nickname: Nickname,
    /// Whether this login made the member.
    pub is_new: bool,
    /// What every later request is checked by.
    pub access_token: AccessToken,
    /// What prolongs the session.
    pub refresh_token: RefreshToken,
    /// How long the access token is good for.
    pub expires_in: Duration,
}

/// Why a login came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The login code led to nobody.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The phone code led to no number.
    #[error("the phone code was not redeemed")]
    Phone(#[source] ProviderError),
    /// The provider knows a device or a guest, not a user.
    #[error("a visitor without an account of their own cannot become a member")]
    Visitor,
    /// The app wants a phone number, and there is none yet.
    #[error("the app requires a phone number")]
    PhoneRequired,
    /// The user is no member, and the app takes no new ones.
    #[error("the app does not register new members")]
    RegistrationClosed,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The phone number is another member's.
    #[error("the phone number belongs to another member")]
    PhoneTaken,
    /// The provider contradicts what it said before.
    #[error(transparent)]
    UnionIdChanged(#[from] UnionIdChanged),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others were faster, time and again.
    #[error("the login lost a race {ATTEMPTS} times")]
    Contended,
    /// The tokens could not be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// Someone at the door, with everything that had to be asked outside.
struct Arrival<'a> {
    app: &'a App,
    verified: Verified,
    phone: Option<PhoneNumber>,
    nickname: Option<Nickname>,
}

/// Someone let in.
struct Admitted {
    member: Member,
    session: Session,
    is_new: bool,
}

/// Why one try at admitting someone ended.
enum Refusal {
    /// Another writer came first; with what it wrote the verdict may be another.
    Raced(LoginError),
    Final(LoginError),
}

impl<E: Into<LoginError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

impl Login {
    /// Logs in.
    ///
    /// The login code is redeemed first and the phone code only for a user who is known then: a bad
    /// login never spends a phone code, which costs money. Nothing is asked outside while the store is
    /// at work.
    pub async fn run(&self, request: LoginRequest) -> Result<LoggedIn, LoginError> {
        let (app, verified) = self.apps.verify(request.app.as_deref(), &request.code).await?;
        if verified.standing == Standing::Visitor {
            return Err(LoginError::Visitor);
        }
        let phone = match &request.phone_code {
            Some(code) => {
                Some(app.phone.phone(&verified.login, code).await.map_err(LoginError::Phone)?)
            }
            None => None,
        };
        let admitted =
            self.admit(&Arrival { app, verified, phone, nickname: request.nickname }).await?;
        self.hand_out_tokens(admitted)
    }

    async fn admit(&self, arrival: &Arrival<'_>) -> Result<Admitted, LoginError> {
        let mut verdict = LoginError::Contended;
        for _ in 0..ATTEMPTS {
            match self.try_to_admit(arrival).await {
                Ok(admitted) => return Ok(admitted),
                Err(Refusal::Raced(reason)) => verdict = reason,
                Err(Refusal::Final(reason)) => return Err(reason),
            }
        }
        Err(verdict)
    }

    async fn try_to_admit(&self, arrival: &Arrival<'_>) -> Result<Admitted, Refusal> {
        let now = self.clock.now();
        let work = self.store.begin().await?;
        let (member, is_new) = match find_owner(work.as_ref(), &arrival.verified).await? {
            Some(owner) => (welcome_back(work.as_ref(), arrival, &owner, now).await?, false),
            None => (self.register(work.as_ref(), arrival, now).await?, true),
        };
        let app = arrival.app.name.clone();
        let lifetime = self.policy.refresh_ttl;
        let session = Session::open(member.id, app, lifetime, now, self.random.as_ref());
        work.sessions().add(&session).await?;
        work.commit().await?;
        Ok(Admitted { member, session, is_new })
    }

    /// Makes the member of someone unknown.
    async fn register(
        &self,
        work: &dyn UnitOfWork,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) -> Result<Member, Refusal> {
        if !arrival.app.auto_register {
            return Err(LoginError::RegistrationClosed.into());
        }
        if arrival.app.phone_required && arrival.phone.is_none() {
            return Err(LoginError::PhoneRequired.into());
        }
        let (phone, random) = (arrival.phone.clone(), self.random.as_ref());
        let nickname = arrival.nickname.clone();
        let nickname = nickname
            .unwrap_or_else(|| self.policy.nickname_prefixes.nickname(phone.as_ref(), random));
        let member = Member::register(MemberId::generate(now, random), nickname, phone, now);
        work.members().add(&member).await.map_err(|error| taken(error, LoginError::PhoneTaken))?;
        for subject in arrival.verified.subjects() {
            let added = work.identities().add(member.id, subject, now).await;
            added.map_err(|error| taken(error, LoginError::Contended))?;
        }
        Ok(member)
    }

    fn hand_out_tokens(&self, admitted: Admitted) -> Result<LoggedIn, LoginError> {
        let Admitted { member, session, is_new } = admitted;
        let claims = AccessClaims {
            member: member.id,
            session: session.id,
            app: session.app.clone(),
            name: member.nickname.clone(),
            issued_at: session.created_at,
            expires_at: session.created_at.plus(self.policy.access_ttl),
            id: self.token_id(session.created_at),
        };
        Ok(LoggedIn {
            member: member.id,
            nickname: member.nickname,
            is_new,
            access_token: self.tokens.access_token(&claims)?,
            refresh_token: self.tokens.refresh_token(&session),
            expires_in: self.policy.access_ttl,
        })
    }

    fn token_id(&self, now: Timestamp) -> Uuid {
        time_ordered_id(now, self.random.as_ref())
    }
}

/// The member behind an arrival: whose login id it is, or else, when this app sees them for the first
/// time, whose alias.
async fn find_owner(
    work: &dyn UnitOfWork,
    verified: &Verified,
) -> Result<Option<Owner>, StoreError> {
    for subject in verified.subjects() {
        if let Some(owner) = work.identities().find_owner(subject).await? {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

/// Lets a known member in, and takes over what is new about them.
async fn welcome_back(
    work: &dyn UnitOfWork,
    arrival: &Arrival<'_>,
    owner: &Owner,
    now: Timestamp,
) -> Result<Member, Refusal> {
    let missing = || StoreError::new("an identity's member is missing");
    let mut member = work.members().find(owner.member).await?.ok_or_else(missing)?;
    member.ensure_active().map_err(LoginError::from)?;
    if arrival.app.phone_required && member.phone.is_none() && arrival.phone.is_none() {
        return Err(LoginError::PhoneRequired.into());
    }
    if let Some(phone) = arrival.phone.clone()
        && member.bind_phone(phone, now)
    {
        work.members().update(&member).await.map_err(refused_update)?;
    }
    attach_new_subjects(work, &arrival.verified, owner, now).await?;
    Ok(member)
}

/// Makes a known member known under what the provider says of them for the first time: the id of
/// another app of the same owner, or a union id that came late.
async fn attach_new_subjects(
    work: &dyn UnitOfWork,
    verified: &Verified,
    owner: &Owner,
    now: Timestamp,
) -> Result<(), Refusal> {
    let new_aliases = owner.new_aliases(&verified.aliases).map_err(LoginError::from)?;
    if !owner.subjects.contains(&verified.login) {
        let added = work.identities().add(owner.member, &verified.login, now).await;
        added.map_err(|error| taken(error, LoginError::Contended))?;
    }
    for alias in new_aliases {
        match work.identities().add(owner.member, &alias, now).await {
            Ok(()) => {}
            // The login id is the key: it lets them in, whoever else the alias points to.
            Err(AddError::Taken) => {
                tracing::warn!(member = %owner.member.0, ?alias, "an alias is another member's");
            }
            Err(AddError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A value was taken: by someone else, or by this very user's other request a moment ago. Only a new
/// look can tell.
fn taken(error: AddError, verdict: LoginError) -> Refusal {
    match error {
        AddError::Taken => Refusal::Raced(verdict),
        AddError::Store(error) => Refusal::Final(error.into()),
    }
}

fn refused_update(error: UpdateError) -> Refusal {
    match error {
        UpdateError::Stale => Refusal::Raced(LoginError::Contended),
        UpdateError::Taken => Refusal::Raced(LoginError::PhoneTaken),
        UpdateError::Store(error) => Refusal::Final(error.into()),
    }
}
