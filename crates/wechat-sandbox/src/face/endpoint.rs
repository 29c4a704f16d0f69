//! The endpoints: their paths, methods, limits, and who handles them.

use std::sync::Arc;

use salvo::http::Method;

use crate::errcode::Errcode;
use crate::face::answer::{Answer, Family};
use crate::face::call::Call;
use crate::face::{openapi, phone, security, session, sns, token};
use crate::quota::Allowance;
use crate::state::{Moment, State};

/// Every endpoint of the WeChat face.
pub(crate) static ENDPOINTS: [Endpoint; 10] = [
    Endpoint {
        path: "/sns/jscode2session",
        family: Family::Sns,
        allowance: UNPUBLISHED,
        run: Run::Open(sns::jscode2session),
    },
    Endpoint {
        path: "/cgi-bin/token",
        family: Family::Api,
        // As measured for a mini program; WeChat publishes no figure.
        allowance: Allowance { daily: 10_000, per_minute: None },
        run: Run::Open(token::token),
    },
    Endpoint {
        path: "/cgi-bin/stable_token",
        family: Family::Api,
        allowance: Allowance { daily: 500_000, per_minute: Some((10_000, Errcode::MINUTE_QUOTA)) },
        run: Run::Open(token::stable_token),
    },
    Endpoint {
        path: "/wxa/business/getuserphonenumber",
        family: Family::Phone,
        allowance: UNPUBLISHED,
        run: Run::Post(phone::get_user_phone_number),
    },
    Endpoint {
        path: "/wxa/checksession",
        family: Family::Api,
        allowance: UNPUBLISHED,
        run: Run::Get(session::check),
    },
    Endpoint {
        path: "/wxa/resetusersessionkey",
        family: Family::Api,
        allowance: Allowance {
            daily: UNPUBLISHED.daily,
            per_minute: Some((60_000, Errcode::MINUTE_QUOTA)),
        },
        run: Run::Get(session::reset),
    },
    Endpoint {
        path: "/wxa/msg_sec_check",
        family: Family::Api,
        allowance: Allowance {
            daily: 2_000_000,
            per_minute: Some((4_000, Errcode::MINUTE_FREQUENCY)),
        },
        run: Run::Post(security::msg_sec_check),
    },
    Endpoint {
        path: "/cgi-bin/clear_quota",
        family: Family::Api,
        allowance: UNPUBLISHED,
        run: Run::Post(openapi::clear_quota),
    },
    Endpoint {
        path: "/cgi-bin/openapi/quota/get",
        family: Family::Api,
        allowance: UNPUBLISHED,
        run: Run::Post(openapi::quota_get),
    },
    Endpoint {
        path: "/cgi-bin/get_api_domain_ip",
        family: Family::Api,
        allowance: UNPUBLISHED,
        run: Run::Get(openapi::get_api_domain_ip),
    },
];

/// Where WeChat publishes no figure.
const UNPUBLISHED: Allowance = Allowance { daily: 1_000_000, per_minute: None };

/// One endpoint.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    family: Family,
    pub(crate) allowance: Allowance,
    run: Run,
}

/// How an endpoint is reached. `Get` and `Post` demand an access token, whose app they are given,
/// and count against that app's quota; `Open` sees to its own credentials and quota.
#[derive(Clone, Copy)]
enum Run {
    Open(fn(&mut State, &Call) -> Result<String, Errcode>),
    Get(Authorized),
    Post(Authorized),
}

type Authorized = fn(&mut State, &Arc<str>, &Call) -> Result<String, Errcode>;

/// Does the work of a call.
pub(crate) fn answer(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let result = find(&call.path)
        .ok_or(Errcode::INVALID_URL)
        .and_then(|endpoint| endpoint.work(state, call, now));
    let family = family(&call.path);
    match result {
        Ok(body) => Answer::new(family, body),
        Err(errcode) => Answer::refusal(family, errcode, now),
    }
}

/// How the endpoint of a path words its answers.
pub(crate) fn family(path: &str) -> Family {
    match find(path) {
        Some(endpoint) => endpoint.family,
        None if path.starts_with("/sns/") => Family::Sns,
        None => Family::Api,
    }
}

/// The endpoint of a path.
pub(crate) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

/// Counts a call of a token endpoint against the app that its credentials name.
pub(crate) fn spend(state: &mut State, app_id: &str, path: &str) -> Result<(), Errcode> {
    let (now, enforced) = (state.now(), state.config.limits);
    let endpoint = find(path).ok_or(Errcode::INVALID_URL)?;
    let app = state.apps.get_mut(app_id).ok_or(Errcode::INVALID_APPID)?;
    app.spend(endpoint.path, endpoint.allowance, now, enforced)
}

impl Endpoint {
    fn work(&self, state: &mut State, call: &Call, now: Moment) -> Result<String, Errcode> {
        let (run, token) = match self.run {
            Run::Open(run) => return run(state, call),
            Run::Get(run) => (run, call.get_param("access_token")),
            Run::Post(run) => (run, call.param("access_token")),
        };
        // WeChat looks at the token before anything else.
        let app_id = state.tokens.check(token, now)?;
        if matches!(self.run, Run::Post(_)) && call.method != Method::POST {
            return Err(Errcode::POST_REQUIRED);
        }
        spend(state, &app_id, self.path)?;
        run(state, &app_id, call)
    }
}
