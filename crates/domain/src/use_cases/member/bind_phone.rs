//! Bind the phone number that the provider vouches for to the member who asks for it.

use std::sync::Arc;

use crate::model::audit::AuditKind;
use crate::model::event::EventKind;
use crate::model::identity::Subject;
use crate::model::member::phone::PhoneNumber;
use crate::model::member::{Banned, Member};
use crate::model::provider::session_key::EncryptedData;
use crate::model::secret::PhoneCode;
use crate::model::session::claims::Caller;
use crate::ports::app::{App, AppDisabled};
use crate::ports::provider::ProviderError;
use crate::ports::store::Store;
use crate::ports::store::error::{StoreError, UpdateError};
use crate::ports::store::identities::IdentityReader;
use crate::ports::store::session_keys::SessionKeyReader;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use case.
pub struct BindPhone {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
    /// Where members are kept.
    pub store: Arc<dyn Store>,
    /// Identities.
    pub identities: Arc<dyn IdentityReader>,
    /// Stored session keys.
    pub session_keys: Arc<dyn SessionKeyReader>,
    /// What makes events.
    pub events: EventFactory,
}

/// What a client shows for a number to be the caller's.
pub enum PhoneProofInput {
    /// A code that the provider gives the number for.
    Code(PhoneCode),
    /// The number itself, as the provider encrypted it before there were codes.
    Encrypted(EncryptedData),
}

/// Why a number was not bound.
#[derive(Debug, thiserror::Error)]
pub enum BindPhoneError {
    /// The token is good, but its member is no more, or no more known in its app.
    #[error("the member is no more known in the app")]
    NotFound,
    /// The phone code led to no number.
    #[error("the phone code was not redeemed")]
    Provider(#[from] ProviderError),
    /// The encrypted data led to no number, for whatever reason.
    #[error("the encrypted data give no phone number")]
    Undecipherable,
    /// The number is another member's.
    #[error("the phone number belongs to another member")]
    PhoneTaken,
    /// Nobody may log in to the app, nor prove a number by it.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
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
        }
    }

    /// Binds the number to the caller's own member, and tells what the member is then. A number of
    /// another member stays theirs.
    pub async fn run(
        &self,
        caller: &Caller,
        evidence: &PhoneProofInput,
    ) -> Result<Member, BindPhoneError> {
        let app = self.apps.select(Some(caller.app.as_str())).ok_or(BindPhoneError::NotFound)?;
        app.ensure_enabled()?;
        let subjects = self.identities.list_identities(caller.member).await?;
        let user = app.subject_in(&subjects).ok_or(BindPhoneError::NotFound)?;
        let phone = match evidence {
            PhoneProofInput::Code(code) => app.phone.redeem_phone_code(user, code).await?,
            PhoneProofInput::Encrypted(data) => self.decrypt(&app, user, data).await?,
        };
        retry_on_contention(|| self.bind(caller, &phone)).await
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

    async fn bind(&self, caller: &Caller, phone: &PhoneNumber) -> Result<Member, BindPhoneError> {
        let work = self.store.begin().await?;
        let now = self.events.clock.now();
        let found = work.members().find(caller.member).await?;
        let mut member = found.ok_or(BindPhoneError::NotFound)?;
        member.ensure_active()?;
        if !member.bind_phone(phone.clone(), now) {
            work.commit().await?;
            return Ok(member);
        }
        work.members().update(&member).await.map_err(|error| match error {
            UpdateError::Taken => BindPhoneError::PhoneTaken,
            UpdateError::Stale | UpdateError::Store(_) => StoreError::from(error).into(),
        })?;
        let event = self.events.event(AuditKind::PhoneChanged).with_member(member.id);
        work.audit().record(&event.in_session(caller.session)).await?;
        let event = self.events.domain_event(EventKind::PhoneBound, member.id);
        work.outbox().add(&event).await?;
        work.commit().await?;
        Ok(member)
    }
}
