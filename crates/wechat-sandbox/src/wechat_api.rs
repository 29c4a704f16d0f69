//! WeChat API: the endpoints of `api.weixin.qq.com`.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod endpoint;
mod openapi;
mod phone;
mod security;
mod session;
mod sns;
mod token;

use std::sync::Arc;
use std::time::Duration;

use salvo::prelude::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use crate::fault::Fault;
use crate::log::EntryId;
use crate::state::SharedState;
use crate::wechat_api::answer::Answer;
use crate::wechat_api::call::Call;

/// Handler of all paths outside the control API.
pub(crate) struct WechatApi(pub(crate) Arc<SharedState>);

#[async_trait]
impl Handler for WechatApi {
    async fn handle(
        &self,
        req: &mut Request,
        _depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let answer = match Call::read(req).await {
            Ok(call) => respond(&self.0, Arc::new(call)).await,
            Err(too_large) => Some(too_large),
        };
        match answer {
            Some(answer) => answer.write(res),
            None => ctrl.conn().abort(),
        }
    }
}

/// Handles a call. Returns no answer if a fault closes the connection without one.
async fn respond(shared: &Arc<SharedState>, call: Arc<Call>) -> Option<Answer> {
    let (entry, fault) = {
        let mut state = shared.lock();
        let fault = state.faults.take(&call.path);
        let now = state.now();
        let entry = state.log.open(now, call.clone(), fault.is_some());
        let Some(fault) = fault else {
            let answer = endpoint::handle(&mut state, &call);
            state.log.close(entry, Some(&answer));
            return Some(answer);
        };
        (entry, fault)
    };
    // A separate task, because a slow server completes the call even if the caller hangs up.
    tokio::spawn(apply_fault(shared.clone(), call, entry, fault)).await.unwrap_or_default()
}

/// Handles a call with a fault, which applies before or after the call has its effects.
async fn apply_fault(
    shared: Arc<SharedState>,
    call: Arc<Call>,
    entry: EntryId,
    fault: Fault,
) -> Option<Answer> {
    let handle = || endpoint::handle(&mut shared.lock(), &call);
    let early_answer = fault.after.then(handle);
    tokio::time::sleep(Duration::from_millis(fault.delay_ms.unwrap_or_default())).await;
    let answer = if fault.replaces_answer() {
        fault.answer(endpoint::family(&call.path), shared.lock().now())
    } else {
        Some(early_answer.unwrap_or_else(handle))
    };
    let answer = answer.map(|answer| fault.override_content_type(answer));
    shared.lock().log.close(entry, answer.as_ref());
    answer
}
