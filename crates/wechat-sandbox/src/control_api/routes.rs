//! HTTP routes of the control API: JSON in, JSON out, 400 with a message for invalid requests.

use std::sync::Arc;
use std::time::Duration;

use salvo::http::{HeaderValue, Method, StatusCode, header};
use salvo::prelude::{Depot, FlowCtrl, Handler, Request, Response, Router, async_trait};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::ControlError;
use crate::fault::Fault;
use crate::phone_page;
use crate::push;
use crate::state::{SharedState, State};

/// Maximum size of a request body in bytes; enough for a fault with a large body.
const MAX_BODY_BYTES: usize = 4 << 20;
/// Maximum number of codes per request.
const MAX_CODES: u32 = 10_000;

/// Routes under `/_sandbox`.
pub(crate) fn router(state: &Arc<SharedState>) -> Router {
    let at = |path: &str| Router::with_path(path);
    at("_sandbox")
        .push(
            at("users")
                .get(handler(state, |state, Empty {}| Ok(state.list_users())))
                .post(handler(state, State::add_user))
                .patch(handler(state, State::change_user)),
        )
        .push(
            at("apps")
                .get(handler(state, |state, Empty {}| Ok(state.list_apps())))
                .post(handler(state, State::add_app))
                .patch(handler(state, State::change_app)),
        )
        .push(at("codes/login").post(handler(state, |state, request: CodesRequest| {
            request.issue(|user, app| state.login_code(user, app))
        })))
        .push(at("codes/phone").post(handler(state, |state, request: CodesRequest| {
            request.issue(|user, app| state.phone_code(user, app))
        })))
        .push(at("encrypt").post(handler(state, State::encrypt)))
        .push(
            at("faults")
                .get(handler(state, |state, Empty {}| Ok(state.faults.list().to_vec())))
                .post(handler(state, |state, fault: Fault| {
                    state.inject_fault(fault.clone()).map(|()| fault)
                }))
                .delete(handler(state, |state, Empty {}| {
                    state.faults.clear();
                    Ok(())
                })),
        )
        .push(at("clock").get(handler(state, |state, Empty {}| Ok(Now::of(state)))).post(handler(
            state,
            |state, AdvanceRequest { advance_seconds }| {
                state.clock.advance(Duration::from_secs(advance_seconds));
                Ok(Now::of(state))
            },
        )))
        .push(at("push").post(SendPush(state.clone())))
        .push(at("push/check").post(CheckPush(state.clone())))
        .push(
            at("log")
                .get(handler(state, |state, query: LogQuery| {
                    Ok(state.log.entries(query.path.as_deref(), query.after()?))
                }))
                .delete(handler(state, |state, Empty {}| {
                    state.log.clear();
                    Ok(())
                })),
        )
        .push(at("reset").post(handler(state, |state, Empty {}| state.reset())))
        .push(phone_page::files())
        .push(at("{**rest}").goal(UnknownRoute))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodesRequest {
    user: String,
    appid: Option<String>,
    count: Option<u32>,
}

#[derive(Serialize)]
struct CodesResponse {
    code: String,
    /// All issued codes, if the request has a `count`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    codes: Vec<String>,
}

impl CodesRequest {
    fn issue(
        self,
        mut issue_code: impl FnMut(&str, Option<&str>) -> Result<String, ControlError>,
    ) -> Result<CodesResponse, ControlError> {
        let mut issue_code = || issue_code(&self.user, self.appid.as_deref());
        match self.count {
            None => Ok(CodesResponse { code: issue_code()?, codes: Vec::new() }),
            Some(count @ 1..=MAX_CODES) => {
                let codes: Vec<_> = (0..count).map(|_| issue_code()).collect::<Result<_, _>>()?;
                Ok(CodesResponse { code: codes.first().cloned().unwrap_or_default(), codes })
            }
            Some(_) => Err(ControlError::new(format!("count must be 1 to {MAX_CODES}"))),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceRequest {
    advance_seconds: u64,
}

#[derive(Serialize)]
struct Now {
    now: u64,
}

impl Now {
    fn of(state: &State) -> Self {
        Self { now: state.now().as_secs() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    path: Option<String>,
    after: Option<String>,
}

impl LogQuery {
    /// Parses `after`, since query values are strings.
    fn after(&self) -> Result<u64, ControlError> {
        let number = self.after.as_deref().unwrap_or("0").parse();
        number.map_err(|_| ControlError::new("after must be the number of a call"))
    }
}

/// Handler of a synchronous control operation.
struct ControlHandler<B, R> {
    state: Arc<SharedState>,
    run: fn(&mut State, B) -> Result<R, ControlError>,
}

fn handler<B, R>(
    state: &Arc<SharedState>,
    run: fn(&mut State, B) -> Result<R, ControlError>,
) -> ControlHandler<B, R> {
    ControlHandler { state: state.clone(), run }
}

#[async_trait]
impl<B, R> Handler for ControlHandler<B, R>
where
    B: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
{
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let result =
            read(req).await.and_then(|request| (self.run)(&mut self.state.lock(), request));
        write(res, result);
    }
}

struct SendPush(Arc<SharedState>);

#[async_trait]
impl Handler for SendPush {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let result = async { push::send(&self.0, read(req).await?).await };
        write(res, result.await);
    }
}

struct CheckPush(Arc<SharedState>);

#[async_trait]
impl Handler for CheckPush {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let result = async { push::check(&self.0, read(req).await?).await };
        write(res, result.await);
    }
}

struct UnknownRoute;

#[async_trait]
impl Handler for UnknownRoute {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let route = format!("{} {}", req.method(), req.uri().path());
        let error = format!("no such route `{route}`: GET / lists the routes");
        write_json(res, StatusCode::NOT_FOUND, &json!({ "error": error }));
    }
}

/// Reads the parameters: the query of a GET, the JSON body of other methods. An absent body counts
/// as an empty object. The content type is ignored, so that `curl -d` works without a header.
async fn read<B: DeserializeOwned>(req: &mut Request) -> Result<B, ControlError> {
    let parameters = if req.method() == Method::GET {
        let pairs = req.queries().flat_iter();
        let object: Value = pairs.map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
        serde_json::from_value(object)
    } else {
        let body = req.payload_with_max_size(MAX_BODY_BYTES).await;
        let body = body.map_err(|error| ControlError::new(format!("invalid body: {error}")))?;
        serde_json::from_slice(if body.is_empty() { b"{}" } else { body })
    };
    parameters.map_err(|error| ControlError::new(format!("invalid request: {error}")))
}

fn write<R: Serialize>(res: &mut Response, result: Result<R, ControlError>) {
    match result.map(|value| serde_json::to_value(value)) {
        Ok(Ok(Value::Null)) => write_json(res, StatusCode::OK, &json!({ "ok": true })),
        Ok(Ok(value)) => write_json(res, StatusCode::OK, &value),
        Ok(Err(error)) => {
            let error = json!({ "error": error.to_string() });
            write_json(res, StatusCode::INTERNAL_SERVER_ERROR, &error);
        }
        Err(error) => {
            write_json(res, StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() }));
        }
    }
}

fn write_json(res: &mut Response, status: StatusCode, body: &Value) {
    res.status_code(status);
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    res.headers_mut().insert(header::CONTENT_TYPE, json);
    res.body(body.to_string());
}
