//! Sign an administrator in.

use std::sync::Arc;

use crate::model::admin::{
    Admin, AdminName, AdminPassword, AdminPrincipal, AdminSession, AdminSessionPolicy, PasswordHash,
};
use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::fingerprint::Fingerprint;
use crate::model::fingerprint::Fingerprints;
use crate::model::secret::AdminToken;
use crate::ports::passwords::{HashError, PasswordHasher};
use crate::ports::store::admins::AdminReader;
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;

/// The use case.
pub struct SignIn {
    /// Where administrators are kept.
    pub store: Arc<dyn Store>,
    /// Administrators.
    pub admins: Arc<dyn AdminReader>,
    /// What knows passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// What recognises tokens.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// What makes events.
    pub events: EventFactory,
    /// How long sessions last.
    pub policy: AdminSessionPolicy,
}

/// An administrator who is signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who it is.
    pub administrator: AdminPrincipal,
    /// What their browser shows from now on.
    pub token: AdminToken,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name and password are not those of an administrator who may sign in. Which of it is wrong is for
    /// the record only.
    #[error("name and password are not an administrator's")]
    Refused,
    /// The password could not be looked at.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What stands for a session's token.
pub(crate) fn fingerprint(fingerprints: &dyn Fingerprints, token: &str) -> Fingerprint {
    fingerprints.fingerprint("admin session", &[token.as_bytes()])
}

impl SignIn {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            store: ports.store.clone(),
            admins: ports.readers.admins.clone(),
            passwords: ports.password_hasher.clone(),
            fingerprints: ports.fingerprints.clone(),
            events: EventFactory::new(ports),
            policy: policies.admin_sessions,
        }
    }

    /// Opens a session. It takes as long for a name that is nobody's.
    pub async fn run(
        &self,
        name: &AdminName,
        password: &AdminPassword,
    ) -> Result<SignedIn, SignInError> {
        let found = self.admins.find_admin(name).await?;
        let known = found.as_ref().and_then(|admin| admin.password.clone());
        let hash = known.clone().unwrap_or_else(|| self.passwords.dummy_hash());
        let is_right = self.passwords.verify(password, &hash).await? && known.is_some();
        let proven = known.filter(|_| is_right);
        retry_on_contention(|| self.complete(found.as_ref(), proven.as_ref())).await
    }

    /// Opens a session for who was found and has proven this password.
    async fn complete(
        &self,
        found: Option<&Admin>,
        proven: Option<&PasswordHash>,
    ) -> Result<SignedIn, SignInError> {
        let work = self.store.begin().await?;
        let Some(looked_at) = found else { return self.refuse(work, None, "unknown").await };
        // Meanwhile somebody may have shut them out, or they have another password.
        let admin = work.admins().find(looked_at.id).await?;
        let admin = admin.unwrap_or_else(|| looked_at.clone());
        if proven.is_none() || admin.password.as_ref() != proven {
            self.refuse(work, Some(&admin), "wrong_password").await
        } else if admin.active {
            self.open(work, admin).await
        } else {
            self.refuse(work, Some(&admin), "deactivated").await
        }
    }

    async fn open(&self, work: Box<dyn UnitOfWork>, admin: Admin) -> Result<SignedIn, SignInError> {
        let now = self.events.clock.now();
        let token = AdminToken::generate(self.events.random.as_ref());
        let session = AdminSession {
            token: fingerprint(self.fingerprints.as_ref(), token.expose()),
            admin: admin.id,
            created_at: now,
            used_at: now,
        };
        work.admins().add_session(&session).await?;
        let event = self.events.event(AuditKind::AdminSignedIn).with_actor(Some(admin.id));
        work.audit().record(&event).await?;
        work.commit().await?;
        let administrator = AdminPrincipal {
            id: admin.id,
            name: admin.name,
            role: admin.role,
            session: session.token,
            expires_at: session.expires_at(&self.policy),
        };
        Ok(SignedIn { administrator, token })
    }

    async fn refuse(
        &self,
        work: Box<dyn UnitOfWork>,
        admin: Option<&Admin>,
        why: &str,
    ) -> Result<SignedIn, SignInError> {
        let event = self.events.event(AuditKind::AdminRefused).with_detail(why);
        let event = AuditEvent { target_admin: admin.map(|admin| admin.id), ..event };
        work.audit().record(&event).await?;
        work.commit().await?;
        Err(SignInError::Refused)
    }
}
