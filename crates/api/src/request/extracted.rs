//! Generic extractor: a typed value from one part of a request.

use std::fmt::Debug;
use std::marker::PhantomData;

use salvo::extract::Metadata;
use salvo::oapi::{Components, EndpointArgRegister, Operation};
use salvo::{Depot, Extractible, Request, Writer};

use crate::error::ApiError;

/// Part of a request, such as its JSON body, from which values of type `T` are parsed.
pub(crate) trait Source<T> {
    /// Parses the value.
    fn parse(
        req: &mut Request,
        depot: &mut Depot,
    ) -> impl Future<Output = Result<T, ApiError>> + Send;

    /// Adds the part to the documentation of an operation.
    fn document(components: &mut Components, operation: &mut Operation);
}

/// Value of type `T` parsed from the request part `S`.
pub(crate) struct Extracted<S, T>(pub(crate) T, PhantomData<fn() -> S>);

impl<'ex, S: Source<T>, T: Send> Extractible<'ex> for Extracted<S, T> {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + Debug + 'static> {
        S::parse(req, depot).await.map(|value| Self(value, PhantomData))
    }
}

impl<S: Source<T>, T> EndpointArgRegister for Extracted<S, T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        S::document(components, operation);
    }
}
