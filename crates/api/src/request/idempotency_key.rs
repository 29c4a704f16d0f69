//! The `Idempotency-Key` of a request.

use domain::model::secret::{IdempotencyKey, MalformedIdempotencyKey};
use salvo::extract::Metadata;
use salvo::http::header::HeaderName;
use salvo::oapi::{
    BasicType, Components, EndpointArgRegister, Object, Operation, Parameter, ParameterIn,
};
use salvo::{Depot, Extractible, Request, Writer};

use crate::error::ApiError;

/// The header's name in lower case, as HTTP's fields are compared.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The key that the client gave its request, if any.
pub(crate) struct Key(pub(crate) Option<IdempotencyKey>);

impl<'ex> Extractible<'ex> for Key {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        _depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        let faulty = |reason: &str| ApiError::invalid_field("Idempotency-Key", reason);
        let mut given = req.headers().get_all(IDEMPOTENCY_KEY).iter();
        match (given.next(), given.next()) {
            (None, _) => Ok(Self(None)),
            (Some(key), None) => {
                let key = key.to_str().ok().and_then(|key| IdempotencyKey::parse(key).ok());
                key.map(|key| Self(Some(key)))
                    .ok_or_else(|| faulty(&MalformedIdempotencyKey.to_string()))
            }
            (Some(_), Some(_)) => Err(faulty("is given more than once")),
        }
    }
}

impl EndpointArgRegister for Key {
    fn register(_components: &mut Components, operation: &mut Operation, _arg: &str) {
        let text = Object::with_type(BasicType::String).min_length(1).max_length(255);
        let schema = text.pattern("^[!-~]+$").example("8e03978e-40d5-43dd-bc93-6894a57f9324");
        let parameter = Parameter::new("Idempotency-Key").location(ParameterIn::Header);
        let about = "A name for this attempt that nobody can guess, best a random UUID. The same request with the same key is carried out once and answered the same for 60 seconds.";
        operation.parameters.insert(parameter.description(about).schema(schema));
    }
}
