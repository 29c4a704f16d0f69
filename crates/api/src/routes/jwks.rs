//! Route of the JSON Web Key Set with the public keys of access tokens.

use std::sync::Arc;

use domain::model::signing_key::VerificationKey;
use domain::ports::signing_keys::VerificationKeys;
use salvo::craft::craft;
use salvo::http::header::{CACHE_CONTROL, HeaderValue};
use salvo::oapi::{
    BasicType, Components, Content, EndpointOutRegister, Header, Object, Operation, Response,
    ToSchema,
};
use salvo::writing::{Json, Writer};
use salvo::{Depot, Request, async_trait};
use serde::Serialize;

/// Caching of the key set by clients.
///
/// New keys are published long before they sign, so that no client misses them. After the revocation of a
/// leaked key, clients may accept it for this time.
const CACHE_POLICY: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Handler of the JSON Web Key Set.
#[derive(Clone)]
pub struct JwksApi {
    pub(crate) keys: Arc<dyn VerificationKeys>,
}

#[expect(clippy::unused_async, reason = "handlers are async, and this one awaits nothing")]
#[craft]
impl JwksApi {
    /// Get the JSON Web Key Set
    ///
    /// Public keys that verify access tokens, by RFC 7517. No authentication. Fetch the set again if a
    /// token has an unknown `kid`.
    #[craft(endpoint(operation_id = "getJwks", tags("service accounts")))]
    pub(crate) async fn get_jwks(&self) -> JsonWebKeySet {
        JsonWebKeySet {
            keys: self.keys.verification_keys().into_iter().map(JsonWebKey::from).collect(),
        }
    }
}

/// Public keys of all valid access tokens, and the key that signs next.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "JsonWebKeySet"))]
pub(crate) struct JsonWebKeySet {
    keys: Vec<JsonWebKey>,
}

/// Public key for ES256: a point on the curve P-256.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "JsonWebKey"))]
struct JsonWebKey {
    /// Always `EC`.
    kty: &'static str,
    /// Always `P-256`.
    crv: &'static str,
    /// X coordinate in Base64url.
    x: String,
    /// Y coordinate in Base64url.
    y: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    #[salvo(schema(rename = "use"))]
    purpose: &'static str,
    /// Always `ES256`.
    alg: &'static str,
    /// Key id, as in the header of tokens.
    kid: String,
}

impl From<VerificationKey> for JsonWebKey {
    fn from(key: VerificationKey) -> Self {
        let VerificationKey { id, x, y } = key;
        Self { kty: "EC", crv: "P-256", x, y, purpose: "sig", alg: "ES256", kid: id }
    }
}

#[async_trait]
impl Writer for JsonWebKeySet {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        res.headers_mut().insert(CACHE_CONTROL, CACHE_POLICY);
        res.render(Json(self));
    }
}

impl EndpointOutRegister for JsonWebKeySet {
    fn register(components: &mut Components, operation: &mut Operation) {
        let keys = Content::new(Self::to_schema(components));
        let mut response = Response::new("Success.").add_content("application/json", keys);
        let cache_control = Header::new(Object::with_type(BasicType::String)).required(true);
        let cache_control =
            cache_control.description("Clients may cache the set for five minutes.");
        response.headers.insert(CACHE_CONTROL.to_string(), cache_control);
        operation.responses.insert("200", response);
    }
}
