//! Kinds of callers and their credentials in the OpenAPI document.

use std::collections::BTreeSet;

use domain::model::admin::AdminPrincipal;
use domain::model::service_account::ServiceAccount;
use domain::model::session::claims::Caller;
use domain::use_cases::admin::authenticate::AuthenticateAdminError;
use domain::use_cases::session::authenticate::AuthError;
use salvo::oapi::SecurityScheme;
use salvo::oapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme};

use crate::auth::admin_cookie::{ADMIN_COOKIE, ADMIN_HEADER};
use crate::error::id::ErrorId;
use crate::error::report::ErrorIds;

/// Service account that calls as an OAuth client.
pub(crate) struct OAuthClient;

/// Caller with access to the metrics.
pub(crate) struct MetricsReader;

/// Kind of caller, as the OpenAPI document describes it.
pub(crate) trait Principal: Send + Sync + 'static {
    /// Returns the error ids of rejected credentials.
    fn ids() -> BTreeSet<ErrorId>;

    /// Returns the alternative credentials; one of them suffices.
    fn security_alternatives() -> Vec<SecurityAlternative>;
}

/// Credentials that are required together, each with the name of its security scheme.
pub(crate) type SecurityAlternative = Vec<(&'static str, SecurityScheme)>;

fn http_alternative(name: &'static str, scheme: Http) -> SecurityAlternative {
    vec![(name, SecurityScheme::Http(scheme))]
}

impl Principal for Caller {
    fn ids() -> BTreeSet<ErrorId> {
        AuthError::ids()
    }

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let token = Http::new(HttpAuthScheme::Bearer).bearer_format("JWT").description(
            "The `token` of `POST /login`. `Authorization` accepts `Bearer TOKEN` and the bare token.",
        );
        vec![http_alternative("memberToken", token)]
    }
}

impl Principal for ServiceAccount {
    fn ids() -> BTreeSet<ErrorId> {
        BTreeSet::from([ErrorId::Unauthenticated])
    }

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let key = Http::new(HttpAuthScheme::Bearer)
            .description("The key of a service account, configured under `services`.");
        vec![http_alternative("serviceKey", key)]
    }
}

impl Principal for MetricsReader {
    fn ids() -> BTreeSet<ErrorId> {
        ServiceAccount::ids()
    }

    fn security_alternatives() -> Vec<SecurityAlternative> {
        ServiceAccount::security_alternatives()
    }
}

impl Principal for OAuthClient {
    fn ids() -> BTreeSet<ErrorId> {
        ServiceAccount::ids()
    }

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let basic = Http::new(HttpAuthScheme::Basic)
            .description("The name of a service account, with its key as the password.");
        let mut alternatives = ServiceAccount::security_alternatives();
        alternatives.push(http_alternative("serviceBasic", basic));
        alternatives
    }
}

impl Principal for AdminPrincipal {
    fn ids() -> BTreeSet<ErrorId> {
        AuthenticateAdminError::ids()
    }

    fn security_alternatives() -> Vec<SecurityAlternative> {
        let cookie = "The cookie set by `POST /admin/api/session`.";
        let header = "Any non-empty value. Browsers do not let pages of other origins send this header, which prevents cross-site request forgery.";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description(ADMIN_COOKIE, cookie));
        let header = ApiKey::Header(ApiKeyValue::with_description(ADMIN_HEADER.as_str(), header));
        vec![vec![
            ("adminCookie", SecurityScheme::ApiKey(cookie)),
            ("adminHeader", SecurityScheme::ApiKey(header)),
        ]]
    }
}
