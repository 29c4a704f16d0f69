//! Who calls: one hoop that checks what stands in `Authorization`, one extractor that tells the result.

use std::sync::Arc;

use domain::ports::services::{Service, ServiceAuthenticator};
use domain::ports::tokens::{Caller, TokenVerifier};
use salvo::extract::Metadata;
use salvo::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use salvo::http::{HeaderMap, StatusCode};
use salvo::oapi::security::{Http, HttpAuthScheme};
use salvo::oapi::{
    Components, EndpointArgRegister, Operation, SecurityRequirement, SecurityScheme,
};
use salvo::{Depot, Extractible, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::error::ApiError;
use crate::error::documented::document;
use crate::error::id::ErrorId;

/// The longest `Authorization` that is looked at, in bytes: a token of 4 KiB and its scheme.
const AUTHORIZATION_MAX: usize = 4096 + "Bearer ".len();

/// Tells who shows a token.
type Check<T> = dyn Fn(&str) -> Result<T, ApiError> + Send + Sync;

/// Lets only those pass whose token is good, and leaves who they are for [`Authenticated`].
#[derive(Clone)]
pub(crate) struct Gate<T> {
    check: Arc<Check<T>>,
}

impl Gate<Caller> {
    /// Lets members pass.
    pub(crate) fn for_members(tokens: Arc<dyn TokenVerifier>) -> Self {
        Self { check: Arc::new(move |token| Ok(tokens.verify(token)?)) }
    }
}

impl Gate<Service> {
    /// Lets trusted back ends pass.
    pub(crate) fn for_services(services: Arc<dyn ServiceAuthenticator>) -> Self {
        let unknown = || ApiError::new(ErrorId::Unauthenticated);
        Self { check: Arc::new(move |key| services.authenticate(key).ok_or_else(unknown)) }
    }
}

#[async_trait]
impl<T: Send + Sync + 'static> Handler for Gate<T> {
    async fn handle(
        &self,
        req: &mut Request,
        depot: &mut Depot,
        res: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let token = bearer_token(req.headers()).ok_or(ApiError::new(ErrorId::Unauthenticated));
        match token.and_then(|token| (self.check)(token)) {
            Ok(caller) => {
                depot.insert_typed(Authenticated(caller));
                ctrl.call_next(req, depot, res).await;
            }
            Err(error) => error.write(req, depot, res).await,
        }
        if res.status_code == Some(StatusCode::UNAUTHORIZED) {
            res.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
}

/// What follows `Bearer`, in any case, or else the whole of the one `Authorization` there is.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let line = line.to_str().ok().filter(|line| line.len() <= AUTHORIZATION_MAX)?;
    let token = match line.split_once(' ') {
        None => line,
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) => return None,
    };
    (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then_some(token)
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
    /// The name of what they show.
    const SCHEME: &'static str;

    /// What they show.
    fn scheme() -> SecurityScheme;

    /// What they are told when it is not good.
    const IDS: &'static [ErrorId];
}

impl Principal for Caller {
    const SCHEME: &'static str = "memberToken";
    const IDS: &'static [ErrorId] = &[ErrorId::Unauthenticated, ErrorId::TokenExpired];

    fn scheme() -> SecurityScheme {
        let token = Http::new(HttpAuthScheme::Bearer).bearer_format("JWT").description(
            "The `token` of `POST /login`. `Authorization` takes `Bearer TOKEN` and the bare token alike.",
        );
        SecurityScheme::Http(token)
    }
}

impl Principal for Service {
    const SCHEME: &'static str = "serviceKey";
    const IDS: &'static [ErrorId] = &[ErrorId::Unauthenticated];

    fn scheme() -> SecurityScheme {
        let key = Http::new(HttpAuthScheme::Bearer).description(
            "The key of a back end that the operator has configured under `services`.",
        );
        SecurityScheme::Http(key)
    }
}

impl<T: Principal> EndpointArgRegister for Authenticated<T> {
    fn register(components: &mut Components, operation: &mut Operation, _arg: &str) {
        components.security_schemes.insert(T::SCHEME.to_owned(), T::scheme().into());
        let requirement = SecurityRequirement::new(T::SCHEME, Vec::<String>::new());
        operation.securities.get_or_insert_default().push(requirement);
        document(components, operation, T::IDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        }
        bearer_token(&headers).map(str::to_owned)
    }

    #[test]
    fn a_token_comes_with_its_scheme_or_bare() {
        for line in ["Bearer a.b-c_d", "bearer a.b-c_d", "BEARER   a.b-c_d ", "a.b-c_d"] {
            assert_eq!(token(&[line.as_bytes()]).as_deref(), Some("a.b-c_d"), "{line}");
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        let long = format!("Bearer {}", "x".repeat(4097));
        for line in [
            "",
            " ",
            "Bearer ",
            "Basic YTpi",
            "Bearer a b",
            "Bearer a,b c",
            "Bearer\ta",
            &long,
            "Bearer é",
        ] {
            assert_eq!(token(&[line.as_bytes()]), None, "{line}");
        }
        assert_eq!(token(&[]), None);
        assert_eq!(token(&[b"Bearer a", b"Bearer a"]), None, "two are one too many");
        assert_eq!(token(&[b"Bearer \xff"]), None);
        assert_eq!(token(&[&long.as_bytes()[..long.len() - 1]]).map(|t| t.len()), Some(4096));
    }
}
