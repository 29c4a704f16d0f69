//! Routes with their handlers, or with the handlers' signatures alone.
//!
//! The document of a route comes from the type of its handler, so it can be had without anything that
//! a handler needs to run.

use std::any::{TypeId, type_name};
use std::marker::PhantomData;

use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use crate::routes::Api;

/// Where handlers come from: the api, or nowhere.
#[derive(Clone, Copy)]
pub(crate) struct HandlerSource<'a>(pub(crate) Option<&'a Api>);

impl<'a> HandlerSource<'a> {
    /// The handler that `pick` takes from the api.
    pub(crate) fn to<H: Handler>(self, pick: impl FnOnce(&'a Api) -> H) -> HandlerOrSchema<H> {
        self.0.map_or(HandlerOrSchema::Signature(PhantomData), |api| {
            HandlerOrSchema::Handler(pick(api))
        })
    }
}

/// A handler, or just its type.
pub(crate) enum HandlerOrSchema<H> {
    Handler(H),
    Signature(PhantomData<fn() -> H>),
}

#[async_trait]
impl<H: Handler> Handler for HandlerOrSchema<H> {
    /// The document is found by the type of the handler inside.
    fn type_id(&self) -> TypeId {
        TypeId::of::<H>()
    }

    fn type_name(&self) -> &'static str {
        type_name::<H>()
    }

    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        if let Self::Handler(handler) = self {
            handler.handle(req, depot, res, ctrl).await;
        }
    }
}
