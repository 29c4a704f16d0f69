//! Routes for signing in, invitations and passwords of administrators.

use std::sync::Arc;

use domain::model::admin::{AdminName, AdminPassword, AdminPrincipal};
use domain::model::secret::InvitationCode;
use domain::ports::store::error::StoreError;
use domain::use_cases::admin::authenticate::AuthenticateAdmin;
use domain::use_cases::admin::manage_admins::{ManageAdmins, ManageAdminsError};
use domain::use_cases::admin::sign_in::{SignIn, SignInError, SignedIn};
use salvo::craft::craft;
use salvo::http::header::{HeaderValue, SET_COOKIE};
use salvo::oapi::BasicType;
use salvo::oapi::{Components, EndpointOutRegister, Header, Object, Operation, RefOr, ToSchema};
use salvo::{Depot, Request, Response, Writer, async_trait};
use serde::Serialize;

use crate::auth::admin_cookie::{delete_cookie, set_cookie};
use crate::auth::authenticated::Authenticated;
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::admin::{
    ADMIN_NAME, CURRENT_PASSWORD, INVITATION, NEW_PASSWORD, PASSWORD,
};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::session::EmptyResponse;

/// Handlers for administrators' sessions.
#[derive(Clone)]
pub struct AdminSessionApi {
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) authenticate: Arc<AuthenticateAdmin>,
    pub(crate) manage_admins: Arc<ManageAdmins>,
}

#[expect(clippy::unused_async, reason = "handlers are async, and one of these awaits nothing")]
#[craft]
impl AdminSessionApi {
    /// Sign in
    ///
    /// Sets the session cookie, which scripts cannot read. Requests of the signed-in administrator need the
    /// cookie and the header `X-Requested-With` with any value.
    #[craft(endpoint(operation_id = "adminSignIn", tags("administrators")))]
    pub(crate) async fn sign_in(
        &self,
        body: JsonBody<Credentials>,
    ) -> Result<WithCookie<AdministratorData>, ErrorResponse<SignInError>> {
        let Credentials { name, password } = body.0;
        let sign_in = self.sign_in.clone();
        let work = async move { sign_in.run(&name, &password).await };
        let SignedIn { administrator, token } = run_detached(work).await?;
        Ok(WithCookie { cookie: set_cookie(&token), data: administrator.into() })
    }

    /// Get the current administrator
    #[craft(endpoint(operation_id = "getAdminSession", tags("administrators")))]
    pub(crate) fn get(
        &self,
        administrator: Authenticated<AdminPrincipal>,
    ) -> Envelope<AdministratorData> {
        Envelope(administrator.0.into())
    }

    /// Sign out
    #[craft(endpoint(operation_id = "adminSignOut", tags("administrators")))]
    pub(crate) async fn sign_out(
        &self,
        administrator: Authenticated<AdminPrincipal>,
    ) -> Result<WithCookie<EmptyResponse>, ErrorResponse<StoreError>> {
        let authenticate = self.authenticate.clone();
        run_detached(async move { authenticate.sign_out(&administrator.0).await }).await?;
        Ok(WithCookie { cookie: delete_cookie(), data: EmptyResponse {} })
    }

    /// Accept an invitation
    ///
    /// Sets the password of the invited account. The code is valid once.
    #[craft(endpoint(operation_id = "adminAcceptInvitation", tags("administrators")))]
    pub(crate) async fn accept_invitation(
        &self,
        body: JsonBody<Acceptance>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<ManageAdminsError>> {
        let Acceptance { name, code, password } = body.0;
        let manage_admins = self.manage_admins.clone();
        run_detached(async move { manage_admins.accept(&name, &code, &password).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Change my password
    ///
    /// Ends all sessions of the administrator, including this one.
    #[craft(endpoint(operation_id = "adminChangePassword", tags("administrators")))]
    pub(crate) async fn change_password(
        &self,
        administrator: Authenticated<AdminPrincipal>,
        body: JsonBody<PasswordChange>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<ManageAdminsError>> {
        let PasswordChange { current, new } = body.0;
        let manage_admins = self.manage_admins.clone();
        let work =
            async move { manage_admins.change_password(&administrator.0, &current, &new).await };
        run_detached(work).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

/// Name and password of an administrator.
pub(crate) struct Credentials {
    name: AdminName,
    password: AdminPassword,
}

impl FromForm for Credentials {
    const NAME: &'static str = "AdminCredentials";
    const DESCRIPTION: &'static str = "Name and password of an administrator.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let name = form.required(&ADMIN_NAME);
        let password = form.required(&PASSWORD);
        Some(Self { name: name?, password: password? })
    }
}

/// Acceptance of an invitation.
pub(crate) struct Acceptance {
    name: AdminName,
    code: InvitationCode,
    password: AdminPassword,
}

impl FromForm for Acceptance {
    const NAME: &'static str = "InvitationAcceptance";
    const DESCRIPTION: &'static str = "Invitation code, and the chosen password.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let name = form.required(&ADMIN_NAME);
        let code = form.required(&INVITATION);
        let password = form.required(&NEW_PASSWORD);
        Some(Self { name: name?, code: code?, password: password? })
    }
}

/// Change of a password.
pub(crate) struct PasswordChange {
    current: AdminPassword,
    new: AdminPassword,
}

impl FromForm for PasswordChange {
    const NAME: &'static str = "AdminPasswordChange";
    const DESCRIPTION: &'static str = "Current password and new password.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let current = form.required(&CURRENT_PASSWORD);
        let new = form.required(&NEW_PASSWORD);
        Some(Self { current: current?, new: new? })
    }
}

/// Signed-in administrator.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AdministratorData"))]
pub(crate) struct AdministratorData {
    /// Permanent id of the administrator.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    admin_id: String,
    /// Name for signing in.
    #[salvo(schema(example = "ann@example.com"))]
    name: String,
    /// `viewer`, `operator` or `admin`.
    #[salvo(schema(example = "operator"))]
    role: &'static str,
    /// Time at which the session ends if it is not used, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:30:00Z"))]
    expires_at: String,
}

impl From<AdminPrincipal> for AdministratorData {
    fn from(administrator: AdminPrincipal) -> Self {
        Self {
            admin_id: administrator.id.0.to_string(),
            name: administrator.name.as_str().to_owned(),
            role: administrator.role.name(),
            expires_at: rfc3339::seconds(administrator.expires_at),
        }
    }
}

/// Response that sets or deletes the session cookie.
pub(crate) struct WithCookie<T> {
    cookie: Option<HeaderValue>,
    data: T,
}

#[async_trait]
impl<T: Serialize + Send> Writer for WithCookie<T> {
    async fn write(self, req: &mut Request, depot: &mut Depot, res: &mut Response) {
        res.headers_mut().extend(self.cookie.map(|cookie| (SET_COOKIE, cookie)));
        Envelope(self.data).write(req, depot, res).await;
    }
}

impl<T: ToSchema> EndpointOutRegister for WithCookie<T> {
    fn register(components: &mut Components, operation: &mut Operation) {
        Envelope::<T>::register(components, operation);
        if let Some(RefOr::Type(response)) = operation.responses.get_mut("200") {
            let cookie = Header::new(Object::with_type(BasicType::String));
            let cookie = cookie.description("The session cookie, or its deletion.").required(true);
            response.headers.insert("set-cookie".to_owned(), cookie);
        }
    }
}
