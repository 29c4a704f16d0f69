//! The URL-encoded body of a request, as the RFCs of OAuth have it.

use salvo::extract::Metadata;
use salvo::oapi::{
    Components, Content, EndpointArgRegister, Operation, Ref, RequestBody, Required, Schema,
};
use salvo::{Depot, Extractible, Request, Writer};
use serde_json::Value;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document;
use crate::request::form::{FormReader, FormSchema, FromForm, UnknownFields};
use crate::request::json_body::{is_declared, receive};
use crate::request::limits::BodyLimits;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// What a form means.
///
/// RFC 6749 section 3.2: parameters nobody knows are ignored, those without a value count as absent,
/// and none stands there twice.
pub(crate) struct FormBody<T>(pub(crate) T);

impl<'ex, T: FromForm> Extractible<'ex> for FormBody<T> {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        read(req, BodyLimits::of(depot)?).await.map(Self)
    }
}

async fn read<T: FromForm>(req: &mut Request, limits: BodyLimits) -> Result<T, ApiError> {
    let declared = is_declared(req.headers(), FORM)?;
    let bytes = receive(req, limits).await?;
    if !declared && !bytes.is_empty() {
        return Err(ApiError::new(ErrorId::UnsupportedMediaType));
    }
    let mut filled = FormReader::default();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = if value.is_empty() { Value::Null } else { Value::String(value.into()) };
        filled.insert(name.into(), value);
    }
    filled.read(UnknownFields::Ignore).map_err(ApiError::invalid)
}

impl<T: FromForm> EndpointArgRegister for FormBody<T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let schema = FormSchema::of::<T>().into_open_schema().description(T::DESCRIPTION);
        components.schemas.insert(T::NAME, Schema::from(schema));
        let body = RequestBody::new().description(T::DESCRIPTION).required(Required::True);
        let content = Content::new(Ref::from_schema_name(T::NAME));
        operation.request_body = Some(body.add_content(FORM, content));
        let failures = [ErrorId::PayloadTooLarge, ErrorId::UnsupportedMediaType];
        document(components, operation, &failures);
    }
}
