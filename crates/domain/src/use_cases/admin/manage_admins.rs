//! Decide who is an administrator, and let them choose their passwords.

use std::sync::Arc;

use crate::model::admin::{
    Admin, AdminId, AdminName, AdminPassword, AdminPrincipal, NotInvited, Role, RoleRequired,
};
use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::fingerprint::Fingerprint;
use crate::model::fingerprint::Fingerprints;
use crate::model::secret::InvitationCode;
use crate::ports::passwords::{HashError, PasswordHasher};
use crate::ports::store::admins::AdminReader;
use crate::ports::store::error::StoreError;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use cases.
pub struct ManageAdmins {
    /// Where administrators are kept.
    pub store: Arc<dyn Store>,
    /// Administrators.
    pub admins: Arc<dyn AdminReader>,
    /// What hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// What recognises invitations.
    pub fingerprints: Arc<dyn Fingerprints>,
    /// What makes events.
    pub events: EventFactory,
}

/// Somebody who was invited.
#[derive(Debug)]
pub struct Invited {
    /// Their account.
    pub admin: Admin,
    /// What they choose their password with: for them alone, and told this once.
    pub code: InvitationCode,
}

/// What changes of an account; `None` leaves a thing as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdminChange {
    /// What they may do from now on.
    pub role: Option<Role>,
    /// Whether they may sign in from now on.
    pub active: Option<bool>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ManageAdminsError {
    /// The administrator may not do this.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// Nobody decides about their own account: so there is always one left who decides about others.
    #[error("an administrator cannot change their own account")]
    SelfModification,
    /// There is no such administrator.
    #[error("there is no such administrator")]
    NotFound,
    /// The invitation is not good.
    #[error(transparent)]
    NotInvited(#[from] NotInvited),
    /// The password shown is not theirs.
    #[error("the current password is another one")]
    WrongPassword,
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
        }
    }

    /// All accounts.
    pub async fn list(&self, by: &AdminPrincipal) -> Result<Vec<Admin>, ManageAdminsError> {
        by.require_role(Role::Admin)?;
        Ok(self.admins.admins().await?)
    }

    /// Invites somebody: who is new gets an account, who is not can choose another password and may
    /// sign in again, in this role from now on. `by` is `None` for an operator at the command line.
    pub async fn invite(
        &self,
        by: Option<&AdminPrincipal>,
        name: &AdminName,
        role: Role,
    ) -> Result<Invited, ManageAdminsError> {
        if let Some(by) = by {
            by.require_role(Role::Admin)?;
        }
        let code = InvitationCode::generate(self.events.random.as_ref());
        let admin = retry_on_contention(|| self.try_to_invite(by, name, role, &code)).await?;
        Ok(Invited { admin, code })
    }

    async fn try_to_invite(
        &self,
        by: Option<&AdminPrincipal>,
        name: &AdminName,
        role: Role,
        code: &InvitationCode,
    ) -> Result<Admin, ManageAdminsError> {
        let now = self.events.clock.now();
        let random = self.events.random.as_ref();
        let work = self.store.begin().await?;
        let known = work.admins().find_named(name).await?;
        ensure_other(by, known.as_ref())?;
        let is_new = known.is_none();
        let mut admin = known.unwrap_or_else(|| Admin::new(name.clone(), role, now, random));
        (admin.role, admin.active) = (role, true);
        admin.invite(self.fingerprint(name, code), now);
        if is_new {
            work.admins().add(&admin).await.map_err(StoreError::from)?;
        } else {
            work.admins().update(&admin).await.map_err(StoreError::from)?;
        }
        let event = self.event(AuditKind::AdminInvited, &admin).with_actor(by.map(|by| by.id));
        work.audit().record(&event.with_detail(role.name())).await?;
        work.commit().await?;
        Ok(admin)
    }

    /// Changes what somebody may do. Who is shut out is signed out everywhere.
    pub async fn change(
        &self,
        by: &AdminPrincipal,
        id: AdminId,
        change: AdminChange,
    ) -> Result<Admin, ManageAdminsError> {
        by.require_role(Role::Admin)?;
        retry_on_contention(|| self.try_change(by, id, change)).await
    }

    async fn try_change(
        &self,
        by: &AdminPrincipal,
        id: AdminId,
        change: AdminChange,
    ) -> Result<Admin, ManageAdminsError> {
        let work = self.store.begin().await?;
        let mut admin = work.admins().find(id).await?.ok_or(ManageAdminsError::NotFound)?;
        ensure_other(Some(by), Some(&admin))?;
        admin.role = change.role.unwrap_or(admin.role);
        admin.active = change.active.unwrap_or(admin.active);
        work.admins().update(&admin).await.map_err(StoreError::from)?;
        if !admin.active {
            work.admins().end_all_sessions(id).await?;
        }
        let what = if admin.active { admin.role.name() } else { "deactivated" };
        let event = self.event(AuditKind::AdminChanged, &admin).with_actor(Some(by.id));
        work.audit().record(&event.with_detail(what)).await?;
        work.commit().await?;
        Ok(admin)
    }

    /// Takes the password of somebody who was invited, and signs them out wherever they were signed in.
    pub async fn accept(
        &self,
        name: &AdminName,
        code: &InvitationCode,
        password: &AdminPassword,
    ) -> Result<(), ManageAdminsError> {
        let code = self.fingerprint(name, code);
        let now = self.events.clock.now();
        let invited = self.admins.find_admin(name).await?;
        let invitation = invited.and_then(|admin| admin.invitation);
        // Before the hash, which takes time and memory on purpose.
        invitation.filter(|invitation| invitation.code == code).ok_or(NotInvited)?;
        let hash = self.passwords.hash(password).await?;
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            let mut admin = work.admins().find_named(name).await?.ok_or(NotInvited)?;
            admin.accept(&code, hash.clone(), now)?;
            self.write_password(work, &admin).await
        })
        .await
    }

    /// Takes another password of somebody who shows the present one, and signs them out wherever they
    /// are signed in.
    pub async fn change_password(
        &self,
        administrator: &AdminPrincipal,
        current: &AdminPassword,
        new: &AdminPassword,
    ) -> Result<(), ManageAdminsError> {
        let found = self.admins.find_admin(&administrator.name).await?;
        let present = found.and_then(|admin| admin.password);
        let present = present.ok_or(ManageAdminsError::WrongPassword)?;
        if !self.passwords.verify(current, &present).await? {
            return Err(ManageAdminsError::WrongPassword);
        }
        let hash = self.passwords.hash(new).await?;
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            let found = work.admins().find(administrator.id).await?;
            let mut admin = found.ok_or(ManageAdminsError::NotFound)?;
            if admin.password.as_ref() != Some(&present) {
                return Err(ManageAdminsError::WrongPassword);
            }
            admin.password = Some(hash.clone());
            self.write_password(work, &admin).await
        })
        .await
    }

    /// Writes an account with its new password.
    async fn write_password(
        &self,
        work: Box<dyn UnitOfWork>,
        admin: &Admin,
    ) -> Result<(), ManageAdminsError> {
        work.admins().update(admin).await.map_err(StoreError::from)?;
        work.admins().end_all_sessions(admin.id).await?;
        let event = self.event(AuditKind::AdminPasswordSet, admin).with_actor(Some(admin.id));
        work.audit().record(&event).await?;
        Ok(work.commit().await?)
    }

    fn event(&self, kind: AuditKind, admin: &Admin) -> AuditEvent {
        AuditEvent { target_admin: Some(admin.id), ..self.events.event(kind) }
    }

    /// A code is good for one name.
    fn fingerprint(&self, name: &AdminName, code: &InvitationCode) -> Fingerprint {
        let parts = [name.as_str().as_bytes(), code.expose().as_bytes()];
        self.fingerprints.fingerprint("admin invitation", &parts)
    }
}

fn ensure_other(
    by: Option<&AdminPrincipal>,
    admin: Option<&Admin>,
) -> Result<(), ManageAdminsError> {
    match (by, admin) {
        (Some(by), Some(admin)) if by.id == admin.id => Err(ManageAdminsError::SelfModification),
        (Some(_) | None, _) => Ok(()),
    }
}
