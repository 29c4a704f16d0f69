//! What an address ends in: an id, or an app.

use domain::app::AppName;
use salvo::extract::Metadata;
use salvo::oapi::{
    BasicType, Components, EndpointArgRegister, KnownFormat, Object, Operation, Parameter,
    ParameterIn, SchemaFormat,
};
use salvo::{Depot, Extractible, Request, Writer};
use uuid::Uuid;

use crate::error::ApiError;
use crate::error::documented::document;
use crate::error::id::ErrorId;

/// How long an id is in the one form in which it is handed out.
const LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;

/// The `id` in the address of a route. What cannot be one leads nowhere.
pub(crate) struct PathId(pub(crate) Uuid);

impl<'ex> Extractible<'ex> for PathId {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        _depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        let text = req.params().get("id").filter(|text| text.len() == LENGTH);
        let id = text.and_then(|text| Uuid::try_parse(text).ok());
        id.map(Self).ok_or(ApiError::new(ErrorId::NotFound))
    }
}

impl EndpointArgRegister for PathId {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let uuid = SchemaFormat::KnownFormat(KnownFormat::Uuid);
        let schema = Object::with_type(BasicType::String).format(uuid);
        let parameter = Parameter::new("id").location(ParameterIn::Path).required(true);
        operation.parameters.insert(parameter.description("Which one.").schema(schema));
        document(components, operation, &[ErrorId::NotFound]);
    }
}

/// The `app` in the address of a route, by its name. What cannot be one leads nowhere.
pub(crate) struct PathApp(pub(crate) AppName);

impl<'ex> Extractible<'ex> for PathApp {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        _depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        let name = req.params().get("app").and_then(|text| AppName::parse(text).ok());
        name.map(Self).ok_or(ApiError::new(ErrorId::NotFound))
    }
}

impl EndpointArgRegister for PathApp {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let schema = Object::with_type(BasicType::String).pattern("^[a-z0-9_-]{1,32}$");
        let parameter = Parameter::new("app").location(ParameterIn::Path).required(true);
        let about = "The app's name in the configuration.";
        operation.parameters.insert(parameter.description(about).schema(schema));
        document(components, operation, &[ErrorId::NotFound]);
    }
}
