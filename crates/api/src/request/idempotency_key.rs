//! `Idempotency-Key` header of a request.

use domain::model::secret::{IdempotencyKey, MalformedIdempotencyKey};
use salvo::http::header::HeaderName;
use salvo::oapi::{BasicType, Components, Object, Operation, Parameter, ParameterIn};
use salvo::{Depot, Request};

use crate::error::ApiError;
use crate::request::extracted::{Extracted, Source};

/// Name of the header; lower case, as HTTP compares names.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Idempotency key of the request, if the client sent one.
pub(crate) type OptionalIdempotencyKey = Extracted<IdempotencyKeyHeader, Option<IdempotencyKey>>;

/// The `Idempotency-Key` header.
pub(crate) struct IdempotencyKeyHeader;

impl Source<Option<IdempotencyKey>> for IdempotencyKeyHeader {
    async fn parse(
        req: &mut Request,
        _depot: &mut Depot,
    ) -> Result<Option<IdempotencyKey>, ApiError> {
        let invalid = |reason: &str| ApiError::invalid_field("Idempotency-Key", reason);
        let mut values = req.headers().get_all(IDEMPOTENCY_KEY).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(key), None) => {
                let key = key.to_str().ok().and_then(|key| IdempotencyKey::parse(key).ok());
                key.map(Some).ok_or_else(|| invalid(&MalformedIdempotencyKey.to_string()))
            }
            (Some(_), Some(_)) => Err(invalid("is given more than once")),
        }
    }

    fn document(_components: &mut Components, operation: &mut Operation) {
        let text = Object::with_type(BasicType::String).min_length(1).max_length(255);
        let schema = text.pattern("^[!-~]+$").example("8e03978e-40d5-43dd-bc93-6894a57f9324");
        let parameter = Parameter::new("Idempotency-Key").location(ParameterIn::Header);
        let description = "Unguessable name of this attempt, for example a random UUID. A request that is repeated with the same key within 60 seconds is executed once and gets the same response.";
        operation.parameters.insert(parameter.description(description).schema(schema));
    }
}
