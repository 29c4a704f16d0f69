//! Authorization of administrators within the unit of work of their change.

use crate::model::admin::{Admin, AdminId, AdminPrincipal, Role, RoleRequired};
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::StoreError;

/// Locks the acting administrator, and fails unless their account is active and has the role.
///
/// [`AdminPrincipal`] holds the role as of the authentication of the request. The account may have lost it
/// since. The lock orders a concurrent change of the account after this unit of work.
pub(super) async fn authorize<E>(
    work: &dyn UnitOfWork,
    actor: &AdminPrincipal,
    role: Role,
) -> Result<(), E>
where
    E: From<RoleRequired> + From<StoreError>,
{
    let account = work.admins().find_for_update(actor.id).await?;
    Ok(ensure_role(account.as_ref(), role)?)
}

/// Like [`authorize`], for a change of another account: locks that one too, and returns it.
///
/// Locks are taken in the order of the ids. Of two administrators who deactivate each other, the second one
/// therefore waits for the first one, and is not authorized any more.
pub(super) async fn authorize_change_of<E>(
    work: &dyn UnitOfWork,
    actor: &AdminPrincipal,
    role: Role,
    target: AdminId,
) -> Result<Option<Admin>, E>
where
    E: From<RoleRequired> + From<StoreError>,
{
    let admins = work.admins();
    let account;
    let found;
    if actor.id <= target {
        account = admins.find_for_update(actor.id).await?;
        found = admins.find_for_update(target).await?;
    } else {
        found = admins.find_for_update(target).await?;
        account = admins.find_for_update(actor.id).await?;
    }
    ensure_role(account.as_ref(), role)?;
    Ok(found)
}

fn ensure_role(account: Option<&Admin>, role: Role) -> Result<(), RoleRequired> {
    account.ok_or(RoleRequired(role))?.ensure_role(role)
}
