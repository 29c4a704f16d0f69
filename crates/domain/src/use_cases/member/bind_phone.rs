//! Binding of a phone number that the provider has verified.

use std::sync::Arc;

use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::event::EventKind;
use crate::model::identity::Subject;
use crate::model::member::Member;
use crate::model::member::phone::PhoneNumber;
use crate::model::provider::session_key::EncryptedData;
use crate::model::secret::PhoneCode;
use crate::model::session::claims::Caller;
use crate::model::timestamp::Timestamp;
use crate::ports::app::{App, AppDisabled};
use crate::ports::provider::ProviderError;
use crate::ports::store::Store;
use crate::ports::store::error::{StoreError, UpdateError};
use crate::ports::store::identities::IdentityReader;
use crate::ports::store::session_keys::SessionKeyReader;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::member::access_error::MemberAccessError;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Binds a phone number to the caller's own member.
pub struct BindPhone {
    /// Apps that users log in to.
    pub apps: Arc<AppRegistry>,
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Identities, for the openid of the caller.
    pub identities: Arc<dyn IdentityReader>,
    /// Stored session keys, for encrypted numbers.
    pub session_keys: Arc<dyn SessionKeyReader>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// Proof that a phone number belongs to the caller.
pub enum PhoneProofInput {
    /// Phone code.
    Code(PhoneCode),
    /// Encrypted number of the legacy `encryptedData`/`iv` flow.
    Encrypted(EncryptedData),
}

/// Reason why a phone number was not bound.
#[derive(Debug, thiserror::Error)]
pub enum BindPhoneError {
    /// The caller's member cannot be changed.
    #[error(transparent)]
    Access(#[from] MemberAccessError),
    /// The phone code was not redeemed.
    #[error("the phone code was not redeemed")]
    Provider(#[from] ProviderError),
    /// The encrypted data could not be decrypted, or contain no phone number.
    #[error("the encrypted data give no phone number")]
    Undecipherable,
    /// The phone number belongs to another member.
    #[error("the phone number belongs to another member")]
    PhoneTaken,
    /// The app is disabled.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
}

impl From<StoreError> for BindPhoneError {
    fn from(error: StoreError) -> Self {
        Self::Access(error.into())
    }
}

impl BindPhone {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            apps: ports.apps.clone(),
            store: ports.store.clone(),
            identities: ports.readers.identities.clone(),
            session_keys: ports.readers.session_keys.clone(),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
        }
    }

    /// Binds the number and returns the member as it is afterwards.
    ///
    /// Fails with [`BindPhoneError::PhoneTaken`] if the number belongs to another member.
    pub async fn run(
        &self,
        caller: &Caller,
        proof: &PhoneProofInput,
    ) -> Result<Member, BindPhoneError> {
        let app = self.apps.select(Some(caller.app.as_str())).ok_or(MemberAccessError::NotFound)?;
        app.ensure_enabled()?;
        let subjects = self.identities.list_identities(caller.member).await?;
        let user = app.subject_in(&subjects).ok_or(MemberAccessError::NotFound)?;
        let phone = match proof {
            PhoneProofInput::Code(code) => app.phone.redeem_phone_code(user, code).await?,
            PhoneProofInput::Encrypted(data) => self.decrypt(&app, user, data).await?,
        };
        let now = self.clock.now();
        retry_on_contention(|| self.try_bind(caller, &phone, now)).await
    }

    async fn decrypt(
        &self,
        app: &App,
        user: &Subject,
        data: &EncryptedData,
    ) -> Result<PhoneNumber, BindPhoneError> {
        let keys = app.session_keys.as_ref().ok_or(BindPhoneError::Undecipherable)?;
        let key = keys.load(self.session_keys.as_ref(), user).await?;
        let phone = key.and_then(|key| keys.operations.decrypt_phone(&key, data));
        phone.ok_or(BindPhoneError::Undecipherable)
    }

    async fn try_bind(
        &self,
        caller: &Caller,
        phone: &PhoneNumber,
        now: Timestamp,
    ) -> Result<Member, BindPhoneError> {
        let work = self.store.begin().await?;
        let found = work.members().find(caller.member).await?;
        let mut member = found.ok_or(MemberAccessError::NotFound)?;
        member.ensure_active().map_err(MemberAccessError::from)?;
        if !member.bind_phone(phone.clone(), now) {
            work.commit().await?;
            return Ok(member);
        }
        work.members().update(&member).await.map_err(|error| match error {
            UpdateError::Taken => BindPhoneError::PhoneTaken,
            UpdateError::Stale | UpdateError::Store(_) => StoreError::from(error).into(),
        })?;
        let event = self.events.audit_event(AuditKind::PhoneChanged, now).with_member(member.id);
        work.audit().record(&event.in_session(caller.session)).await?;
        let event = self.events.domain_event(EventKind::PhoneBound, member.id, now);
        work.outbox().add(&event).await?;
        work.commit().await?;
        Ok(member)
    }
}
