//! Source of handlers for the route tree: the running API, or their OpenAPI schemas alone.
//!
//! Salvo finds the documentation of a route by the type of its handler. The same route tree can
//! therefore be built without the use cases that the handlers need to run.

use std::any::{TypeId, type_name};
use std::marker::PhantomData;

use salvo::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

/// API `A` that the handlers belong to, or nothing if only their schemas are needed.
pub(crate) struct HandlerSource<'a, A>(Option<&'a A>);

impl<A> Clone for HandlerSource<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for HandlerSource<'_, A> {}

impl<'a, A> HandlerSource<'a, A> {
    /// Creates the source of handlers that run.
    pub(crate) const fn new(api: &'a A) -> Self {
        Self(Some(api))
    }

    /// Creates the source of handlers for the OpenAPI document.
    pub(crate) const fn schemas() -> Self {
        Self(None)
    }

    /// Returns the source for a part of the API.
    pub(crate) fn part<B>(self, select: impl FnOnce(&'a A) -> &'a B) -> HandlerSource<'a, B> {
        HandlerSource(self.0.map(select))
    }

    /// Returns the handler that `select` takes from the API.
    pub(crate) fn handler<H: Handler>(self, select: impl FnOnce(&'a A) -> H) -> HandlerOrSchema<H> {
        match self.0 {
            Some(api) => HandlerOrSchema::Handler(select(api)),
            None => HandlerOrSchema::Schema(PhantomData),
        }
    }
}

/// A handler, or only its type.
pub(crate) enum HandlerOrSchema<H> {
    Handler(H),
    Schema(PhantomData<fn() -> H>),
}

#[async_trait]
impl<H: Handler> Handler for HandlerOrSchema<H> {
    /// Returns the id of the inner handler's type, by which Salvo finds its documentation.
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
