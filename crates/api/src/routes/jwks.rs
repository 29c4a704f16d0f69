//! The public keys with which anyone can check access tokens.

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

/// How long others may keep the keys. A new key is told long before it signs, so nobody misses it; one
/// that is taken back in an emergency is believed elsewhere for this long.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The route for whoever checks tokens.
#[derive(Clone)]
pub struct JwksApi {
    pub(crate) keys: Arc<dyn VerificationKeys>,
}

#[expect(clippy::unused_async, reason = "a handler is async, even one that only tells keys")]
#[craft]
impl JwksApi {
    /// Tell the keys of access tokens
    ///
    /// By RFC 7517, for all to see. Fetch them again when a token names a key that is not among them.
    #[craft(endpoint(operation_id = "jwks", tags("back ends")))]
    pub(crate) async fn jwks(&self) -> KeySet {
        KeySet { keys: self.keys.verification_keys().into_iter().map(PublicKey::from).collect() }
    }
}

/// The keys of all tokens that may be good now, or will be soon.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "KeySet"))]
pub(crate) struct KeySet {
    keys: Vec<PublicKey>,
}

/// A point on the curve P-256 that checks signatures by ES256.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "PublicKey"))]
struct PublicKey {
    /// Always `EC`.
    kty: &'static str,
    /// Always `P-256`.
    crv: &'static str,
    /// The first coordinate, in Base64 for URLs.
    x: String,
    /// The second coordinate, likewise.
    y: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    #[salvo(schema(rename = "use"))]
    purpose: &'static str,
    /// Always `ES256`.
    alg: &'static str,
    /// How tokens name the key.
    kid: String,
}

impl From<VerificationKey> for PublicKey {
    fn from(key: VerificationKey) -> Self {
        let VerificationKey { id, x, y } = key;
        Self { kty: "EC", crv: "P-256", x, y, purpose: "sig", alg: "ES256", kid: id }
    }
}

#[async_trait]
impl Writer for KeySet {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        res.headers_mut().insert(CACHE_CONTROL, CACHING);
        res.render(Json(self));
    }
}

impl EndpointOutRegister for KeySet {
    fn register(components: &mut Components, operation: &mut Operation) {
        let keys = Content::new(Self::to_schema(components));
        let mut response = Response::new("The keys.").add_content("application/json", keys);
        let caching = Header::new(Object::with_type(BasicType::String)).required(true);
        let caching = caching.description("For how long they may be kept: five minutes.");
        response.headers.insert(CACHE_CONTROL.to_string(), caching);
        operation.responses.insert("200", response);
    }
}
