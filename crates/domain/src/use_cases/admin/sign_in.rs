//! Sign-in of administrators.

use std::sync::Arc;

use crate::model::admin::{
    Admin, AdminName, AdminPassword, AdminPrincipal, AdminSession, AdminSessionPolicy, PasswordHash,
};
use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::clock::Clock;
use crate::model::fingerprint::{Fingerprint, TransientFingerprints};
use crate::model::random::Random;
use crate::model::rate_limit::{LimitKey, RateLimited};
use crate::model::secret::AdminToken;
use crate::model::timestamp::Timestamp;
use crate::ports::passwords::{HashError, PasswordHasher};
use crate::ports::store::admins::AdminReader;
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::rate_limits::RateLimits;
use crate::use_cases::retry::retry_on_contention;

/// Signs administrators in.
pub struct SignIn {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Administrators.
    pub admins: Arc<dyn AdminReader>,
    /// Verifier of passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Fingerprints of session tokens.
    pub fingerprints: Arc<dyn TransientFingerprints>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness of session tokens.
    pub random: Arc<dyn Random>,
    /// Lifetime of sessions.
    pub policy: AdminSessionPolicy,
    /// Rate limit of sign-ins per account.
    pub limits: Arc<RateLimits>,
}

/// Result of a sign-in.
#[derive(Debug)]
pub struct SignedIn {
    /// The administrator.
    pub administrator: AdminPrincipal,
    /// Session token for the browser.
    pub token: AdminToken,
}

/// Reason why an administrator was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The name, the password or the status of the account forbids it. Only the audit log says which.
    #[error("name and password are not an administrator's")]
    Refused,
    /// The account exceeds the rate limit.
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    /// The password could not be verified.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the fingerprint of a session token.
pub(crate) fn fingerprint(fingerprints: &dyn TransientFingerprints, token: &str) -> Fingerprint {
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
            clock: ports.clock.clone(),
            random: ports.random.clone(),
            policy: policies.admin_sessions,
            limits: ports.rate_limits.clone(),
        }
    }

    /// Opens a session.
    ///
    /// An unknown name takes as long as a wrong password, so that the time does not reveal which names
    /// exist.
    pub async fn run(
        &self,
        name: &AdminName,
        password: &AdminPassword,
    ) -> Result<SignedIn, SignInError> {
        self.limits.check(LimitKey::AdminAccount(name.clone())).await?;
        let found = self.admins.find_admin(name).await?;
        let stored = found.as_ref().and_then(|admin| admin.password.clone());
        let hash = stored.clone().unwrap_or_else(|| self.passwords.dummy_hash());
        let is_correct = self.passwords.verify(password, &hash).await? && stored.is_some();
        let verified = stored.filter(|_| is_correct);
        let now = self.clock.now();
        retry_on_contention(|| self.complete(found.as_ref(), verified.as_ref(), now)).await
    }

    /// Opens a session for the account that was found, if its `verified` password is still the current
    /// one.
    async fn complete(
        &self,
        found: Option<&Admin>,
        verified: Option<&PasswordHash>,
        now: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let work = self.store.begin().await?;
        let Some(found) = found else { return self.refuse(work, None, "unknown", now).await };
        // Read again: the account may have been deactivated or got another password in the meantime.
        // Locked, because such a change ends the sessions that are open by then.
        let admin = work.admins().find_for_update(found.id).await?.unwrap_or_else(|| found.clone());
        if verified.is_none() || admin.password.as_ref() != verified {
            return self.refuse(work, Some(&admin), "wrong_password", now).await;
        }
        if !admin.active {
            return self.refuse(work, Some(&admin), "deactivated", now).await;
        }
        self.open_session(work, admin, now).await
    }

    async fn open_session(
        &self,
        work: Box<dyn UnitOfWork>,
        admin: Admin,
        now: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let token = AdminToken::generate(self.random.as_ref());
        let session = AdminSession {
            token: fingerprint(self.fingerprints.as_ref(), token.expose()),
            admin: admin.id,
            created_at: now,
            used_at: now,
        };
        work.admins().add_session(&session).await?;
        let event = self.events.audit_event(AuditKind::AdminSignedIn, now);
        work.audit().record(&event.with_actor(Some(admin.id))).await?;
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
        reason: &str,
        now: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let event = self.events.audit_event(AuditKind::AdminRefused, now).with_detail(reason);
        let event = AuditEvent { target_admin: admin.map(|admin| admin.id), ..event };
        work.audit().record(&event).await?;
        work.commit().await?;
        Err(SignInError::Refused)
    }
}
