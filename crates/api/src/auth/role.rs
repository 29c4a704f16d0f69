//! Extractor of an administrator with a required role.

use std::marker::PhantomData;

use domain::model::admin::{AdminPrincipal, Role};
use salvo::oapi::{Components, Operation};
use salvo::{Depot, Request};

use crate::auth::authenticated::CallerSource;
use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::document_errors;
use crate::request::extracted::{Extracted, Source};

/// Administrator with the role `R` or a higher one. Other administrators get 403 `forbidden`.
///
/// The use cases check the role again, because they have other callers than the API.
pub(crate) type WithRole<R> = Extracted<RoleSource<R>, AdminPrincipal>;

/// The caller of a route that requires the role `R`.
pub(crate) struct RoleSource<R>(PhantomData<R>);

/// Role as a type.
pub(crate) trait RequiredRole {
    const ROLE: Role;
}

/// [`Role::Viewer`] as a type.
pub(crate) struct Viewer;

/// [`Role::Operator`] as a type.
pub(crate) struct Operator;

/// [`Role::Admin`] as a type.
pub(crate) struct Admin;

impl RequiredRole for Viewer {
    const ROLE: Role = Role::Viewer;
}

impl RequiredRole for Operator {
    const ROLE: Role = Role::Operator;
}

impl RequiredRole for Admin {
    const ROLE: Role = Role::Admin;
}

impl<R: RequiredRole> Source<AdminPrincipal> for RoleSource<R> {
    async fn parse(req: &mut Request, depot: &mut Depot) -> Result<AdminPrincipal, ApiError> {
        let principal = <CallerSource as Source<AdminPrincipal>>::parse(req, depot).await?;
        principal.require_role(R::ROLE)?;
        Ok(principal)
    }

    fn document(components: &mut Components, operation: &mut Operation) {
        <CallerSource as Source<AdminPrincipal>>::document(components, operation);
        operation.extensions.insert("x-role".to_owned(), R::ROLE.name().into());
        document_errors(components, operation, [ErrorId::Forbidden]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::model::admin::{AdminId, AdminName};
    use domain::model::fingerprint::Fingerprint;
    use domain::model::timestamp::Timestamp;
    use prometheus_client::registry::Registry;
    use salvo::test::{ResponseExt, TestClient};
    use salvo::{FlowCtrl, Handler, Response, Router, Service, Writer, async_trait, handler};
    use serde_json::Value;
    use std::time::Duration;
    use testkit::fake::clock::FixedClock;
    use testkit::fake::random::FixedRandom;
    use uuid::Uuid;

    use super::*;
    use crate::metrics::Metrics;
    use crate::middleware::request_lifecycle::RequestLifecycle;
    use crate::request::limits::BodyLimits;
    use crate::server::drain::Drain;

    /// Middleware that signs an administrator in.
    struct SignedIn(Role);

    #[async_trait]
    impl Handler for SignedIn {
        async fn handle(
            &self,
            _req: &mut Request,
            depot: &mut Depot,
            _res: &mut Response,
            _ctrl: &mut FlowCtrl,
        ) {
            depot.insert_typed(AdminPrincipal {
                id: AdminId(Uuid::nil()),
                name: AdminName::parse("ann").unwrap(),
                role: self.0,
                session: Fingerprint([0; 32]),
                expires_at: Timestamp::from_unix_millis(0),
            });
        }
    }

    /// Handlers whose use cases check no role.
    #[handler]
    async fn viewers_only(_by: WithRole<Viewer>) -> &'static str {
        "done"
    }

    #[handler]
    async fn operators_only(_by: WithRole<Operator>) -> &'static str {
        "done"
    }

    #[handler]
    async fn admins_only(_by: WithRole<Admin>) -> &'static str {
        "done"
    }

    fn service(router: Router) -> Service {
        Service::new(router).hoop(RequestLifecycle {
            clock: Arc::new(FixedClock::default()),
            random: Arc::new(FixedRandom::default()),
            body_limits: BodyLimits { bytes: 0, timeout: Duration::ZERO },
            trusted_proxies: vec![],
            metrics: Metrics::new(Registry::default()),
            drain: Drain::default(),
        })
    }

    async fn status_and_error(service: &Service, path: &str) -> (u16, Value) {
        let mut response = TestClient::get(format!("http://localhost/{path}")).send(service).await;
        let status = response.status_code.unwrap().as_u16();
        let body = response.take_string().await.unwrap();
        let error = serde_json::from_str::<Value>(&body).map(|body| body["error"].clone());
        (status, error.unwrap_or_default())
    }

    #[tokio::test]
    async fn lower_role_is_forbidden_although_the_handler_checks_nothing() {
        for &role in Role::ALL {
            let router = Router::new()
                .hoop(SignedIn(role))
                .push(Router::with_path("viewer").get(viewers_only))
                .push(Router::with_path("operator").get(operators_only))
                .push(Router::with_path("admin").get(admins_only));
            let service = service(router);
            for &required in Role::ALL {
                let expected =
                    if role >= required { (200, Value::Null) } else { (403, "forbidden".into()) };
                let actual = status_and_error(&service, required.name()).await;
                assert_eq!(actual, expected, "{} calls {}", role.name(), required.name());
            }
        }
    }

    #[tokio::test]
    async fn unauthenticated_caller_has_no_role() {
        let service = service(Router::with_path("viewer").get(viewers_only));
        let actual = status_and_error(&service, "viewer").await;
        assert_eq!(actual, (401, "unauthenticated".into()));
    }
}
