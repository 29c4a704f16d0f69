//! Who calls: one hoop that checks what stands in `Authorization`, one extractor that tells the result.

use std::sync::Arc;

use domain::model::admin::AdminPrincipal;
use domain::model::service_account::ServiceAccount;
use domain::model::session::claims::Caller;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::use_cases::admin::authenticate::{AuthenticateAdmin, AuthenticateAdminError};
use domain::use_cases::session::authenticate::{Authenticate, AuthenticateError};
use salvo::extract::Metadata;
use salvo::http::header::{HeaderValue, WWW_AUTHENTICATE};
use salvo::http::{HeaderMap, StatusCode};
use salvo::oapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme};
use salvo::oapi::{
    Components, EndpointArgRegister, Operation, SecurityRequirement, SecurityScheme,
};
use salvo::{Depot, Extractible, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::auth::admin_cookie::{ADMIN_COOKIE, ADMIN_HEADER, admin_token};
use crate::auth::credentials::{ServiceCredentials, bearer_token};
use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::openapi::error_responses::{ErrorIds, document};

pub(crate) mod admin_cookie;
pub(crate) mod credentials;

/// Lets only those pass whom its guard knows, and leaves who they are for [`Authenticated`].
pub(crate) struct AuthMiddleware<G>(Arc<G>);

impl<G> AuthMiddleware<G> {
    pub(crate) fn new(guard: G) -> Self {
        Self(Arc::new(guard))
    }
}

impl<G> Clone for AuthMiddleware<G> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Tells who shows these credentials.
pub(crate) trait Authenticator: Send + Sync + 'static {
    /// Who they are.
    type Caller: Send + Sync + 'static;

    /// How to show credentials, for those who did not: the values of `WWW-Authenticate`.
    const CHALLENGES: &'static [&'static str];

    /// The caller, or why they are not let pass.
    fn authenticate(
        &self,
        headers: &HeaderMap,
    ) -> impl Future<Output = Result<Self::Caller, ApiError>> + Send;
}

/// Knows members by their access tokens and sessions.
pub(crate) struct Members(pub(crate) Arc<Authenticate>);

impl Authenticator for Members {
    type Caller = Caller;

    const CHALLENGES: &'static [&'static str] = &["Bearer"];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let token = bearer_token(headers).ok_or(ApiError::new(ErrorId::Unauthenticated))?;
        Ok(self.0.run(token).await?)
    }
}

/// Knows trusted back ends by their keys.
pub(crate) struct ServiceAccounts(pub(crate) Arc<dyn ServiceAccountAuthenticator>);

impl Authenticator for ServiceAccounts {
    type Caller = ServiceAccount;

    const CHALLENGES: &'static [&'static str] = &["Bearer"];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<ServiceAccount, ApiError> {
        let service = bearer_token(headers).and_then(|key| self.0.authenticate(key));
        service.ok_or(ApiError::new(ErrorId::Unauthenticated))
    }
}

/// Knows trusted back ends by their keys, with or without their names, as clients of OAuth show them.
pub(crate) struct OAuthClients(pub(crate) Arc<dyn ServiceAccountAuthenticator>);

/// A trusted back end that calls as a client of OAuth.
pub(crate) struct OAuthClient;

impl Authenticator for OAuthClients {
    type Caller = OAuthClient;

    const CHALLENGES: &'static [&'static str] = &["Bearer", r#"Basic realm="menshen""#];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<OAuthClient, ApiError> {
        let service = service_account(headers, self.0.as_ref());
        service.map(|_| OAuthClient).ok_or(ApiError::new(ErrorId::Unauthenticated))
    }
}

/// The service whose key stands in `Authorization`, in whatever form.
pub(crate) fn service_account(
    headers: &HeaderMap,
    keys: &dyn ServiceAccountAuthenticator,
) -> Option<ServiceAccount> {
    let mut readings = ServiceCredentials::readings(headers).into_iter();
    readings.find_map(|reading| match reading {
        ServiceCredentials::Bearer(key) => keys.authenticate(&key),
        ServiceCredentials::Basic { name, key } => {
            keys.authenticate(&key).filter(|service| service.name == name)
        }
    })
}

/// Knows who may read the metrics: back ends, or anyone where the operator says so.
pub(crate) struct MetricsReaders {
    pub(crate) back_ends: ServiceAccounts,
    pub(crate) public: bool,
}

/// Someone who may read the metrics.
pub(crate) struct MetricsReader;

impl Authenticator for MetricsReaders {
    type Caller = MetricsReader;

    const CHALLENGES: &'static [&'static str] = ServiceAccounts::CHALLENGES;

    async fn authenticate(&self, headers: &HeaderMap) -> Result<MetricsReader, ApiError> {
        if self.public {
            return Ok(MetricsReader);
        }
        self.back_ends.authenticate(headers).await.map(|_| MetricsReader)
    }
}

