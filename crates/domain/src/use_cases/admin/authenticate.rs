//! Decide which administrator calls: the one place where their token is believed or not.

use std::sync::Arc;

use crate::model::admin::{AdminPrincipal, AdminSessionPolicy};
use crate::model::clock::Clock;
use crate::model::fingerprint::Fingerprints;
use crate::ports::store::Store;
use crate::ports::store::admins::AdminReader;
use crate::ports::store::error::StoreError;
use crate::use_cases::admin::sign_in::fingerprint;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;

/// The use cases of an administrator's own session.
pub struct AuthenticateAdmin {
    /// Where sessions are kept.
    pub store: Arc<dyn Store>,
    /// Administrators.
    pub admins: Arc<dyn AdminReader>,
    /// What recognises tokens.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long sessions last.
    pub policy: AdminSessionPolicy,
}

/// Why a caller is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateAdminError {
    /// The token is of no session that lasts, or of somebody who was shut out.
    #[error("nobody is signed in with this token")]
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

    /// Who the token speaks for. What they may do is looked up each time: it changes at once.
    pub async fn run(&self, token: &str) -> Result<AdminPrincipal, AuthenticateAdminError> {
        let token = fingerprint(self.fingerprints.as_ref(), token);
        let now = self.clock.now();
        let found = self.admins.find_admin_session(&token).await?;
        let lasting =
            found.filter(|(session, admin)| admin.active && session.is_alive(&self.policy, now));
        let (mut session, admin) = lasting.ok_or(AuthenticateAdminError::SignedOut)?;
        if session.is_noteworthy(now) {
            let note = || async {
                let work = self.store.begin().await?;
                work.admins().touch_session(&token, now).await?;
                work.commit().await
            };
            retry_on_contention(note).await?;
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

    /// Ends the session the administrator speaks in.
    pub async fn sign_out(&self, administrator: &AdminPrincipal) -> Result<(), StoreError> {
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.admins().end_session(&administrator.session).await?;
            work.commit().await
        })
        .await
    }
}
