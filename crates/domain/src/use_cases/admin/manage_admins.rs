//! Administrator accounts: invitation, change, password.

use std::sync::Arc;

use crate::model::admin::{
    Admin, AdminId, AdminName, AdminPassword, AdminPrincipal, NotInvited, PasswordHash, Role,
    RoleRequired,
};
use crate::model::audit::refusals::RefusalCounts;
use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::clock::Clock;
use crate::model::fingerprint::{Fingerprint, TransientFingerprints};
use crate::model::random::Random;
use crate::model::rate_limit::{LimitKey, RateLimited};
use crate::model::secret::InvitationCode;
use crate::model::timestamp::Timestamp;
use crate::ports::passwords::{HashError, PasswordHasher};
use crate::ports::store::admins::AdminReader;
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::admin::authorize::{authorize, authorize_change_of};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::rate_limits::RateLimits;
use crate::use_cases::retry::retry_on_contention;

/// Manages administrator accounts.
pub struct ManageAdmins {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Administrators.
    pub admins: Arc<dyn AdminReader>,
    /// Hasher of passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Fingerprints of invitation codes.
    pub fingerprints: Arc<dyn TransientFingerprints>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness of ids and invitation codes.
    pub random: Arc<dyn Random>,
    /// Refusals that are not in the audit log yet.
    pub refusals: Arc<RefusalCounts>,
    /// Rate limit of passwords and invitation codes per account.
    pub limits: Arc<RateLimits>,
}

/// Result of an invitation.
#[derive(Debug)]
pub struct Invited {
    /// Account of the invited administrator.
    pub admin: Admin,
    /// Code with which they set their password. It is shown only once.
    pub code: InvitationCode,
}

/// Change of an account; `None` leaves a value unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdminChange {
    /// New role.
    pub role: Option<Role>,
    /// New status; a deactivated administrator cannot sign in.
    pub active: Option<bool>,
}

