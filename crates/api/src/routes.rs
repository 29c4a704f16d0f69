//! Every route, and whose work it is.

use std::sync::Arc;

use domain::model::clock::Clock;
use domain::model::random::Random;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::ports::signing_keys::VerificationKeys;
use domain::ports::store::members::MemberReader;
use domain::use_cases::login::Login;
use domain::use_cases::login::exchange_code::ExchangeCode;
use domain::use_cases::login::get_openid::GetOpenid;
use domain::use_cases::member::bind_phone::BindPhone;
use domain::use_cases::member::erase::EraseMember;
use domain::use_cases::member::export_personal_data::ExportPersonalData;
use domain::use_cases::member::get_profile::GetProfile;
use domain::use_cases::member::update_profile::UpdateProfile;
use domain::use_cases::provider::receive_push::ReceivePush;
use domain::use_cases::provider::use_session_key::UseSessionKey;
use domain::use_cases::rate_limits::RateLimits;
use domain::use_cases::session::authenticate::Authenticate;
use domain::use_cases::session::introspect::Introspect;
use domain::use_cases::session::log_out::ManageSessions;
use domain::use_cases::session::refresh::Refresh;
use salvo::Router;

use crate::auth::{AuthMiddleware, Members, MetricsReaders, OAuthClients, ServiceAccounts};
use crate::config::ApiConfig;
use crate::metrics::Metrics;
use crate::openapi::handler_source::HandlerSource;
use crate::routes::admin::{AdminApi, Administration, admin_routes};
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

/// What the HTTP side is made over: the use cases, and the few ports it needs itself.
pub struct Parts {
    /// `POST /login`.
    pub login: Arc<Login>,
    /// `POST /openid` and its older form.
    pub identify: Arc<GetOpenid>,
    /// `POST /code2session`.
    pub exchange_code: Arc<ExchangeCode>,
    /// Decides who calls, before every route of members.
    pub authenticate: Arc<Authenticate>,
    /// `POST /token/refresh`.
    pub refresh: Arc<Refresh>,
    /// `POST /logout`, `POST /logout/all` and everything under `/me/sessions`.
    pub log_out: Arc<ManageSessions>,
    /// `GET /me`.
    pub current_member: Arc<GetProfile>,
    /// `PATCH /me` and `POST /me`.
    pub update_profile: Arc<UpdateProfile>,
    /// `GET /me/export`.
    pub export_member: Arc<ExportPersonalData>,
    /// `DELETE /me`.
    pub erase_member: Arc<EraseMember>,
    /// `PUT /me/phone`.
    pub bind_phone: Arc<BindPhone>,
    /// `POST /wechat/check_session`, `/wechat/reset_session_key` and `/wechat/verify_signature`.
    pub use_session_key: Arc<UseSessionKey>,
    /// `POST /oauth/introspect` and `POST /oauth/revoke`.
    pub introspect: Arc<Introspect>,
    /// `GET /.well-known/jwks.json`.
    pub verification_keys: Arc<dyn VerificationKeys>,
    /// `GET` and `POST /wechat/push/{app}`.
    pub receive_push: Arc<ReceivePush>,
    /// Everything under `/admin/api`.
    pub administration: Administration,
    /// Tells whether the store answers.
    pub directory: Arc<dyn MemberReader>,
    /// Checks back ends' keys.
    pub services: Arc<dyn ServiceAccountAuthenticator>,
    /// Refuses who calls too often.
    pub limits: Arc<RateLimits>,
    /// Counts what happens, for operators.
    pub metrics: Metrics,
    /// The time, for answers.
    pub clock: Arc<dyn Clock>,
    /// Chance, for request ids.
    pub random: Arc<dyn Random>,
}

/// The route groups, each with its use cases, and the gates before them.
pub(crate) struct Api {
    pub(crate) login: LoginApi,
    pub(crate) code2session: Code2SessionApi,
    pub(crate) me: MeApi,
    pub(crate) personal_data: PersonalDataApi,
    pub(crate) push: PushApi,
    pub(crate) session: SessionApi,
    pub(crate) session_key: SessionKeyApi,
    pub(crate) oauth: OAuthApi,
    pub(crate) keys: JwksApi,
    pub(crate) health: HealthApi,
    pub(crate) metrics: MetricsApi,
    pub(crate) admin: AdminApi,
    pub(crate) members: AuthMiddleware<Members>,
    pub(crate) back_ends: AuthMiddleware<ServiceAccounts>,
    pub(crate) oauth_clients: AuthMiddleware<OAuthClients>,
    pub(crate) scrapers: AuthMiddleware<MetricsReaders>,
}

