//! Every route, and whose work it is.

use std::sync::Arc;

use domain::current_member::CurrentMember;
use domain::exchange_code::ExchangeCode;
use domain::identify::Identify;
use domain::login::Login;
use domain::ports::clock::Clock;
use domain::ports::random::Random;
use domain::ports::services::{Service, ServiceAuthenticator};
use domain::ports::store::MemberDirectory;
use domain::ports::tokens::{Caller, TokenVerifier};
use domain::update_profile::UpdateProfile;
use salvo::Router;

use crate::authentication::Gate;
use crate::config::ApiConfig;
use crate::routes::back_end::BackEndApi;
use crate::routes::entrance::EntranceApi;
use crate::routes::health::HealthApi;
use crate::routes::me::MeApi;
use crate::wiring::Wiring;

pub mod back_end;
pub mod entrance;
pub mod health;
pub mod me;

/// What the HTTP side is made over: the use cases, and the few ports it needs itself.
pub struct Parts {
    /// `POST /login`.
    pub login: Arc<Login>,
    /// `POST /openid` and its older form.
    pub identify: Arc<Identify>,
    /// `POST /code2session`.
    pub exchange_code: Arc<ExchangeCode>,
    /// `GET /me`.
    pub current_member: Arc<CurrentMember>,
    /// `PATCH /me`.
    pub update_profile: Arc<UpdateProfile>,
    /// Tells whether the store answers.
    pub directory: Arc<dyn MemberDirectory>,
    /// Checks members' tokens.
    pub tokens: Arc<dyn TokenVerifier>,
    /// Checks back ends' keys.
    pub services: Arc<dyn ServiceAuthenticator>,
    /// The time, for answers.
    pub clock: Arc<dyn Clock>,
    /// Chance, for request ids.
    pub random: Arc<dyn Random>,
}

/// The route groups, each with its use cases, and the gates before them.
pub(crate) struct Api {
    pub(crate) entrance: EntranceApi,
    pub(crate) back_end: BackEndApi,
    pub(crate) me: MeApi,
    pub(crate) health: HealthApi,
    pub(crate) members: Gate<Caller>,
    pub(crate) services: Gate<Service>,
}

impl Api {
    pub(crate) fn new(parts: Parts, config: &ApiConfig) -> Self {
        let Parts { login, identify, exchange_code, current_member, update_profile, .. } = parts;
        Self {
            entrance: EntranceApi { login, identify, deadline: config.login_deadline },
            back_end: BackEndApi { exchange_code },
            me: MeApi { current_member, update_profile },
            health: HealthApi { directory: parts.directory },
            members: Gate::for_members(parts.tokens),
            services: Gate::for_services(parts.services),
        }
    }
}

/// The routes that the document describes.
pub(crate) fn routes(to: Wiring<'_>) -> Router {
    let services = || to.to(|api| api.services.clone());
    let members = || to.to(|api| api.members.clone());
    Router::new()
        .push(Router::with_path("login").post(to.to(|api| api.entrance.login())))
        .push(Router::with_path("openid").post(to.to(|api| api.entrance.openid())))
        .push(
            Router::with_path("external/code_2_wx_openid")
                .get(to.to(|api| api.entrance.external_openid())),
        )
        .push(
            Router::with_path("code2session")
                .hoop(services())
                .post(to.to(|api| api.back_end.code_to_session())),
        )
        .push(
            Router::with_path("me")
                .hoop(members())
                .get(to.to(|api| api.me.get_me()))
                .patch(to.to(|api| api.me.update_me())),
        )
        .push(Router::with_path("health/live").get(to.to(|api| api.health.live())))
        .push(Router::with_path("health/ready").get(to.to(|api| api.health.ready())))
}
