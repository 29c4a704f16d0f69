//! What administrators do: sign in, look after members, read the record, decide about each other.

pub mod admins;
pub mod apps;
pub mod audit;
pub mod members;
pub mod session;
pub mod status;

use std::marker::PhantomData;
use std::sync::Arc;

use domain::model::admin::{AdminPrincipal, Role};
use domain::use_cases::admin::authenticate::AuthenticateAdmin;
use domain::use_cases::admin::manage_admins::ManageAdmins;
use domain::use_cases::admin::manage_apps::ManageApps;
use domain::use_cases::admin::manage_members::ManageMembers;
use domain::use_cases::admin::query_audit_log::QueryAuditLog;
use domain::use_cases::admin::service_status::ServiceStatus;
use domain::use_cases::admin::sign_in::SignIn;
use salvo::extract::Metadata;
use salvo::oapi::{Components, EndpointArgRegister, Operation};
use salvo::{Depot, Extractible, Request, Router, Writer};

use crate::auth::{Administrators, AuthMiddleware, Authenticated};
use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document;
use crate::openapi::handler_source::HandlerSource;
use crate::routes::admin::admins::AdminAccountsApi;
use crate::routes::admin::apps::AdminAppsApi;
use crate::routes::admin::audit::AdminAuditApi;
use crate::routes::admin::members::AdminMembersApi;
use crate::routes::admin::session::AdminSessionApi;
use crate::routes::admin::status::AdminStatusApi;

/// The use cases of administrators.
pub struct Administration {
    /// Signs them in.
    pub sign_in: Arc<SignIn>,
    /// Decides which of them calls.
    pub authenticate_admin: Arc<AuthenticateAdmin>,
    /// Decides who is one.
    pub manage_admins: Arc<ManageAdmins>,
    /// Decides which apps are served.
    pub manage_apps: Arc<ManageApps>,
    /// What they see of members and do to them.
    pub manage_members: Arc<ManageMembers>,
    /// What they read of what happened.
    pub query_audit_log: Arc<QueryAuditLog>,
    /// What they see of the service itself.
    pub service_status: Arc<ServiceStatus>,
}

/// The route groups of administrators, and the gate before them.
pub(crate) struct AdminApi {
    session: AdminSessionApi,
    accounts: AdminAccountsApi,
    apps: AdminAppsApi,
    members: AdminMembersApi,
    record: AdminAuditApi,
    service: AdminStatusApi,
    administrators: AuthMiddleware<Administrators>,
}

impl AdminApi {
    pub(crate) fn new(administration: Administration) -> Self {
        let Administration { sign_in, authenticate_admin: authenticate, .. } = administration;
        let Administration { manage_admins: manage, manage_members, .. } = administration;
        Self {
            accounts: AdminAccountsApi { manage: manage.clone() },
            apps: AdminAppsApi { manage: administration.manage_apps },
            members: AdminMembersApi { manage_members: manage_members },
            record: AdminAuditApi { query_audit_log: administration.query_audit_log },
            service: AdminStatusApi { watch: administration.service_status },
            administrators: AuthMiddleware::new(Administrators(authenticate.clone())),
            session: AdminSessionApi { sign_in, authenticate, manage },
        }
    }
}

/// An administrator who calls a route that takes the role `R`. The document tells it; whether they have
/// it, the use case decides.
pub(crate) struct WithRole<R>(pub(crate) AdminPrincipal, PhantomData<R>);

/// A role, as a type.
pub(crate) trait RequiredRole: Send + Sync {
    const ROLE: Role;
}

pub(crate) struct Viewer;
pub(crate) struct Operator;
pub(crate) struct Admin;

impl RequiredRole for Viewer {
    const ROLE: Role = Role::Viewer;
}

impl RequiredRole for Operator {
    const ROLE: Role = Role::Operator;
}

impl RequiredRole for Admin {
    const ROLE: Role = Role::Admin;
}