impl Api {
    pub(crate) fn new(parts: Parts, config: &ApiConfig, drain: Drain) -> Self {
        let Parts { login, identify, exchange_code, refresh, log_out, introspect, .. } = parts;
        let Parts { current_member, update_profile, metrics, .. } = parts;
        let Parts { bind_phone, export_member, erase_member, .. } = parts;
        let deadline = config.login_deadline;
        let (services, public) = (parts.services, config.public_metrics);
        Self {
            login: LoginApi { login, identify, deadline, metrics: metrics.clone() },
            code2session: Code2SessionApi { exchange_code },
            me: MeApi { current_member, update_profile, bind_phone },
            personal_data: PersonalDataApi { export_member, erase_member },
            push: PushApi { receive_push: parts.receive_push },
            health: HealthApi { directory: parts.directory, drain },
            session: SessionApi { refresh, log_out, metrics: metrics.clone() },
            session_key: SessionKeyApi { use_session_key: parts.use_session_key },
            oauth: OAuthApi { introspect },
            metrics: MetricsApi { metrics },
            keys: JwksApi { keys: parts.verification_keys },
            admin: AdminApi::new(parts.administration),
            members: AuthMiddleware::new(Members(parts.authenticate)),
            back_ends: AuthMiddleware::new(ServiceAccounts(services.clone())),
            oauth_clients: AuthMiddleware::new(OAuthClients(services.clone())),
            scrapers: AuthMiddleware::new(MetricsReaders {
                back_ends: ServiceAccounts(services),
                public,
            }),
        }
    }
}

/// The routes that the document describes.
pub(crate) fn routes(to: HandlerSource<'_>) -> Router {
    let back_ends = || to.to(|api| api.back_ends.clone());
    let members = || to.to(|api| api.members.clone());
    Router::new()
        .push(Router::with_path("login").post(to.to(|api| api.login.login())))
        .push(Router::with_path("openid").post(to.to(|api| api.login.openid())))
        .push(
            Router::with_path("external/code_2_wx_openid")
                .get(to.to(|api| api.login.external_openid())),
        )
        .push(
            Router::with_path("code2session")
                .hoop(back_ends())
                .post(to.to(|api| api.code2session.code_to_session())),
        )
        .push(
            Router::with_path("wechat/check_session")
                .hoop(back_ends())
                .post(to.to(|api| api.session_key.check())),
        )
        .push(
            Router::with_path("wechat/reset_session_key")
                .hoop(back_ends())
                .post(to.to(|api| api.session_key.reset())),
        )
        .push(
            Router::with_path("wechat/verify_signature")
                .hoop(back_ends())
                .post(to.to(|api| api.session_key.verify_signature())),
        )
        .push(
            Router::with_path("me")
                .hoop(members())
                .get(to.to(|api| api.me.get_me()))
                .patch(to.to(|api| api.me.update_me()))
                .post(to.to(|api| api.me.update_me_by_post()))
                .delete(to.to(|api| api.personal_data.erase()))
                .push(Router::with_path("export").get(to.to(|api| api.personal_data.export())))
                .push(Router::with_path("phone").put(to.to(|api| api.me.bind_phone())))
                .push(
                    Router::with_path("sessions")
                        .get(to.to(|api| api.session.list()))
                        .push(Router::with_path("{id}").delete(to.to(|api| api.session.end()))),
                ),
        )
        .push(Router::with_path("token/refresh").post(to.to(|api| api.session.refresh())))
        .push(
            Router::with_path("logout")
                .hoop(members())
                .post(to.to(|api| api.session.log_out()))
                .push(Router::with_path("all").post(to.to(|api| api.session.log_out_everywhere()))),
        )
        .push(
            Router::with_path("oauth")
                .hoop(to.to(|api| api.oauth_clients.clone()))
                .push(Router::with_path("introspect").post(to.to(|api| api.oauth.introspect())))
                .push(Router::with_path("revoke").post(to.to(|api| api.oauth.revoke()))),
        )
        .push(
            Router::with_path("wechat/push/{app}")
                .get(to.to(|api| api.push.check()))
                .post(to.to(|api| api.push.receive())),
        )
        .push(Router::with_path("admin/api").push(admin_routes(to)))
        .push(Router::with_path(".well-known/jwks.json").get(to.to(|api| api.keys.jwks())))
        .push(
            Router::with_path("metrics")
                .hoop(to.to(|api| api.scrapers.clone()))
                .get(to.to(|api| api.metrics.metrics())),
        )
        .push(Router::with_path("health/live").get(to.to(|api| api.health.live())))
        .push(Router::with_path("health/ready").get(to.to(|api| api.health.ready())))
}
