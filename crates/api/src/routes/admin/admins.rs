//! Who is an administrator.

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

use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::admin::{ACTIVE, ADMIN_NAME, ROLE};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::admin::{Admin, WithRole};

/// Routes about administrators.
#[derive(Clone)]
pub struct AdminAccountsApi {
    pub(crate) manage: Arc<ManageAdmins>,
}

#[craft]
impl AdminAccountsApi {
    /// List the administrators
    #[craft(endpoint(operation_id = "listAdmins", tags("administrators")))]
    pub(crate) async fn list(
        &self,
        by: WithRole<Admin>,
    ) -> Result<Envelope<AdminsData>, ErrorResponse<ManageAdminsError>> {
        let admins = self.manage.list(&by.0).await?;
        Ok(Envelope(AdminsData { admins: admins.into_iter().map(AdminData::from).collect() }))
    }

    /// Invite an administrator
    ///
    /// Who is new gets an account; who is not can choose another password, may sign in again, and has
    /// this role from now on. The code is told this once: hand it on where nobody else sees it.
    #[craft(endpoint(operation_id = "inviteAdmin", tags("administrators")))]
    pub(crate) async fn invite(
        &self,
        by: WithRole<Admin>,
        body: JsonBody<InvitationRequest>,
    ) -> Result<Envelope<InvitationData>, ErrorResponse<ManageAdminsError>> {
        let (manage, InvitationRequest { name, role }) = (self.manage.clone(), body.0);
        let work = async move { manage.invite(Some(&by.0), &name, role).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Change what an administrator may do
    ///
    /// Nobody changes their own account. Who is shut out is signed out at once, and can be invited again.
    #[craft(endpoint(operation_id = "changeAdmin", tags("administrators")))]
    pub(crate) async fn change(
        &self,
        by: WithRole<Admin>,
        id: Path<Uuid>,
        body: JsonBody<AdminChange>,
    ) -> Result<Envelope<AdminData>, ErrorResponse<ManageAdminsError>> {
        let manage = self.manage.clone();
        let work = async move { manage.change(&by.0, AdminId(id.0), body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }
}

/// Somebody to be invited.
pub(crate) struct InvitationRequest {
    name: AdminName,
    role: Role,
}

impl FromForm for InvitationRequest {
    const NAME: &'static str = "InvitationRequest";
    const DESCRIPTION: &'static str = "Somebody to be an administrator.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (name, role) = (form.required(&ADMIN_NAME), form.required(&ROLE));
        Some(Self { name: name?, role: role? })
    }
}

impl FromForm for AdminChange {
    const NAME: &'static str = "AdminChange";
    const DESCRIPTION: &'static str =
        "What changes of an administrator; what is absent or null stays as it is.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        Some(Self { role: form.optional(&ROLE), active: form.optional(&ACTIVE) })
    }
}

/// An administrator.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AdminData"))]
pub(crate) struct AdminData {
    /// The administrator's lasting id.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    admin_id: String,
    /// What they sign in with.
    #[salvo(schema(example = "ann@example.com"))]
    name: String,
    /// What they may do.
    #[salvo(schema(example = "operator"))]
    role: &'static str,
    /// Whether they may sign in.
    active: bool,
    /// Until when they can accept their invitation, UTC; null when there is none.
    #[salvo(schema(required = true, format = "date-time", example = "2026-11-21T10:00:00Z"))]
    invited_until: Option<String>,
    /// When the account was made, UTC.
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

/// All administrators.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "AdminsData"))]
pub(crate) struct AdminsData {
    /// Each of them, in the order in which their accounts were made.
    admins: Vec<AdminData>,
}

/// Somebody who was invited.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "InvitationData"))]
pub(crate) struct InvitationData {
    /// Their account.
    admin: AdminData,
    /// What they choose their password with, once and within a day.
    code: String,
}

impl From<Invited> for InvitationData {
    fn from(invited: Invited) -> Self {
        Self { admin: invited.admin.into(), code: invited.code.expose().to_owned() }
    }
}