/// Reason why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ManageAdminsError {
    /// The administrator lacks the role.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// An administrator cannot change their own account, so that at least one always remains.
    #[error("an administrator cannot change their own account")]
    SelfModification,
    /// The account does not exist.
    #[error("the administrator does not exist")]
    NotFound,
    /// The invitation code is wrong, used or expired.
    #[error(transparent)]
    NotInvited(#[from] NotInvited),
    /// The current password is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The account exceeds the rate limit of passwords and invitation codes.
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ManageAdmins {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            admins: ports.readers.admins.clone(),
            passwords: ports.password_hasher.clone(),
            fingerprints: ports.fingerprints.clone(),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
            random: ports.random.clone(),
            refusals: ports.refusals.clone(),
            limits: ports.rate_limits.clone(),
        }
    }

    /// Returns all accounts.
    pub async fn list(&self, actor: &AdminPrincipal) -> Result<Vec<Admin>, ManageAdminsError> {
        actor.require_role(Role::Admin)?;
        Ok(self.admins.admins().await?)
    }

    /// Invites an administrator. `actor` is `None` on the command line.
    ///
    /// A new name gets an account. An existing account gets the role, is activated, and can set another
    /// password.
    pub async fn invite(
        &self,
        actor: Option<&AdminPrincipal>,
        name: &AdminName,
        role: Role,
    ) -> Result<Invited, ManageAdminsError> {
        if let Some(actor) = actor {
            actor.require_role(Role::Admin)?;
        }
        let code = InvitationCode::generate(self.random.as_ref());
        let now = self.clock.now();
        let admin = retry_on_contention(|| self.try_invite(actor, name, role, &code, now)).await?;
        Ok(Invited { admin, code })
    }

    async fn try_invite(
        &self,
        actor: Option<&AdminPrincipal>,
        name: &AdminName,
        role: Role,
        code: &InvitationCode,
        now: Timestamp,
    ) -> Result<Admin, ManageAdminsError> {
        let work = self.store.begin().await?;
        let mut known = work.admins().find_by_name(name).await?;
        if let Some(actor) = actor {
            match &known {
                Some(other) => {
                    ensure_other(actor, other.id)?;
                    let work = work.as_ref();
                    known = authorize_change_of::<ManageAdminsError>(
                        work,
                        actor,
                        Role::Admin,
                        other.id,
                    )
                    .await?;
                }
                None => authorize::<ManageAdminsError>(work.as_ref(), actor, Role::Admin).await?,
            }
        }
        let is_new = known.is_none();
        let mut admin =
            known.unwrap_or_else(|| Admin::new(name.clone(), role, now, self.random.as_ref()));
        admin.role = role;
        admin.active = true;
        admin.invite(self.fingerprint(name, code), now);
        if is_new {
            work.admins().add(&admin).await.map_err(StoreError::from)?;
        } else {
            work.admins().update(&admin).await.map_err(StoreError::from)?;
        }
        let event = self.audit_event(AuditKind::AdminInvited, &admin, now);
        let event = event.with_actor(actor.map(|actor| actor.id)).with_detail(role.name());
        work.audit().record(&event).await?;
        work.commit().await?;
        Ok(admin)
    }

    /// Changes an account. Deactivation ends all of its sessions.
    pub async fn change(
        &self,
        actor: &AdminPrincipal,
        id: AdminId,
        change: AdminChange,
    ) -> Result<Admin, ManageAdminsError> {
        actor.require_role(Role::Admin)?;
        let now = self.clock.now();
        retry_on_contention(|| self.try_change(actor, id, change, now)).await
    }

    async fn try_change(
        &self,
        actor: &AdminPrincipal,
        id: AdminId,
        change: AdminChange,
        now: Timestamp,
    ) -> Result<Admin, ManageAdminsError> {
        let work = self.store.begin().await?;
        ensure_other(actor, id)?;
        let found =
            authorize_change_of::<ManageAdminsError>(work.as_ref(), actor, Role::Admin, id).await?;
        let mut admin = found.ok_or(ManageAdminsError::NotFound)?;
        admin.role = change.role.unwrap_or(admin.role);
        admin.active = change.active.unwrap_or(admin.active);
        work.admins().update(&admin).await.map_err(StoreError::from)?;
        if !admin.active {
            work.admins().end_all_sessions(id).await?;
        }
        let detail = if admin.active { admin.role.name() } else { "deactivated" };
        let event = self.audit_event(AuditKind::AdminChanged, &admin, now);
        work.audit().record(&event.with_actor(Some(actor.id)).with_detail(detail)).await?;
        work.commit().await?;
        Ok(admin)
    }

    /// Sets the password of an invited administrator and ends all of their sessions.
    pub async fn accept(
        &self,
        name: &AdminName,
        code: &InvitationCode,
        password: &AdminPassword,
    ) -> Result<(), ManageAdminsError> {
        self.limits.check(LimitKey::AdminAccount(name.clone())).await?;
        let code = self.fingerprint(name, code);
        let now = self.clock.now();
        let found = self.admins.find_admin(name).await?;
        // Checked before hashing, which takes time and memory by design.
        let invitation = found.and_then(|admin| admin.invitation);
        if invitation.is_none_or(|invitation| invitation.code != code) {
            // Counted for unknown names and known ones, so that the time does not reveal which exist.
            self.refusals.count(AuditKind::AdminRefused, "wrong_code", None, now);
            return Err(NotInvited.into());
        }
        let hash = self.passwords.hash(password).await?;
        retry_on_contention(|| self.try_accept(name, &code, &hash, now)).await
    }

    async fn try_accept(
        &self,
        name: &AdminName,
        code: &Fingerprint,
        hash: &PasswordHash,
        now: Timestamp,
    ) -> Result<(), ManageAdminsError> {
        let work = self.store.begin().await?;
        let mut admin = work.admins().find_by_name(name).await?.ok_or(NotInvited)?;
        admin.accept(code, hash.clone(), now)?;
        self.store_password(work, &admin, now).await
    }

    /// Changes the administrator's own password and ends all of their sessions.
    pub async fn change_password(
        &self,
        administrator: &AdminPrincipal,
        current: &AdminPassword,
        new: &AdminPassword,
    ) -> Result<(), ManageAdminsError> {
        self.limits.check(LimitKey::AdminAccount(administrator.name.clone())).await?;
        let found = self.admins.find_admin(&administrator.name).await?;
        let current_hash = found.and_then(|admin| admin.password);
        let current_hash = current_hash.ok_or(ManageAdminsError::WrongPassword)?;
        let now = self.clock.now();
        if !self.passwords.verify(current, &current_hash).await? {
            self.record_wrong_password(administrator.id, now).await?;
            return Err(ManageAdminsError::WrongPassword);
        }
        let new_hash = self.passwords.hash(new).await?;
        retry_on_contention(|| {
            self.try_change_password(administrator.id, &current_hash, &new_hash, now)
        })
        .await
    }

    async fn try_change_password(
        &self,
        id: AdminId,
        current: &PasswordHash,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Result<(), ManageAdminsError> {
        let work = self.store.begin().await?;
        let found = work.admins().find_for_update(id).await?;
        let mut admin = found.ok_or(ManageAdminsError::NotFound)?;
        admin.ensure_role(Role::Viewer)?;
        if admin.password.as_ref() != Some(current) {
            return Err(ManageAdminsError::WrongPassword);
        }
        admin.password = Some(new.clone());
        self.store_password(work, &admin, now).await
    }

    async fn store_password(
        &self,
        work: Box<dyn UnitOfWork>,
        admin: &Admin,
        now: Timestamp,
    ) -> Result<(), ManageAdminsError> {
        work.admins().update(admin).await.map_err(StoreError::from)?;
        work.admins().end_all_sessions(admin.id).await?;
        let event = self.audit_event(AuditKind::AdminPasswordSet, admin, now);
        work.audit().record(&event.with_actor(Some(admin.id))).await?;
        Ok(work.commit().await?)
    }

    /// Writes a wrong current password to the audit log.
    async fn record_wrong_password(
        &self,
        admin: AdminId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = self.events.audit_event(AuditKind::AdminRefused, now);
        let event = event.with_detail("wrong_password").with_actor(Some(admin));
        let event = AuditEvent { target_admin: Some(admin), ..event };
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.audit().record(&event).await?;
            work.commit().await
        })
        .await
    }

    fn audit_event(&self, kind: AuditKind, admin: &Admin, now: Timestamp) -> AuditEvent {
        AuditEvent { target_admin: Some(admin.id), ..self.events.audit_event(kind, now) }
    }

    /// Returns the fingerprint of an invitation code. It includes the name, so that the code is valid for
    /// one account only.
    fn fingerprint(&self, name: &AdminName, code: &InvitationCode) -> Fingerprint {
        let parts = [name.as_str().as_bytes(), code.expose().as_bytes()];
        self.fingerprints.fingerprint("admin invitation", &parts)
    }
}

fn ensure_other(actor: &AdminPrincipal, admin: AdminId) -> Result<(), ManageAdminsError> {
    if actor.id == admin {
        return Err(ManageAdminsError::SelfModification);
    }
    Ok(())
}