/// Knows administrators by the cookie of their session.
pub(crate) struct Administrators(pub(crate) Arc<AuthenticateAdmin>);

impl Authenticator for Administrators {
    type Caller = AdminPrincipal;

    /// HTTP has no scheme for cookies.
    const CHALLENGES: &'static [&'static str] = &[];

    async fn authenticate(&self, headers: &HeaderMap) -> Result<AdminPrincipal, ApiError> {
        let token = admin_token(headers).ok_or(ApiError::new(ErrorId::Unauthenticated))?;
        Ok(self.0.run(token).await?)
    }
}

#[async_trait]
impl<G: Authenticator> Handler for AuthMiddleware<G> {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        match self.0.authenticate(req.headers()).await {
            Ok(caller) => {
                depot.insert_typed(Authenticated(caller));
                ctrl.call_next(req, depot, res).await;
            }
            Err(error) => error.write(req, depot, res).await,
        }
        if res.status_code == Some(StatusCode::UNAUTHORIZED) {
            for challenge in G::CHALLENGES {
                let challenge = HeaderValue::from_static(challenge);
                res.headers_mut().append(WWW_AUTHENTICATE, challenge);
            }
        }
    }
}

/// Who the gate before this route let pass.
pub(crate) struct Authenticated<T>(pub(crate) T);

impl<'ex, T: Send + Sync + 'static> Extractible<'ex> for Authenticated<T> {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("");
        &METADATA
    }

    /// Without a gate before the route, nobody is let pass.
    async fn extract(
        _req: &'ex mut Request,
        depot: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + std::fmt::Debug + 'static> {
        depot.remove_typed::<Self>().map_err(|_| ApiError::new(ErrorId::Unauthenticated))
    }
}

/// A kind of caller, as the document tells it.
pub(crate) trait Principal {
    /// What they are told when what they show is not good.
    const IDS: &'static [ErrorId];

    /// What they show: the ways to do so, of which one is enough, each with all that belongs to it by
    /// its name.
    fn security_alternatives() -> Vec<SecurityAlternative>;
}

/// All that somebody shows at once.
type SecurityAlternative = Vec<(&'static str, SecurityScheme)>;

/// One thing is shown.
fn way(name: &'static str, scheme: Http) -> SecurityAlternative {
    vec![(name, SecurityScheme::Http(scheme))]
}

impl Principal for Caller {
    const IDS: &'static [ErrorId] = AuthenticateError::IDS;

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let token = Http::new(HttpAuthScheme::Bearer).bearer_format("JWT").description(
            "The `token` of `POST /login`. `Authorization` takes `Bearer TOKEN` and the bare token alike.",
        );
        vec![way("memberToken", token)]
    }
}

impl Principal for ServiceAccount {
    const IDS: &'static [ErrorId] = &[ErrorId::Unauthenticated];

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let key = Http::new(HttpAuthScheme::Bearer).description(
            "The key of a back end that the operator has configured under `services`.",
        );
        vec![way("serviceKey", key)]
    }
}

impl Principal for MetricsReader {
    const IDS: &'static [ErrorId] = ServiceAccount::IDS;

    fn security_alternatives() -> Vec<SecurityAlternative> {
        ServiceAccount::security_alternatives()
    }
}

impl Principal for OAuthClient {
    const IDS: &'static [ErrorId] = ServiceAccount::IDS;

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let basic = Http::new(HttpAuthScheme::Basic)
            .description("The name of a back end under `services`, and its key as the password.");
        let mut security_alternatives = ServiceAccount::security_alternatives();
        security_alternatives.push(way("serviceBasic", basic));
        security_alternatives
    }
}

impl Principal for AdminPrincipal {
    const IDS: &'static [ErrorId] = AuthenticateAdminError::IDS;

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let cookie = "The cookie of `POST /admin/api/session`.";
        let header = "Any value. A page of another origin cannot send this header, and so cannot use a cookie that is not its own.";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(ADMIN_COOKIE, cookie));
        let header = ApiKey::Header(ApiKeyValue::with_description(ADMIN_HEADER.as_str(), header));
        vec![vec![
            ("adminCookie", SecurityScheme::ApiKey(cookie)),
            ("adminHeader", SecurityScheme::ApiKey(header)),
        ]]
    }
}

impl<T: Principal> EndpointArgRegister for Authenticated<T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        for way in T::security_alternatives() {
            let mut demanded = SecurityRequirement::default();
            for (name, scheme) in way {
                components.security_schemes.insert(name.to_owned(), scheme.into());
                demanded = demanded.add(name, Vec::<String>::new());
            }
            operation.securities.get_or_insert_default().push(demanded);
        }
        document(components, operation, T::IDS);
    }
}
