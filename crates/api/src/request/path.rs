//! What an address ends in: ids, or an app.

use domain::model::app::name::AppName;
use domain::model::session::SessionId;
use salvo::extract::Metadata;
use salvo::oapi::{
    BasicType, Components, EndpointArgRegister, KnownFormat, Object, Operation, Parameter,
    ParameterIn, SchemaFormat,
};
use salvo::{Depot, Extractible, Request, Writer};
use uuid::Uuid;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document;

/// How long an id is in the one form in which it is handed out.
const LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;

/// A part of the address of a route. What cannot be one leads nowhere.
pub(crate) struct Path<T>(pub(crate) T);

/// Something that stands in an address.
pub(crate) trait PathParameter: Sized + Send {
    /// Its name in the route.
    const NAME: &'static str;

    /// What the document says of it.
    const DESCRIPTION: &'static str;

    fn parse(text: &str) -> Option<Self>;

    fn schema() -> Object;
}

impl<'ex, T: PathParameter> Extractible<'ex> for Path<T> {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    async fn extract(
        req: &'ex mut Request,
        _depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        let part = req.params().get(T::NAME).and_then(|text| T::parse(text));
        part.map(Self).ok_or(ApiError::new(ErrorId::NotFound))
    }
}

impl<T: PathParameter> EndpointArgRegister for Path<T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        let parameter = Parameter::new(T::NAME).location(ParameterIn::Path).required(true);
        operation.parameters.insert(parameter.description(T::DESCRIPTION).schema(T::schema()));
        document(components, operation, &[ErrorId::NotFound]);
    }
}

impl PathParameter for Uuid {
    const NAME: &'static str = "id";
    const DESCRIPTION: &'static str = "Which one.";

    fn parse(text: &str) -> Option<Self> {
        let text = Some(text).filter(|text| text.len() == LENGTH)?;
        Self::try_parse(text).ok()
    }

    fn schema() -> Object {
        Object::with_type(BasicType::String).format(SchemaFormat::KnownFormat(KnownFormat::Uuid))
    }
}

impl PathParameter for SessionId {
    const NAME: &'static str = "session";
    const DESCRIPTION: &'static str = "Which of the member's sessions.";

    fn parse(text: &str) -> Option<Self> {
        <Uuid as PathParameter>::parse(text).map(Self)
    }

    fn schema() -> Object {
        <Uuid as PathParameter>::schema()
    }
}

impl PathParameter for AppName {
    const NAME: &'static str = "app";
    const DESCRIPTION: &'static str = "The app's name here.";

    fn parse(text: &str) -> Option<Self> {
        AppName::parse(text).ok()
    }

    fn schema() -> Object {
        Object::with_type(BasicType::String).pattern("^[a-z0-9_-]{1,32}$")
    }
}