impl<'ex, R: RequiredRole + 'ex> Extractible<'ex> for WithRole<R> {
    fn metadata() -> &'static Metadata {
        Authenticated::<AdminPrincipal>::metadata()
    }

    async fn extract(
        _req: &'ex mut Request,
        depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        let shown = depot.remove_typed::<Authenticated<AdminPrincipal>>();
        let by = shown.map(|Authenticated(administrator)| Self(administrator, PhantomData));
        by.map_err(|_| ApiError::new(ErrorId::Unauthenticated))
    }
}

impl<R: RequiredRole> EndpointArgRegister for WithRole<R> {
    fn register(components: &mut Components, operation: &mut Operation, arg: &str) {
        Authenticated::<AdminPrincipal>::register(components, operation, arg);
        operation.extensions.insert("x-role".to_owned(), R::ROLE.name().into());
        document(components, operation, &[ErrorId::Forbidden]);
    }
}

/// Everything under `/admin/api`.
pub(crate) fn admin_routes(to: HandlerSource<'_>) -> Router {
    Router::new()
        .push(authenticated_routes(to))
        .push(Router::with_path("session").post(to.to(|api| api.admin.session.sign_in())))
        .push(Router::with_path("invitation").post(to.to(|api| api.admin.session.accept())))
}

/// Where only those come who are signed in.
fn authenticated_routes(to: HandlerSource<'_>) -> Router {
    Router::new()
        .hoop(to.to(|api| api.admin.administrators.clone()))
        .push(
            Router::with_path("session")
                .get(to.to(|api| api.admin.session.who()))
                .delete(to.to(|api| api.admin.session.sign_out())),
        )
        .push(Router::with_path("password").put(to.to(|api| api.admin.session.change_password())))
        .push(
            Router::with_path("admins")
                .get(to.to(|api| api.admin.accounts.list()))
                .post(to.to(|api| api.admin.accounts.invite()))
                .push(Router::with_path("{id}").patch(to.to(|api| api.admin.accounts.change()))),
        )
        .push(apps(to))
        .push(Router::with_path("search").post(to.to(|api| api.admin.members.search())))
        .push(
            Router::with_path("members/{id}")
                .get(to.to(|api| api.admin.members.show()))
                .delete(to.to(|api| api.admin.members.erase()))
                .push(Router::with_path("ban").post(to.to(|api| api.admin.members.ban())))
                .push(Router::with_path("unban").post(to.to(|api| api.admin.members.unban())))
                .push(Router::with_path("phone").post(to.to(|api| api.admin.members.unmask())))
                .push(
                    Router::with_path("sessions")
                        .delete(to.to(|api| api.admin.members.end_sessions()))
                        .push(
                            Router::with_path("{session}")
                                .delete(to.to(|api| api.admin.members.end_session())),
                        ),
                ),
        )
        .push(Router::with_path("audit").get(to.to(|api| api.admin.record.events())))
        .push(Router::with_path("statistics").get(to.to(|api| api.admin.record.statistics())))
        .push(Router::with_path("keys").get(to.to(|api| api.admin.service.keys())))
        .push(Router::with_path("wechat").get(to.to(|api| api.admin.service.wechat())))
}

/// The apps.
fn apps(to: HandlerSource<'_>) -> Router {
    let one = Router::with_path("{app}")
        .get(to.to(|api| api.admin.apps.show()))
        .delete(to.to(|api| api.admin.apps.remove()))
        .push(Router::with_path("policy").put(to.to(|api| api.admin.apps.set_policy())))
        .push(
            Router::with_path("push")
                .put(to.to(|api| api.admin.apps.set_push()))
                .delete(to.to(|api| api.admin.apps.remove_push())),
        )
        .push(
            Router::with_path("secret")
                .post(to.to(|api| api.admin.apps.rotate()))
                .delete(to.to(|api| api.admin.apps.take_back()))
                .push(
                    Router::with_path("former").delete(to.to(|api| api.admin.apps.end_rotation())),
                ),
        )
        .push(Router::with_path("disable").post(to.to(|api| api.admin.apps.disable())))
        .push(Router::with_path("enable").post(to.to(|api| api.admin.apps.enable())));
    Router::with_path("apps")
        .get(to.to(|api| api.admin.apps.list()))
        .post(to.to(|api| api.admin.apps.add()))
        .push(one)
}
