//! JSON body of a request, parsed strictly.

use std::str;

use salvo::oapi::{Components, Content, Operation, Ref, RequestBody, Required, Schema};
use salvo::{Depot, Request};
use serde_json::error::Category;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document_errors;
use crate::request::body::{invalid_body, is_declared, receive};
use crate::request::extracted::{Extracted, Source};
use crate::request::form::{FormReader, FormSchema, FromForm, UnknownFields};

/// Value of the JSON body.
pub(crate) type JsonBody<T> = Extracted<JsonSource, T>;

/// The body as a JSON object without unknown or repeated fields.
pub(crate) struct JsonSource;

impl<T: FromForm> Source<T> for JsonSource {
    async fn parse(req: &mut Request, depot: &mut Depot) -> Result<T, ApiError> {
        let declared = is_declared(req.headers(), "application/json")?;
        let bytes = receive(req, depot).await?;
        if bytes.is_empty() {
            if T::MAY_BE_EMPTY {
                return read(FormReader::default());
            }
            return Err(invalid_body("is required"));
        }
        if !declared {
            return Err(ApiError::new(ErrorId::UnsupportedMediaType));
        }
        let text = str::from_utf8(bytes).map_err(|_| invalid_body("is not UTF-8"))?;
        let reader: FormReader = serde_json::from_str(text).map_err(|error| {
            // The message of `error` is not used: it would repeat the client's input.
            invalid_body(match error.classify() {
                Category::Data => "is not a JSON object",
                Category::Syntax | Category::Eof | Category::Io => "is not valid JSON",
            })
        })?;
        read(reader)
    }

    fn document(components: &mut Components, operation: &mut Operation) {
        let schema = FormSchema::of::<T>().into_schema().description(T::DESCRIPTION);
        components.schemas.insert(T::NAME, Schema::from(schema));
        let content = Content::new(Ref::from_schema_name(T::NAME));
        operation.request_body = Some(
            RequestBody::new()
                .description(T::DESCRIPTION)
                .required(if T::MAY_BE_EMPTY { Required::False } else { Required::True })
                .add_content("application/json", content),
        );
        let errors = [ErrorId::PayloadTooLarge, ErrorId::UnsupportedMediaType];
        document_errors(components, operation, errors);
    }
}

fn read<T: FromForm>(reader: FormReader) -> Result<T, ApiError> {
    reader.read(UnknownFields::Deny).map_err(ApiError::invalid)
}
