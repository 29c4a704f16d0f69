//! What a request carries in its query string.

use salvo::extract::Metadata;
use salvo::oapi::{Components, EndpointArgRegister, Operation, Parameter, ParameterIn};
use salvo::{Depot, Extractible, Request, Writer};
use serde_json::Value;

use crate::error::ApiError;
use crate::request::form::{FormReader, FormSchema, FromForm, UnknownFields};

/// What a query string means.
///
/// Parameters nobody knows are ignored, as browsers, caches and proxies add their own; the known ones
/// stand there once.
pub(crate) struct Query<T>(pub(crate) T);

impl<'ex, T: FromForm> Extractible<'ex> for Query<T> {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        _depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        let mut filled = FormReader::default();
        for (name, value) in req.queries().flat_iter() {
            filled.insert(name.clone(), Value::String(value.clone()));
        }
        filled.read(UnknownFields::Ignore).map(Self).map_err(ApiError::invalid)
    }
}

impl<T: FromForm> EndpointArgRegister for Query<T> {
    fn register(_components: &mut Components, operation: &mut Operation, _arg: &str) {
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
