//! Signing and verification keys, and the only token format that they accept.

use std::collections::HashMap;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::model::signing_key::VerificationKey;
use domain::ports::tokens::SigningError;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

use super::keys::SigningKeyPair;

/// Maximum length in bytes of a token to verify. Issued tokens are much shorter.
const MAX_TOKEN_LENGTH: usize = 4096;

/// Type of a JWT access token (RFC 9068). It keeps other tokens signed with the same key from being accepted as
/// access tokens.
const TOKEN_TYPE: &str = "at+jwt";

/// Current signing key and all verification keys: the current key, the keys before it, and the next key, which
/// another instance may start to use a moment earlier.
#[derive(Debug)]
pub struct KeyRing {
    signing: SigningKeyPair,
    verifying: HashMap<String, DecodingKey>,
    published: Vec<VerificationKey>,
}

/// Header of a token. Any other header parameter (`crit`, `jwk`, `jku`, `x5u`, `x5c`, `zip`, `b64`, `cty`, …) is
/// rejected, as are duplicate names and escaped characters.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

impl KeyRing {
    /// Creates a ring that signs and verifies with `signing`.
    #[must_use]
    pub fn new(signing: SigningKeyPair) -> Self {
        let published = vec![signing.published.clone()];
        let verifying = HashMap::from([(signing.published.id.clone(), signing.public.clone())]);
        Self { signing, verifying, published }
    }

    /// Adds a key whose tokens are accepted.
    #[must_use]
    pub fn with_verification_key(mut self, other: SigningKeyPair) -> Self {
        self.verifying.insert(other.published.id.clone(), other.public);
        self.published.push(other.published);
        self
    }

    /// Public halves of all keys whose tokens are accepted.
    pub(super) fn published(&self) -> &[VerificationKey] {
        &self.published
    }

    /// Signs a token with these claims.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        let json_error = |error: serde_json::Error| SigningError(error.into());
        let header =
            StrictHeader { alg: "ES256", typ: TOKEN_TYPE, kid: &self.signing.published.id };
        let header = serde_json::to_vec(&header).map_err(json_error)?;
        let claims = serde_json::to_vec(claims).map_err(json_error)?;
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signing.private.sign(&SystemRandom::new(), token.as_bytes());
        let signature = signature.map_err(|error| SigningError(error.into()))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// Verifies a token and returns its payload. The payload is not decoded before the signature is verified.
    pub(super) fn verify(&self, token: &str) -> Option<Vec<u8>> {
        if token.len() > MAX_TOKEN_LENGTH {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        if !is_valid_signature(message, signature, self.key_for(header)?) {
            return None;
        }
        URL_SAFE_NO_PAD.decode(payload).ok()
    }

    /// Looks up the key that a header names. Keys come from memory only, no matter what the name looks like.
    fn key_for(&self, header: &str) -> Option<&DecodingKey> {
        let json = URL_SAFE_NO_PAD.decode(header).ok()?;
        let StrictHeader { alg, typ, kid } = parse_object(&json)?;
        // Media types ignore case. RFC 9068 also allows `application/at+jwt`, which is never issued here.
        let is_supported = alg == "ES256" && typ.eq_ignore_ascii_case(TOKEN_TYPE);
        self.verifying.get(kid).filter(|_| is_supported)
    }
}

/// Verifies an ES256 signature of `message`.
fn is_valid_signature(message: &str, signature: &str, key: &DecodingKey) -> bool {
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::ES256)
        .is_ok_and(|is_valid| is_valid)
}

/// Parses a JSON object. The first character is checked because serde accepts an array for a struct as well.
pub(super) fn parse_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if json.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// Test vectors of Wycheproof for JSON Web Signatures. The ES256 vectors test the signature check alone, because
/// the header check is stricter than RFC 7515 and has its own tests. All vectors test the whole verification.
#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use jsonwebtoken::jwk::Jwk;
    use serde_json::Value;
    use wycheproof_ng_kdf_jose::json_web::{Test, TestName, TestSet};

    use super::*;

    /// Tests of two sets, each with the public key of its group.
    fn vectors() -> Vec<(Value, Test)> {
        let sets = [TestName::JsonWebSignature, TestName::JsonWebCrypto];
        let groups = sets.into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups);
        groups
            .flat_map(|group| {
                let key = group.public_key.or(group.private_key).unwrap_or_default();
                group.tests.into_iter().map(move |test| (key.clone(), test))
            })
            .filter(|(_, test)| test.jws.is_some())
            .collect()
    }

    fn text(test: &Test) -> String {
        let jws = test.jws.clone().unwrap();
        jws.as_str().map_or_else(|| jws.to_string(), str::to_owned)
    }

    fn public(key: &Value) -> DecodingKey {
        let jwk: Jwk = serde_json::from_value(key.clone()).unwrap();
        DecodingKey::from_jwk(&jwk).unwrap()
    }

    #[test]
    fn wycheproof_es256_signatures_are_verified() {
        let mut valid = 0;
        let mut invalid = 0;
        for (key, test) in vectors() {
            if key["crv"] != "P-256" || key["alg"] != "ES256" {
                continue;
            }
            let token = text(&test);
            let (message, signature) = token.rsplit_once('.').unwrap_or((&token, ""));
            let accepted = is_valid_signature(message, signature, &public(&key));
            let expected = !test.result.must_fail();
            assert_eq!(accepted, expected, "test {}, {}", test.tc_id, test.comment);
            *(if expected { &mut valid } else { &mut invalid }) += 1;
        }
        assert_eq!((valid, invalid), (3, 51), "number of vectors");
    }

    #[test]
    fn no_wycheproof_signature_is_an_access_token() {
        let mut rejected = 0;
        for (key, test) in vectors() {
            let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .unwrap()
                .to_pkcs8v1()
                .unwrap();
            let pair = SigningKeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
            let mut ring = KeyRing::new(pair);
            if key["crv"] == "P-256" && key["kty"] == "EC" {
                let kid = key["kid"].as_str().unwrap().to_owned();
                ring.verifying.insert(kid, public(&key));
            }
            assert_eq!(ring.verify(&text(&test)), None, "test {}, {}", test.tc_id, test.comment);
            rejected += 1;
        }
        assert_eq!(rejected, 450, "number of vectors");
    }
}
