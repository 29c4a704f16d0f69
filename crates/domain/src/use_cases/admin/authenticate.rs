//! Authentication of administrators: the only place that accepts their session tokens.

use std::sync::Arc;

use crate::model::admin::{AdminPrincipal, AdminSessionPolicy};
use crate::model::clock::Clock;
use crate::model::fingerprint::{Fingerprint, TransientFingerprints};
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::admins::AdminReader;
use crate::ports::store::error::StoreError;
use crate::use_cases::admin::sign_in::fingerprint;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;

/// Authenticates administrators by session token, and signs them out.
pub struct AuthenticateAdmin {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Administrators and their sessions.
    pub admins: Arc<dyn AdminReader>,
    /// Fingerprints of session tokens.
    pub fingerprints: Arc<dyn TransientFingerprints>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Lifetime of sessions.
    pub policy: AdminSessionPolicy,
}

/// Reason why a session token is rejected.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateAdminError {
    /// The session has ended or never existed, or the account is deactivated.
    #[error("no administrator is signed in with this token")]
    SignedOut,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthenticateAdmin {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            store: ports.store.clone(),
            admins: ports.readers.admins.clone(),
            fingerprints: ports.fingerprints.clone(),
            clock: ports.clock.clone(),
            policy: policies.admin_sessions,
        }
    }

    /// Returns the administrator of the token. Role and status are read each time, so that changes are
    /// effective at once.
    pub async fn run(&self, token: &str) -> Result<AdminPrincipal, AuthenticateAdminError> {
        let token = fingerprint(self.fingerprints.as_ref(), token);
        let now = self.clock.now();
        let found = self.admins.find_admin_session(&token).await?;
        let (mut session, admin) = found.ok_or(AuthenticateAdminError::SignedOut)?;
        if !admin.active || !session.is_alive(&self.policy, now) {
            return Err(AuthenticateAdminError::SignedOut);
        }
        if session.is_touch_due(now) {
            retry_on_contention(|| self.touch(&token, now)).await?;
            session.used_at = now;
        }
        let expires_at = session.expires_at(&self.policy);
        Ok(AdminPrincipal {
            id: admin.id,
            name: admin.name,
            role: admin.role,
            session: token,
            expires_at,
        })
    }

    async fn touch(&self, token: &Fingerprint, now: Timestamp) -> Result<(), StoreError> {
        let work = self.store.begin().await?;
        work.admins().touch_session(token, now).await?;
        work.commit().await
    }

    /// Ends the session of the token.
    pub async fn sign_out(&self, administrator: &AdminPrincipal) -> Result<(), StoreError> {
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.admins().end_session(&administrator.session).await?;
            work.commit().await
        })
        .await
    }
}
