//! Administrators and their sign-ins.

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

use crate::auth::Authenticated;
use crate::auth::admin_cookie::{forget, keep};
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

/// Routes for administrators who come and go.
#[derive(Clone)]
pub struct AdminSessionApi {
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) authenticate: Arc<AuthenticateAdmin>,
    pub(crate) manage: Arc<ManageAdmins>,
}

#[expect(clippy::unused_async, reason = "a handler is async, even one that only says who calls")]
#[craft]
impl AdminSessionApi {
    /// Sign in
    ///
    /// Answers with a cookie that no script can read. Every other request of an administrator's carries
    /// it, and the header `X-Requested-With` with any value.
    #[craft(endpoint(operation_id = "adminSignIn", tags("administrators")))]
    pub(crate) async fn sign_in(
        &self,
        body: JsonBody<Credentials>,
    ) -> Result<WithCookie<AdministratorData>, ErrorResponse<SignInError>> {
        let (sign_in, Credentials { name, password }) = (self.sign_in.clone(), body.0);
        let work = async move { sign_in.run(&name, &password).await };
        let SignedIn { administrator, token } = run_detached(work).await?;
        Ok(WithCookie { cookie: keep(&token), data: administrator.into() })
    }

    /// Tell who I am
    #[craft(endpoint(operation_id = "adminSession", tags("administrators")))]
    pub(crate) fn who(
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
        Ok(WithCookie { cookie: forget(), data: EmptyResponse {} })
    }

    /// Accept an invitation
    ///
    /// Chooses the password of the account somebody was invited to. The code is good for one.
    #[craft(endpoint(operation_id = "adminAcceptInvitation", tags("administrators")))]
    pub(crate) async fn accept(
        &self,
        body: JsonBody<Acceptance>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<ManageAdminsError>> {
        let (manage, Acceptance { name, code, password }) = (self.manage.clone(), body.0);
        run_detached(async move { manage.accept(&name, &code, &password).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }

    /// Change my password
    ///
    /// Signs the administrator out everywhere, here too.
    #[craft(endpoint(operation_id = "adminChangePassword", tags("administrators")))]
    pub(crate) async fn change_password(
        &self,
        administrator: Authenticated<AdminPrincipal>,
        body: JsonBody<PasswordChange>,
    ) -> Result<Envelope<EmptyResponse>, ErrorResponse<ManageAdminsError>> {
        let (manage, PasswordChange { current, new }) = (self.manage.clone(), body.0);
        let work = async move { manage.change_password(&administrator.0, &current, &new).await };
        run_detached(work).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

/// Name and password.
pub(crate) struct Credentials {
    name: AdminName,
    password: AdminPassword,
}

impl FromForm for Credentials {
    const NAME: &'static str = "AdminCredentials";
    const DESCRIPTION: &'static str = "What an administrator signs in with.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (name, password) = (form.required(&ADMIN_NAME), form.required(&PASSWORD));
        Some(Self { name: name?, password: password? })
    }
}

/// The password of somebody who was invited.
pub(crate) struct Acceptance {
    name: AdminName,
    code: InvitationCode,
    password: AdminPassword,
}

impl FromForm for Acceptance {
    const NAME: &'static str = "AdminAcceptance";
    const DESCRIPTION: &'static str = "An invitation, and the password of whoever accepts it.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (name, code) = (form.required(&ADMIN_NAME), form.required(&INVITATION));
        let password = form.required(&NEW_PASSWORD);
        Some(Self { name: name?, code: code?, password: password? })
    }
}

/// Another password.
pub(crate) struct PasswordChange {
    current: AdminPassword,
    new: AdminPassword,
}

impl FromForm for PasswordChange {
    const NAME: &'static str = "AdminPasswordChange";
    const DESCRIPTION: &'static str = "The present password, and the one from now on.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (current, new) = (form.required(&CURRENT_PASSWORD), form.required(&NEW_PASSWORD));
        Some(Self { current: current?, new: new? })
    }
}

/// An administrator who is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AdministratorData"))]
pub(crate) struct AdministratorData {
    /// The administrator's lasting id.
    #[salvo(schema(format = "uuid", example = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f"))]
    admin_id: String,
    /// What they sign in with.
    #[salvo(schema(example = "ann@example.com"))]
    name: String,
    /// What they may do.
    #[salvo(schema(example = "operator"))]
    role: &'static str,
    /// When they are signed out if they do nothing until then, UTC.
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

/// An answer that sets or takes away the cookie.
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
            let cookie = cookie.description("The session's cookie, or its end.").required(true);
            response.headers.insert("set-cookie".to_owned(), cookie);
        }
    }
}
