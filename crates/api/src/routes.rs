//! Route tree, and the handlers of its routes by group.

use std::sync::Arc;

use domain::model::clock::Clock;
use domain::model::random::Random;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::ports::signing_keys::VerificationKeys;
use domain::ports::store::StoreHealth;
use domain::use_cases::UseCases;
use domain::use_cases::rate_limits::RateLimits;
use salvo::Router;

use crate::auth::authenticators::{Members, MetricsReaders, OAuthClients, ServiceAccounts};
use crate::auth::middleware::AuthMiddleware;
use crate::config::ApiConfig;
use crate::metrics::Metrics;
use crate::openapi::handler_source::HandlerSource;
use crate::routes::admin::{AdminApi, admin_routes};
use crate::routes::code2session::Code2SessionApi;
use crate::routes::health::HealthApi;
use crate::routes::jwks::JwksApi;
use crate::routes::login::LoginApi;
use crate::routes::me::MeApi;
use crate::routes::metrics::MetricsApi;
use crate::routes::oauth::OAuthApi;
use crate::routes::personal_data::PersonalDataApi;
use crate::routes::push::PushApi;
use crate::routes::session::SessionApi;
use crate::routes::session_key::SessionKeyApi;
use crate::server::drain::Drain;

pub mod admin;
pub mod code2session;
pub mod health;
pub mod jwks;
pub mod login;
pub mod me;
pub mod metrics;
pub mod oauth;
pub mod personal_data;
pub mod push;
pub mod session;
pub mod session_key;

/// Ports that only the API uses, beside the use cases.
pub struct ApiPorts {
    /// Clock of the requests.
    pub clock: Arc<dyn Clock>,
    /// Randomness of request ids.
    pub random: Arc<dyn Random>,
    /// Rate limits of network addresses and service accounts.
    pub rate_limits: Arc<RateLimits>,
    /// Service accounts by their keys.
    pub service_accounts: Arc<dyn ServiceAccountAuthenticator>,
    /// Published keys of access tokens.
    pub verification_keys: Arc<dyn VerificationKeys>,
    /// Readiness of the store.
    pub store_health: Arc<dyn StoreHealth>,
    /// Metrics for operators.
    pub metrics: Metrics,
}

/// Handlers of all routes by group, and the authentication middleware in front of them.
pub(crate) struct Api {
    login: LoginApi,
    code2session: Code2SessionApi,
    me: MeApi,
    personal_data: PersonalDataApi,
    push: PushApi,
    session: SessionApi,
    session_key: SessionKeyApi,
    oauth: OAuthApi,
    jwks: JwksApi,
    health: HealthApi,
    metrics: MetricsApi,
    admin: AdminApi,
    members: AuthMiddleware<Members>,
    service_accounts: AuthMiddleware<ServiceAccounts>,
    oauth_clients: AuthMiddleware<OAuthClients>,
    metrics_readers: AuthMiddleware<MetricsReaders>,
}

impl Api {
    pub(crate) fn new(
        use_cases: UseCases,
        ports: ApiPorts,
        config: &ApiConfig,
        drain: Drain,
    ) -> Self {
        // Complete, so that a use case without routes is a compile error.
        let UseCases {
            login,
            get_openid,
            exchange_code,
            authenticate,
            refresh,
            manage_sessions,
            introspect,
            get_profile,
            update_profile,
            export_personal_data,
            bind_phone,
            ban_member: _,
            erase_member,
            use_session_key,
            receive_push,
            process_withdrawals: _,
            reload_apps: _,
            cleanup: _,
            record_refusals: _,
            admin,
        } = use_cases;
        let ApiPorts {
            clock: _,
            random: _,
            rate_limits,
            service_accounts,
            verification_keys,
            store_health,
            metrics,
        } = ports;
        Self {
            login: LoginApi {
                login,
                get_openid,
                deadline: config.login_deadline,
                metrics: metrics.clone(),
            },
            code2session: Code2SessionApi { exchange_code },
            me: MeApi { get_profile, update_profile, bind_phone },
            personal_data: PersonalDataApi { export_personal_data, erase_member },
            push: PushApi { receive_push },
            session: SessionApi { refresh, manage_sessions, metrics: metrics.clone() },
            session_key: SessionKeyApi { use_session_key },
            oauth: OAuthApi { introspect },
            jwks: JwksApi { keys: verification_keys },
            health: HealthApi { store: store_health, drain },
            metrics: MetricsApi { metrics },
            admin: AdminApi::new(admin, rate_limits),
            members: AuthMiddleware::new(Members(authenticate)),
            service_accounts: AuthMiddleware::new(ServiceAccounts(service_accounts.clone())),
            oauth_clients: AuthMiddleware::new(OAuthClients(service_accounts.clone())),
            metrics_readers: AuthMiddleware::new(MetricsReaders {
                service_accounts: ServiceAccounts(service_accounts),
                public: config.public_metrics,
            }),
        }
    }
}

