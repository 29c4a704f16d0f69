//! The JSON body of a request, read within bounds and parsed strictly.

use crate::request::limits::BodyLimits;
use std::str;

use salvo::extract::Metadata;
use salvo::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use salvo::http::{HeaderMap, Mime, ParseError};
use salvo::oapi::{
    Components, Content, EndpointArgRegister, Object, Operation, Ref, RequestBody, Required, Schema,
};
use salvo::{Depot, Extractible, Request, Writer};
use serde_json::error::Category;
use tokio::time::timeout;

use crate::error::id::ErrorId;
use crate::error::{ApiError, chain};
use crate::openapi::error_responses::document;
use crate::request::form::{FormReader, FormSchema, FromForm, UnknownFields};

/// What a JSON body means.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<'ex, T: FromForm> Extractible<'ex> for JsonBody<T> {
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

/// A body as it came, whatever it is declared as.
pub(crate) struct RawBody(pub(crate) Vec<u8>);

impl<'ex> Extractible<'ex> for RawBody {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        receive(req, BodyLimits::of(depot)?).await.map(|bytes| Self(bytes.to_vec()))
    }
}

impl EndpointArgRegister for RawBody {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let content = || Content::new(Object::new());
        operation.request_body = Some(
            RequestBody::new()
                .description("A message as WeChat writes it.")
                .required(Required::True)
                .add_content("application/json", content())
                .add_content("text/xml", content()),
        );
        document(components, operation, &[ErrorId::PayloadTooLarge]);
    }
}

async fn read<T: FromForm>(req: &mut Request, limits: BodyLimits) -> Result<T, ApiError> {
    let declared = is_declared(req.headers(), "application/json")?;
    let bytes = receive(req, limits).await?;
    match (bytes.is_empty(), declared) {
        (true, _) if T::MAY_BE_EMPTY => return understood(FormReader::default()),
        (true, _) => return Err(faulty_body("is required")),
        (false, false) => return Err(ApiError::new(ErrorId::UnsupportedMediaType)),
        (false, true) => {}
    }
    let text = str::from_utf8(bytes).map_err(|_| faulty_body("is not UTF-8"))?;
    let filled: FormReader = serde_json::from_str(text).map_err(|error| {
        // The error itself would repeat what the client sent.
        faulty_body(match error.classify() {
            Category::Data => "is not a JSON object",
            Category::Syntax | Category::Eof | Category::Io => "is not valid JSON",
        })
    })?;
    understood(filled)
}

fn understood<T: FromForm>(filled: FormReader) -> Result<T, ApiError> {
    filled.read(UnknownFields::Deny).map_err(ApiError::invalid)
}

/// Whether the body is declared as this type of text; not to declare it is good enough for an empty
/// body only.
pub(crate) fn is_declared(headers: &HeaderMap, essence: &str) -> Result<bool, ApiError> {
    let unsupported = || ApiError::new(ErrorId::UnsupportedMediaType).closing_connection();
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
        return Err(unsupported());
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (None, _) => Ok(false),
        (Some(declared), None) => {
            let declared = declared.to_str().ok().and_then(|text| text.parse::<Mime>().ok());
            let fits = |mime: &Mime| mime.essence_str() == essence && is_utf8(mime);
            declared.filter(fits).map(|_| true).ok_or_else(unsupported)
        }
        (Some(_), Some(_)) => Err(unsupported()),
    }
}

fn is_utf8(mime: &Mime) -> bool {
    mime.params().all(|(name, value)| name == "charset" && value == "utf-8")
}

/// The bytes of the body. Where they do not all come, the rest of the connection is unreadable.
pub(crate) async fn receive(req: &mut Request, limits: BodyLimits) -> Result<&[u8], ApiError> {
    let too_large = || ApiError::new(ErrorId::PayloadTooLarge).closing_connection();
    let announced = req.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced
        .and_then(|length| length.parse().ok())
        .is_some_and(|n: u64| n > limits.bytes as u64)
    {
        return Err(too_large());
    }
    match timeout(limits.within, req.payload_with_max_size(limits.bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(ParseError::PayloadTooLarge)) => Err(too_large()),
        Ok(Err(error)) => {
            Err(faulty_body("did not arrive whole").with_cause(chain(&error)).closing_connection())
        }
        Err(_) => {
            let seconds = limits.within.as_secs_f32();
            Err(faulty_body(&format!("did not arrive within {seconds} s")).closing_connection())
        }
    }
}

fn faulty_body(reason: &str) -> ApiError {
    ApiError::invalid_field("body", reason)
}

impl<T: FromForm> EndpointArgRegister for JsonBody<T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let schema = FormSchema::of::<T>().into_schema().description(T::DESCRIPTION);
        components.schemas.insert(T::NAME, Schema::from(schema));
        let content = Content::new(Ref::from_schema_name(T::NAME));
        operation.request_body = Some(
            RequestBody::new()
                .description(T::DESCRIPTION)
                .required(if T::MAY_BE_EMPTY { Required::False } else { Required::True })
                .add_content("application/json", content),
        );
        let failures = [ErrorId::PayloadTooLarge, ErrorId::UnsupportedMediaType];
        document(components, operation, &failures);
    }
}
