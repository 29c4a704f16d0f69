//! Authenticators for members, service accounts, metrics readers and administrators.

use std::sync::Arc;

use domain::model::admin::AdminPrincipal;
use domain::model::service_account::ServiceAccount;
use domain::model::session::claims::Caller;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::use_cases::admin::authenticate::AuthenticateAdmin;
use domain::use_cases::session::authenticate::Authenticate;
use salvo::http::HeaderMap;

use crate::auth::admin_cookie::admin_token;
use crate::auth::credentials::{ServiceCredentials, bearer_token};
use crate::auth::middleware::Authenticator;
use crate::auth::principal::{MetricsReader, OAuthClient};
use crate::error::ApiError;
use crate::error::id::ErrorId;

/// Authenticates members by their access tokens.
pub(crate) struct Members(pub(crate) Arc<Authenticate>);

impl Authenticator for Members {
    type Caller = Caller;

    const CHALLENGES: &'static [&'static str] = &["Bearer"];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let token = bearer_token(headers).ok_or(ApiError::new(ErrorId::Unauthenticated))?;
        Ok(self.0.run(token).await?)
    }
}

/// Authenticates service accounts by their keys.
pub(crate) struct ServiceAccounts(pub(crate) Arc<dyn ServiceAccountAuthenticator>);

impl Authenticator for ServiceAccounts {
    type Caller = ServiceAccount;

    const CHALLENGES: &'static [&'static str] = &["Bearer"];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<ServiceAccount, ApiError> {
        let service = bearer_token(headers).and_then(|key| self.0.authenticate(key));
        service.ok_or(ApiError::new(ErrorId::Unauthenticated))
    }
}

/// Authenticates service accounts as OAuth clients: by the key alone, or by name and key.
pub(crate) struct OAuthClients(pub(crate) Arc<dyn ServiceAccountAuthenticator>);

impl Authenticator for OAuthClients {
    type Caller = OAuthClient;

    const CHALLENGES: &'static [&'static str] = &["Bearer", r#"Basic realm="menshen""#];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<OAuthClient, ApiError> {
        let service = find_service_account(headers, self.0.as_ref());
        service.map(|_| OAuthClient).ok_or(ApiError::new(ErrorId::Unauthenticated))
    }
}

/// Finds the service account by the key in `Authorization`, as bearer token or with HTTP Basic.
pub(crate) fn find_service_account(
    headers: &HeaderMap,
    accounts: &dyn ServiceAccountAuthenticator,
) -> Option<ServiceAccount> {
    let mut candidates = ServiceCredentials::candidates(headers).into_iter();
    candidates.find_map(|credentials| match credentials {
        ServiceCredentials::Bearer(key) => accounts.authenticate(&key),
        ServiceCredentials::Basic { name, key } => {
            accounts.authenticate(&key).filter(|service| service.name == name)
        }
    })
}

/// Authenticates readers of the metrics: service accounts, or every caller if metrics are public.
pub(crate) struct MetricsReaders {
    pub(crate) service_accounts: ServiceAccounts,
    pub(crate) public: bool,
}

impl Authenticator for MetricsReaders {
    type Caller = MetricsReader;

    const CHALLENGES: &'static [&'static str] = ServiceAccounts::CHALLENGES;

    async fn authenticate(&self, headers: &HeaderMap) -> Result<MetricsReader, ApiError> {
        if self.public {
            return Ok(MetricsReader);
        }
        self.service_accounts.authenticate(headers).await.map(|_| MetricsReader)
    }
}

/// Authenticates administrators by their session cookies.
pub(crate) struct Administrators(pub(crate) Arc<AuthenticateAdmin>);

impl Authenticator for Administrators {
    type Caller = AdminPrincipal;

    /// Empty: HTTP has no authentication scheme for cookies.
    const CHALLENGES: &'static [&'static str] = &[];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<AdminPrincipal, ApiError> {
        let token = admin_token(headers).ok_or(ApiError::new(ErrorId::Unauthenticated))?;
        Ok(self.0.run(token).await?)
    }
}
