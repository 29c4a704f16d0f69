//! The control face over HTTP: JSON in, JSON out, and 400 with a sentence for what is wrong.

use std::sync::Arc;
use std::time::Duration;

use salvo::http::{HeaderValue, Method, StatusCode, header};
use salvo::prelude::{Depot, FlowCtrl, Handler, Request, Response, Router, async_trait};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::control::Refused;
use crate::fault::Fault;
use crate::page;
use crate::push;
use crate::state::{Shared, State};

/// More than a control call needs, even one that orders a large body.
const MAX_BODY: usize = 4 << 20;
/// Codes obtained in one call.
const MAX_CODES: u32 = 10_000;

/// Everything under `/_sandbox`.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let at = |path: &str| Router::with_path(path);
    at("_sandbox")
        .push(
            at("users")
                .get(does(shared, |state, Nothing {}| Ok(state.list_users())))
                .post(does(shared, State::add_user))
                .patch(does(shared, State::change_user)),
        )
        .push(
            at("apps")
                .get(does(shared, |state, Nothing {}| Ok(state.list_apps())))
                .post(does(shared, State::add_app))
                .patch(does(shared, State::change_app)),
        )
        .push(at("codes/login").post(does(shared, |state, order: Codes| {
            order.obtain(|user, app| state.login_code(user, app))
        })))
        .push(at("codes/phone").post(does(shared, |state, order: Codes| {
            order.obtain(|user, app| state.phone_code(user, app))
        })))
        .push(at("encrypt").post(does(shared, State::encrypt)))
        .push(
            at("faults")
                .get(does(shared, |state, Nothing {}| Ok(state.faults.list().to_vec())))
                .post(does(shared, |state, fault: Fault| {
                    state.faults.order(fault.clone()).map(|()| fault)
                }))
                .delete(does(shared, |state, Nothing {}| {
                    state.faults.clear();
                    Ok(())
                })),
        )
        .push(at("clock").get(does(shared, |state, Nothing {}| Ok(Now::of(state)))).post(does(
            shared,
            |state, Advance { advance_seconds }| {
                state.advance(Duration::from_secs(advance_seconds));
                Ok(Now::of(state))
            },
        )))
        .push(at("push").post(SendPush(shared.clone())))
        .push(at("push/check").post(CheckPush(shared.clone())))
        .push(
            at("log")
                .get(does(shared, |state, of: LogOf| {
                    Ok(state.log.entries(of.path.as_deref(), of.after()?))
                }))
                .delete(does(shared, |state, Nothing {}| {
                    state.log.clear();
                    Ok(())
                })),
        )
        .push(at("reset").post(does(shared, |state, Nothing {}| state.reset())))
        .push(page::files())
        .push(at("{**rest}").goal(NoSuchRoute))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Codes {
    user: String,
    appid: Option<String>,
    count: Option<u32>,
}

#[derive(Serialize)]
struct Obtained {
    code: String,
    /// All of them, when a number was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    codes: Vec<String>,
}

impl Codes {
    fn obtain(
        self,
        mut one: impl FnMut(&str, Option<&str>) -> Result<String, Refused>,
    ) -> Result<Obtained, Refused> {
        let mut one = || one(&self.user, self.appid.as_deref());
        match self.count {
            None => Ok(Obtained { code: one()?, codes: Vec::new() }),
            Some(count @ 1..=MAX_CODES) => {
                let codes: Vec<_> = (0..count).map(|_| one()).collect::<Result<_, _>>()?;
                Ok(Obtained { code: codes.first().cloned().unwrap_or_default(), codes })
            }
            Some(_) => Err(Refused::new(format!("count must be 1 to {MAX_CODES}"))),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
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
struct LogOf {
    path: Option<String>,
    after: Option<String>,
}

impl LogOf {
    /// A query's values are texts.
    fn after(&self) -> Result<u64, Refused> {
        let number = self.after.as_deref().unwrap_or("0").parse();
        number.map_err(|_| Refused::new("after must be the number of a call"))
    }
}

/// One thing the control face does, at once.
struct Does<B, R> {
    shared: Arc<Shared>,
    run: fn(&mut State, B) -> Result<R, Refused>,
}

fn does<B, R>(shared: &Arc<Shared>, run: fn(&mut State, B) -> Result<R, Refused>) -> Does<B, R> {
    Does { shared: shared.clone(), run }
}

#[async_trait]
impl<B, R> Handler for Does<B, R>
where
    B: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
{
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let result = read(req).await.and_then(|asked| (self.run)(&mut self.shared.lock(), asked));
        write(res, result);
    }
}

struct SendPush(Arc<Shared>);

#[async_trait]
impl Handler for SendPush {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let result = async { push::send(&self.0, read(req).await?).await };
        write(res, result.await);
    }
}

struct CheckPush(Arc<Shared>);

#[async_trait]
impl Handler for CheckPush {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let result = async { push::check(&self.0, read(req).await?).await };
        write(res, result.await);
    }
}

struct NoSuchRoute;

#[async_trait]
impl Handler for NoSuchRoute {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let asked = format!("{} {}", req.method(), req.uri().path());
        let error = format!("no such route `{asked}`: GET / lists what is here");
        write_json(res, StatusCode::NOT_FOUND, &json!({ "error": error }));
    }
}

/// What was asked: the query of a GET, the body of anything else. No body is an empty object, and
/// the content type does not matter, so that `curl -d` will do.
async fn read<B: DeserializeOwned>(req: &mut Request) -> Result<B, Refused> {
    let asked = if req.method() == Method::GET {
        let pairs = req.queries().flat_iter();
        let object: Value = pairs.map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
        serde_json::from_value(object)
    } else {
        let body = req.payload_with_max_size(MAX_BODY).await;
        let body = body.map_err(|error| Refused::new(format!("the body: {error}")))?;
        serde_json::from_slice(if body.is_empty() { b"{}" } else { body })
    };
    asked.map_err(|error| Refused::new(format!("the request: {error}")))
}

fn write<R: Serialize>(res: &mut Response, result: Result<R, Refused>) {
    match result.map(|done| serde_json::to_value(done)) {
        Ok(Ok(Value::Null)) => write_json(res, StatusCode::OK, &json!({ "ok": true })),
        Ok(Ok(done)) => write_json(res, StatusCode::OK, &done),
        Ok(Err(error)) => {
            let error = json!({ "error": error.to_string() });
            write_json(res, StatusCode::INTERNAL_SERVER_ERROR, &error);
        }
        Err(Refused(error)) => {
            write_json(res, StatusCode::BAD_REQUEST, &json!({ "error": error }));
        }
    }
}

fn write_json(res: &mut Response, status: StatusCode, body: &Value) {
    res.status_code(status);
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    res.headers_mut().insert(header::CONTENT_TYPE, json);
    res.body(body.to_string());
}
