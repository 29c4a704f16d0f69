//! Endpoints of the WeChat API: paths, methods, allowances and handlers.

use std::sync::Arc;

use salvo::http::Method;

use crate::clock::Timestamp;
use crate::errcode::Errcode;
use crate::state::State;
use crate::state::quota::Allowance;
use crate::wechat_api::answer::{Answer, Family};
use crate::wechat_api::call::Call;
use crate::wechat_api::{openapi, phone, security, session, sns, token};

/// All endpoints.
pub(crate) static ENDPOINTS: [Endpoint; 10] = [
    Endpoint {
        path: "/sns/jscode2session",
        family: Family::Sns,
        allowance: DEFAULT_ALLOWANCE,
        handler: EndpointHandler::Open(sns::jscode2session),
    },
    Endpoint {
        path: "/cgi-bin/token",
        family: Family::Api,
        // Measured for a mini program; WeChat publishes no figure.
        allowance: Allowance { daily: 10_000, per_minute: None },
        handler: EndpointHandler::Open(token::token),
    },
    Endpoint {
        path: "/cgi-bin/stable_token",
        family: Family::Api,
        allowance: Allowance { daily: 500_000, per_minute: Some((10_000, Errcode::MINUTE_QUOTA)) },
        handler: EndpointHandler::Open(token::stable_token),
    },
    Endpoint {
        path: "/wxa/business/getuserphonenumber",
        family: Family::Phone,
        allowance: DEFAULT_ALLOWANCE,
        handler: EndpointHandler::Post(phone::get_user_phone_number),
    },
    Endpoint {
        path: "/wxa/checksession",
        family: Family::Api,
        allowance: DEFAULT_ALLOWANCE,
        handler: EndpointHandler::Get(session::check),
    },
    Endpoint {
        path: "/wxa/resetusersessionkey",
        family: Family::Api,
        allowance: Allowance {
            daily: DEFAULT_ALLOWANCE.daily,
            per_minute: Some((60_000, Errcode::MINUTE_QUOTA)),
        },
        handler: EndpointHandler::Get(session::reset),
    },
    Endpoint {
        path: "/wxa/msg_sec_check",
        family: Family::Api,
        allowance: Allowance {
            daily: 2_000_000,
            per_minute: Some((4_000, Errcode::MINUTE_FREQUENCY)),
        },
        handler: EndpointHandler::Post(security::msg_sec_check),
    },
    Endpoint {
        path: "/cgi-bin/clear_quota",
        family: Family::Api,
        allowance: DEFAULT_ALLOWANCE,
        handler: EndpointHandler::Post(openapi::clear_quota),
    },
    Endpoint {
        path: "/cgi-bin/openapi/quota/get",
        family: Family::Api,
        allowance: DEFAULT_ALLOWANCE,
        handler: EndpointHandler::Post(openapi::quota_get),
    },
    Endpoint {
        path: "/cgi-bin/get_api_domain_ip",
        family: Family::Api,
        allowance: DEFAULT_ALLOWANCE,
        handler: EndpointHandler::Get(openapi::get_api_domain_ip),
    },
];

/// Allowance of endpoints for which WeChat publishes no figure.
const DEFAULT_ALLOWANCE: Allowance = Allowance { daily: 1_000_000, per_minute: None };

/// One endpoint.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    family: Family,
    pub(crate) allowance: Allowance,
    handler: EndpointHandler,
}

/// Handler of an endpoint.
#[derive(Clone, Copy)]
enum EndpointHandler {
    /// Checks credentials and quota in the handler itself.
    Open(fn(&mut State, &Call) -> Result<String, Errcode>),
    /// Requires an access token and counts against the quota of its app.
    Get(AuthorizedHandler),
    /// Like `Get`, and requires the method POST.
    Post(AuthorizedHandler),
}

type AuthorizedHandler = fn(&mut State, &Arc<str>, &Call) -> Result<String, Errcode>;

/// Executes a call.
pub(crate) fn handle(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let result = find(&call.path)
        .ok_or(Errcode::INVALID_URL)
        .and_then(|endpoint| endpoint.execute(state, call, now));
    let family = family(&call.path);
    match result {
        Ok(body) => Answer::new(family, body),
        Err(errcode) => Answer::error(family, errcode, now),
    }
}

/// Finds the family of a path, which may be unknown.
pub(crate) fn family(path: &str) -> Family {
    match find(path) {
        Some(endpoint) => endpoint.family,
        None if path.starts_with("/sns/") => Family::Sns,
        None => Family::Api,
    }
}

/// Finds an endpoint by path.
pub(crate) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

/// Counts a call against the quota of an app.
pub(crate) fn count_call(state: &mut State, app_id: &str, path: &str) -> Result<(), Errcode> {
    let now = state.now();
    let enforced = state.config.limits;
    let endpoint = find(path).ok_or(Errcode::INVALID_URL)?;
    let app = state.apps.get_mut(app_id).ok_or(Errcode::INVALID_APPID)?;
    app.count_call(endpoint.path, endpoint.allowance, now, enforced)
}

impl Endpoint {
    fn execute(&self, state: &mut State, call: &Call, now: Timestamp) -> Result<String, Errcode> {
        let (handler, token) = match self.handler {
            EndpointHandler::Open(handler) => return handler(state, call),
            EndpointHandler::Get(handler) => (handler, call.get_param("access_token")),
            EndpointHandler::Post(handler) => (handler, call.param("access_token")),
        };
        // WeChat checks the token before anything else.
        let app_id = state.tokens.check(token, now)?;
        if matches!(self.handler, EndpointHandler::Post(_)) && call.method != Method::POST {
            return Err(Errcode::POST_REQUIRED);
        }
        count_call(state, &app_id, self.path)?;
        handler(state, &app_id, call)
    }
}
