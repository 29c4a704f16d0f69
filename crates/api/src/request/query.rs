//! Query string of a request.

use salvo::oapi::{Components, Operation, Parameter, ParameterIn};
use salvo::{Depot, Request};
use serde_json::Value;

use crate::error::ApiError;
use crate::request::extracted::{Extracted, Source};
use crate::request::form::{FormReader, FormSchema, FromForm, UnknownFields};

/// Value of the query string.
pub(crate) type Query<T> = Extracted<QuerySource, T>;

/// The query string.
///
/// Unknown parameters are ignored, because browsers, caches and proxies add their own. Known
/// parameters must not be repeated.
pub(crate) struct QuerySource;

impl<T: FromForm> Source<T> for QuerySource {
    async fn parse(req: &mut Request, _depot: &mut Depot) -> Result<T, ApiError> {
        let mut reader = FormReader::default();
        for (name, value) in req.queries().flat_iter() {
            reader.insert(name.clone(), Value::String(value.clone()));
        }
        reader.read(UnknownFields::Ignore).map_err(ApiError::invalid)
    }

    fn document(_components: &mut Components, operation: &mut Operation) {
        for mut field in FormSchema::of::<T>().fields {
            let description = field.schema.description.take().unwrap_or_default();
            let parameter = Parameter::new(field.name)
                .location(ParameterIn::Query)
                .required(field.required)
                .description(description)
                .schema(field.schema);
            operation.parameters.insert(parameter);
        }
    }
}
