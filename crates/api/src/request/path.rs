//! Parameters in the path of a request: ids and app names.

use domain::model::app::name::AppName;
use domain::model::session::SessionId;
use salvo::oapi::{
    BasicType, Components, KnownFormat, Object, Operation, Parameter, ParameterIn, SchemaFormat,
};
use salvo::{Depot, Request};
use uuid::Uuid;

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document_errors;
use crate::request::extracted::{Extracted, Source};

/// Length of an id in its hyphenated form, the only one that is accepted.
const ID_LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;

/// Value of a path parameter.
pub(crate) type Path<T> = Extracted<PathSource, T>;

/// The path. A malformed parameter is reported as `not_found`.
pub(crate) struct PathSource;

/// Type of a path parameter.
pub(crate) trait PathParameter: Sized + Send {
    /// Name of the parameter in the route.
    const NAME: &'static str;

    /// Description in the OpenAPI document.
    const DESCRIPTION: &'static str;

    fn parse(text: &str) -> Option<Self>;

    fn schema() -> Object;
}

impl<T: PathParameter> Source<T> for PathSource {
    async fn parse(req: &mut Request, _depot: &mut Depot) -> Result<T, ApiError> {
        let parameter = req.params().get(T::NAME).and_then(|text| T::parse(text));
        parameter.ok_or(ApiError::new(ErrorId::NotFound))
    }

    fn document(components: &mut Components, operation: &mut Operation) {
        let parameter = Parameter::new(T::NAME).location(ParameterIn::Path).required(true);
        operation.parameters.insert(parameter.description(T::DESCRIPTION).schema(T::schema()));
        document_errors(components, operation, [ErrorId::NotFound]);
    }
}

impl PathParameter for Uuid {
    const NAME: &'static str = "id";
    const DESCRIPTION: &'static str = "Id of the resource.";

    fn parse(text: &str) -> Option<Self> {
        if text.len() != ID_LENGTH {
            return None;
        }
        Self::try_parse(text).ok()
    }

    fn schema() -> Object {
        Object::with_type(BasicType::String).format(SchemaFormat::KnownFormat(KnownFormat::Uuid))
    }
}

impl PathParameter for SessionId {
    const NAME: &'static str = "session";
    const DESCRIPTION: &'static str = "Id of the member's session.";

    fn parse(text: &str) -> Option<Self> {
        <Uuid as PathParameter>::parse(text).map(Self)
    }

    fn schema() -> Object {
        <Uuid as PathParameter>::schema()
    }
}

impl PathParameter for AppName {
    const NAME: &'static str = "app";
    const DESCRIPTION: &'static str = "Name of the app.";

    fn parse(text: &str) -> Option<Self> {
        AppName::parse(text).ok()
    }

    fn schema() -> Object {
        Object::with_type(BasicType::String).pattern("^[a-z0-9_-]{1,32}$")
    }
}
