//! Routes for managing administrators.

use std::sync::Arc;

use domain::model::admin::{Admin as Account, AdminId, AdminName, Role};
use domain::use_cases::admin::manage_admins::{
    AdminChange, Invited, ManageAdmins, ManageAdminsError,
};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;
use uuid::Uuid;

use crate::auth::role::{Admin, WithRole};
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::admin::{ACTIVE, ADMIN_NAME, ROLE};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;

/// Handlers for administrators' accounts.
#[derive(Clone)]
pub struct AdminAccountsApi {
    pub(crate) manage_admins: Arc<ManageAdmins>,
}

#[craft]
impl AdminAccountsApi {
    /// List administrators
    #[craft(endpoint(operation_id = "listAdmins", tags("administrators")))]
    pub(crate) async fn list(
        &self,
        by: WithRole<Admin>,
    ) -> Result<Envelope<AdminsData>, ErrorResponse<ManageAdminsError>> {
        let admins = self.manage_admins.list(&by.0).await?;
        Ok(Envelope(AdminsData { admins: admins.into_iter().map(AdminData::from).collect() }))
    }

    /// Invite an administrator
    ///
    /// Creates the account, or changes an existing account: it gets this role, is activated, and can choose a
    /// new password. The invitation code is returned only once; pass it on confidentially.
    #[craft(endpoint(operation_id = "inviteAdmin", tags("administrators")))]
    pub(crate) async fn invite(
        &self,
        by: WithRole<Admin>,
        body: JsonBody<InvitationRequest>,
    ) -> Result<Envelope<InvitationData>, ErrorResponse<ManageAdminsError>> {
        let InvitationRequest { name, role } = body.0;
        let manage_admins = self.manage_admins.clone();
        let work = async move { manage_admins.invite(Some(&by.0), &name, role).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Update an administrator
    ///
    /// Changes the role, or deactivates the account. Deactivation ends the administrator's sessions
    /// immediately; a new invitation activates the account again. You cannot change your own account.
    #[craft(endpoint(operation_id = "updateAdmin", tags("administrators")))]
    pub(crate) async fn update(
        &self,
        by: WithRole<Admin>,
        id: Path<Uuid>,
        body: JsonBody<AdminChange>,
    ) -> Result<Envelope<AdminData>, ErrorResponse<ManageAdminsError>> {
        let manage_admins = self.manage_admins.clone();
        let work = async move { manage_admins.change(&by.0, AdminId(id.0), body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }
}

/// Invitation of an administrator.
pub(crate) struct InvitationRequest {
    name: AdminName,
    role: Role,
}

impl FromForm for InvitationRequest {
    const NAME: &'static str = "InvitationRequest";
    const DESCRIPTION: &'static str = "Invitation of an administrator.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let name = form.required(&ADMIN_NAME);
        let role = form.required(&ROLE);
        Some(Self { name: name?, role: role? })
    }
}

impl FromForm for AdminChange {
    const NAME: &'static str = "AdminChange";
    const DESCRIPTION: &'static str =
        "Changes to an administrator; fields that are absent or null stay unchanged.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self { role: form.optional(&ROLE), active: form.optional(&ACTIVE) })
    }
}

/// Administrator's account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AdminData"))]
pub(crate) struct AdminData {
    /// Permanent id of the administrator.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    admin_id: String,
    /// Name for signing in.
    #[salvo(schema(example = "ann@example.com"))]
    name: String,
    /// `viewer`, `operator` or `admin`.
    #[salvo(schema(example = "operator"))]
    role: &'static str,
    /// True if the administrator may sign in.
    active: bool,
    /// Expiry of the open invitation, UTC; null if there is none.
    #[salvo(schema(required = true, format = "date-time", example = "2026-11-21T10:00:00Z"))]
    invited_until: Option<String>,
    /// Time at which the account was created, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    created_at: String,
}

impl From<Account> for AdminData {
    fn from(admin: Account) -> Self {
        Self {
            admin_id: admin.id.0.to_string(),
            name: admin.name.as_str().to_owned(),
            role: admin.role.name(),
            active: admin.active,
            invited_until: admin.invitation.map(|it| rfc3339::seconds(it.expires_at)),
            created_at: rfc3339::seconds(admin.created_at),
        }
    }
}

/// List of all administrators.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "AdminsData"))]
pub(crate) struct AdminsData {
    /// Administrators, the oldest account first.
    admins: Vec<AdminData>,
}

/// Result of an invitation.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "InvitationData"))]
pub(crate) struct InvitationData {
    /// Account of the invited administrator.
    admin: AdminData,
    /// Invitation code for choosing a password; valid once within 24 hours.
    code: String,
}

impl From<Invited> for InvitationData {
    fn from(invited: Invited) -> Self {
        Self { admin: invited.admin.into(), code: invited.code.expose().to_owned() }
    }
}
