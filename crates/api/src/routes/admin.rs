//! Routes of the admin API.

pub mod admins;
pub mod apps;
pub mod audit;
pub mod members;
pub mod session;
pub mod status;

use std::sync::Arc;

use domain::use_cases::AdminUseCases;
use domain::use_cases::rate_limits::RateLimits;
use salvo::Router;

use crate::auth::authenticators::Administrators;
use crate::auth::middleware::AuthMiddleware;
use crate::middleware::rate_limit::AdminSignInLimit;
use crate::openapi::handler_source::HandlerSource;
use crate::routes::admin::admins::AdminAccountsApi;
use crate::routes::admin::apps::AdminAppsApi;
use crate::routes::admin::audit::AdminAuditApi;
use crate::routes::admin::members::AdminMembersApi;
use crate::routes::admin::session::AdminSessionApi;
use crate::routes::admin::status::AdminStatusApi;

/// Handlers of the admin API by group, and the authentication middleware in front of them.
pub(crate) struct AdminApi {
    session: AdminSessionApi,
    accounts: AdminAccountsApi,
    apps: AdminAppsApi,
    members: AdminMembersApi,
    audit: AdminAuditApi,
    status: AdminStatusApi,
    administrators: AuthMiddleware<Administrators>,
    sign_in_limit: AdminSignInLimit,
}

impl AdminApi {
    pub(crate) fn new(use_cases: AdminUseCases, rate_limits: Arc<RateLimits>) -> Self {
        let AdminUseCases {
            sign_in,
            authenticate,
            manage_admins,
            manage_apps,
            manage_members,
            query_audit_log,
            service_status,
        } = use_cases;
        Self {
            accounts: AdminAccountsApi { manage_admins: manage_admins.clone() },
            apps: AdminAppsApi { manage_apps },
            members: AdminMembersApi { manage_members },
            audit: AdminAuditApi { query_audit_log },
            status: AdminStatusApi { service_status },
            administrators: AuthMiddleware::new(Administrators(authenticate.clone())),
            sign_in_limit: AdminSignInLimit(rate_limits),
            session: AdminSessionApi { sign_in, authenticate, manage_admins },
        }
    }
}

/// Returns the routes under `/admin/api`.
pub(crate) fn admin_routes(api: HandlerSource<'_, AdminApi>) -> Router {
    let sign_in_limit = || api.handler(|api| api.sign_in_limit.clone());
    Router::new()
        .push(authenticated_routes(api))
        .push(
            Router::with_path("session")
                .hoop(sign_in_limit())
                .post(api.handler(|api| api.session.sign_in())),
        )
        .push(
            Router::with_path("invitation")
                .hoop(sign_in_limit())
                .post(api.handler(|api| api.session.accept_invitation())),
        )
}

/// Returns the routes for administrators who are signed in.
fn authenticated_routes(api: HandlerSource<'_, AdminApi>) -> Router {
    Router::new()
        .hoop(api.handler(|api| api.administrators.clone()))
        .push(
            Router::with_path("session")
                .get(api.handler(|api| api.session.get()))
                .delete(api.handler(|api| api.session.sign_out())),
        )
        .push(
            Router::with_path("password")
                .hoop(api.handler(|api| api.sign_in_limit.clone()))
                .put(api.handler(|api| api.session.change_password())),
        )
        .push(
            Router::with_path("admins")
                .get(api.handler(|api| api.accounts.list()))
                .post(api.handler(|api| api.accounts.invite()))
                .push(Router::with_path("{id}").patch(api.handler(|api| api.accounts.update()))),
        )
        .push(app_routes(api))
        .push(Router::with_path("search").post(api.handler(|api| api.members.search())))
        .push(member_routes(api))
        .push(Router::with_path("audit").get(api.handler(|api| api.audit.list_events())))
        .push(Router::with_path("statistics").get(api.handler(|api| api.audit.get_statistics())))
        .push(Router::with_path("keys").get(api.handler(|api| api.status.list_signing_keys())))
        .push(Router::with_path("wechat").get(api.handler(|api| api.status.get_call_statistics())))
}

fn member_routes(api: HandlerSource<'_, AdminApi>) -> Router {
    let sessions = Router::with_path("sessions")
        .delete(api.handler(|api| api.members.end_sessions()))
        .push(Router::with_path("{session}").delete(api.handler(|api| api.members.end_session())));
    Router::with_path("members/{id}")
        .get(api.handler(|api| api.members.get()))
        .delete(api.handler(|api| api.members.erase()))
        .push(Router::with_path("ban").post(api.handler(|api| api.members.ban())))
        .push(Router::with_path("unban").post(api.handler(|api| api.members.unban())))
        .push(Router::with_path("phone").post(api.handler(|api| api.members.unmask_phone())))
        .push(sessions)
}

fn app_routes(api: HandlerSource<'_, AdminApi>) -> Router {
    let secret = Router::with_path("secret")
        .post(api.handler(|api| api.apps.rotate_secret()))
        .delete(api.handler(|api| api.apps.cancel_rotation()))
        .push(Router::with_path("former").delete(api.handler(|api| api.apps.finish_rotation())));
    let app = Router::with_path("{app}")
        .get(api.handler(|api| api.apps.get()))
        .delete(api.handler(|api| api.apps.remove()))
        .push(Router::with_path("policy").put(api.handler(|api| api.apps.set_policy())))
        .push(
            Router::with_path("push")
                .put(api.handler(|api| api.apps.set_push()))
                .delete(api.handler(|api| api.apps.remove_push())),
        )
        .push(secret)
        .push(Router::with_path("disable").post(api.handler(|api| api.apps.disable())))
        .push(Router::with_path("enable").post(api.handler(|api| api.apps.enable())));
    Router::with_path("apps")
        .get(api.handler(|api| api.apps.list()))
        .post(api.handler(|api| api.apps.add()))
        .push(app)
}