/// Returns the routes that the OpenAPI document describes.
pub(crate) fn routes(api: HandlerSource<'_, Api>) -> Router {
    let members = || api.handler(|api| api.members.clone());
    let service_accounts = || api.handler(|api| api.service_accounts.clone());
    Router::new()
        .push(Router::with_path("login").post(api.handler(|api| api.login.login())))
        .push(Router::with_path("openid").post(api.handler(|api| api.login.openid())))
        .push(
            Router::with_path("external/code_2_wx_openid")
                .get(api.handler(|api| api.login.external_openid())),
        )
        .push(
            Router::with_path("code2session")
                .hoop(service_accounts())
                .post(api.handler(|api| api.code2session.code_to_session())),
        )
        .push(
            Router::with_path("wechat/check_session")
                .hoop(service_accounts())
                .post(api.handler(|api| api.session_key.check())),
        )
        .push(
            Router::with_path("wechat/reset_session_key")
                .hoop(service_accounts())
                .post(api.handler(|api| api.session_key.reset())),
        )
        .push(
            Router::with_path("wechat/verify_signature")
                .hoop(service_accounts())
                .post(api.handler(|api| api.session_key.verify_signature())),
        )
        .push(
            Router::with_path("me")
                .hoop(members())
                .get(api.handler(|api| api.me.get_me()))
                .patch(api.handler(|api| api.me.update_me()))
                .post(api.handler(|api| api.me.update_me_by_post()))
                .delete(api.handler(|api| api.personal_data.delete()))
                .push(
                    Router::with_path("export").get(api.handler(|api| api.personal_data.export())),
                )
                .push(Router::with_path("phone").put(api.handler(|api| api.me.bind_phone())))
                .push(
                    Router::with_path("sessions").get(api.handler(|api| api.session.list())).push(
                        Router::with_path("{id}").delete(api.handler(|api| api.session.end())),
                    ),
                ),
        )
        .push(Router::with_path("token/refresh").post(api.handler(|api| api.session.refresh())))
        .push(
            Router::with_path("logout")
                .hoop(members())
                .post(api.handler(|api| api.session.log_out()))
                .push(
                    Router::with_path("all")
                        .post(api.handler(|api| api.session.log_out_everywhere())),
                ),
        )
        .push(
            Router::with_path("oauth")
                .hoop(api.handler(|api| api.oauth_clients.clone()))
                .push(
                    Router::with_path("introspect").post(api.handler(|api| api.oauth.introspect())),
                )
                .push(Router::with_path("revoke").post(api.handler(|api| api.oauth.revoke()))),
        )
        .push(
            Router::with_path("wechat/push/{app}")
                .get(api.handler(|api| api.push.check()))
                .post(api.handler(|api| api.push.receive())),
        )
        .push(Router::with_path("admin/api").push(admin_routes(api.part(|api| &api.admin))))
        .push(
            Router::with_path(".well-known/jwks.json").get(api.handler(|api| api.jwks.get_jwks())),
        )
        .push(
            Router::with_path("metrics")
                .hoop(api.handler(|api| api.metrics_readers.clone()))
                .get(api.handler(|api| api.metrics.metrics())),
        )
        .push(Router::with_path("health/live").get(api.handler(|api| api.health.live())))
        .push(Router::with_path("health/ready").get(api.handler(|api| api.health.ready())))
}
