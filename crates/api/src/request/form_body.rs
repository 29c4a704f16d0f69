//! URL-encoded body of a request, as the OAuth RFCs define it.

use salvo::oapi::{Components, Content, Operation, Ref, RequestBody, Required, Schema};
use salvo::{Depot, Request};
use serde_json::Value;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document_errors;
use crate::request::body::{is_declared, receive};
use crate::request::extracted::{Extracted, Source};
use crate::request::form::{FormReader, FormSchema, FromForm, UnknownFields};

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Value of the URL-encoded body.
pub(crate) type FormBody<T> = Extracted<FormSource, T>;

/// The body as a URL-encoded form.
///
/// RFC 6749 section 3.2: unknown parameters are ignored, parameters without a value count as absent,
/// and no parameter is repeated.
pub(crate) struct FormSource;

impl<T: FromForm> Source<T> for FormSource {
    async fn parse(req: &mut Request, depot: &mut Depot) -> Result<T, ApiError> {
        let declared = is_declared(req.headers(), CONTENT_TYPE)?;
        let bytes = receive(req, depot).await?;
        if !declared && !bytes.is_empty() {
            return Err(ApiError::new(ErrorId::UnsupportedMediaType));
        }
        let mut reader = FormReader::default();
        for (name, value) in form_urlencoded::parse(bytes) {
            let value = if value.is_empty() { Value::Null } else { Value::String(value.into()) };
            reader.insert(name.into(), value);
        }
        reader.read(UnknownFields::Ignore).map_err(ApiError::invalid)
    }

    fn document(components: &mut Components, operation: &mut Operation) {
        let schema = FormSchema::of::<T>().into_open_schema().description(T::DESCRIPTION);
        components.schemas.insert(T::NAME, Schema::from(schema));
        let body = RequestBody::new().description(T::DESCRIPTION).required(Required::True);
        let content = Content::new(Ref::from_schema_name(T::NAME));
        operation.request_body = Some(body.add_content(CONTENT_TYPE, content));
        let errors = [ErrorId::PayloadTooLarge, ErrorId::UnsupportedMediaType];
        document_errors(components, operation, errors);
    }
}
