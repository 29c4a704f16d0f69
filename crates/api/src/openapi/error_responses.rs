//! Error responses of routes, documented from the error types of their use cases.

use std::marker::PhantomData;

use salvo::http::StatusCode;
use salvo::oapi::{
    BasicType, Components, Content, EndpointOutRegister, Example, Header, Object, Operation, RefOr,
    Response,
};
use salvo::{Depot, Request, Response as HttpResponse, Writer, async_trait};

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::error::report::ErrorIds;
use crate::response::envelope;

/// Error response of a handler that runs a use case with the error type `E`.
pub(crate) struct ErrorResponse<E> {
    error: ApiError,
    source: PhantomData<fn() -> E>,
}

impl<E: ErrorIds> From<E> for ErrorResponse<E> {
    fn from(error: E) -> Self {
        Self { error: error.into(), source: PhantomData }
    }
}

impl<E> From<ApiError> for ErrorResponse<E> {
    fn from(error: ApiError) -> Self {
        Self { error, source: PhantomData }
    }
}

#[async_trait]
impl<E> Writer for ErrorResponse<E> {
    async fn write(self, req: &mut Request, depot: &mut Depot, res: &mut HttpResponse) {
        self.error.write(req, depot, res).await;
    }
}

impl<E: ErrorIds> EndpointOutRegister for ErrorResponse<E> {
    fn register(components: &mut Components, operation: &mut Operation) {
        document_errors(components, operation, E::ids());
    }
}

/// Adds errors to an operation: one response per status, with one example per error id.
pub(crate) fn document_errors(
    components: &mut Components,
    operation: &mut Operation,
    ids: impl IntoIterator<Item = ErrorId>,
) {
    let schema = envelope::failure_schema(components);
    for id in ids {
        let response = operation.responses.entry(id.status().as_str().to_owned());
        let RefOr::Type(response) = response.or_insert_with(|| RefOr::Type(Response::default()))
        else {
            continue;
        };
        let content = response.contents.entry("application/json".to_owned());
        let content = content.or_insert_with(|| Content::new(schema.clone()));
        if content.examples.contains_key(id.id()) {
            continue;
        }
        let example = Example::new().value(envelope::failure_example(id));
        content.examples.insert(id.id().to_owned(), example.into());
        let line_break = if response.description.is_empty() { "" } else { "\n" };
        response.description.extend([line_break, "- `", id.id(), "`: ", id.meaning()]);
        if let StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE = id.status() {
            response.headers.insert("retry-after".to_owned(), retry_after());
        }
    }
}

fn retry_after() -> Header {
    Header::new(Object::with_type(BasicType::Integer).minimum(1))
        .description("Seconds to wait before trying again.")
        .required(true)
}
