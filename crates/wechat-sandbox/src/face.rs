//! The WeChat face: what `api.weixin.qq.com` would answer.

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

use crate::face::answer::Answer;
use crate::face::call::Call;
use crate::fault::Fault;
use crate::log::Ticket;
use crate::state::Shared;

/// Answers every path that is not the sandbox's own.
pub(crate) struct Face(pub(crate) Arc<Shared>);

#[async_trait]
impl Handler for Face {
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

/// The answer; none when a fault wants the connection closed without one.
async fn respond(shared: &Arc<Shared>, call: Arc<Call>) -> Option<Answer> {
    let (ticket, fault) = {
        let mut state = shared.lock();
        let fault = state.faults.strike(&call.path);
        let now = state.now();
        let ticket = state.log.open(now, call.clone(), fault.is_some());
        let Some(fault) = fault else {
            let answer = endpoint::answer(&mut state, &call);
            state.log.close(ticket, Some(&answer));
            return Some(answer);
        };
        (ticket, fault)
    };
    // On a task of its own: a server that is slow does not notice that the caller hung up.
    tokio::spawn(suffer(shared.clone(), call, ticket, fault)).await.unwrap_or_default()
}

/// Answers a call that a fault strikes, before or after the work is done.
async fn suffer(
    shared: Arc<Shared>,
    call: Arc<Call>,
    ticket: Ticket,
    fault: Fault,
) -> Option<Answer> {
    let work = || endpoint::answer(&mut shared.lock(), &call);
    let done = fault.after.then(work);
    tokio::time::sleep(Duration::from_millis(fault.delay_ms.unwrap_or_default())).await;
    let answer = if fault.replaces_answer() {
        fault.answer(endpoint::family(&call.path), shared.lock().now())
    } else {
        Some(done.unwrap_or_else(work))
    };
    let answer = answer.map(|answer| fault.label(answer));
    shared.lock().log.close(ticket, answer.as_ref());
    answer
}
