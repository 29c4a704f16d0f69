//! Extractor of the authenticated caller.

use salvo::oapi::{Components, Operation, SecurityRequirement};
use salvo::{Depot, Request};

use crate::auth::principal::Principal;
use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document_errors;
use crate::request::extracted::{Extracted, Source};

/// Caller that the [`AuthMiddleware`](crate::auth::middleware::AuthMiddleware) of the route has
/// authenticated.
pub(crate) type Authenticated<T> = Extracted<CallerSource, T>;

/// The caller stored by the middleware.
pub(crate) struct CallerSource;

impl<T: Principal> Source<T> for CallerSource {
    /// Fails with `unauthenticated` if the route has no authentication middleware.
    async fn parse(_req: &mut Request, depot: &mut Depot) -> Result<T, ApiError> {
        depot.remove_typed::<T>().map_err(|_| ApiError::new(ErrorId::Unauthenticated))
    }

    fn document(components: &mut Components, operation: &mut Operation) {
        for alternative in T::security_alternatives() {
            let mut requirement = SecurityRequirement::default();
            for (name, scheme) in alternative {
                components.security_schemes.insert(name.to_owned(), scheme.into());
                requirement = requirement.add(name, Vec::<String>::new());
            }
            operation.securities.get_or_insert_default().push(requirement);
        }
        document_errors(components, operation, T::ids());
    }
}
