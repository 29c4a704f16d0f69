//! Middleware that authenticates the caller of a route.

use std::sync::Arc;

use salvo::http::header::{HeaderValue, WWW_AUTHENTICATE};
use salvo::http::{HeaderMap, StatusCode};
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::error::ApiError;

/// Authenticates callers of one kind by the headers of their requests.
pub(crate) trait Authenticator: Send + Sync + 'static {
    /// Authenticated caller.
    type Caller: Send + Sync + 'static;

    /// Values of `WWW-Authenticate` in responses with status 401.
    const CHALLENGES: &'static [&'static str];

    /// Returns the caller, or the failure to respond with.
    fn authenticate(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Self::Caller, ApiError>> + Send;
}

/// Middleware that rejects unauthenticated requests. It stores the caller for the extractor
/// `Authenticated`.
pub(crate) struct AuthMiddleware<A>(Arc<A>);

impl<A> AuthMiddleware<A> {
    pub(crate) fn new(authenticator: A) -> Self {
        Self(Arc::new(authenticator))
    }
}

impl<A> Clone for AuthMiddleware<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[async_trait]
impl<A: Authenticator> Handler for AuthMiddleware<A> {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        match self.0.authenticate(req.headers()).await {
            Ok(caller) => {
                depot.insert_typed(caller);
                ctrl.call_next(req, depot, res).await;
            }
            Err(error) => error.write(req, depot, res).await,
        }
        if res.status_code == Some(StatusCode::UNAUTHORIZED) {
            for challenge in A::CHALLENGES {
                let challenge = HeaderValue::from_static(challenge);
                res.headers_mut().append(WWW_AUTHENTICATE, challenge);
            }
        }
    }
}
