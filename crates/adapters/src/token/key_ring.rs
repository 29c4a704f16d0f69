//! The keys that sign and verify, and the one form of token they do it for.

use std::collections::HashMap;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::model::signing_key::VerificationKey;
use domain::ports::tokens::SigningError;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

use super::keys::SigningPair;

/// The longest token that is looked at, in bytes. Ours stay far below.
const TOKEN_MAX: usize = 4096;

/// The type of a JWT access token (RFC 9068); keeps other tokens under the same key from being
/// taken for one.
const TYPE: &str = "at+jwt";

/// One key that signs, and every key whose tokens are accepted: its own, those before it, and the one
/// after it, with which another instance may sign a moment earlier.
#[derive(Debug)]
pub struct KeyRing {
    signing: SigningPair,
    verifying: HashMap<String, DecodingKey>,
    published: Vec<VerificationKey>,
}

/// The header of a token, exactly: `crit`, `jwk`, `jku`, `x5u`, `x5c`, `zip`, `b64`, `cty` and all
/// else that we do not write ourselves makes it unreadable, as do a name that comes twice and
/// letters written as escapes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

impl KeyRing {
    /// Signs with `signing` and accepts what it signed.
    #[must_use]
    pub fn new(signing: SigningPair) -> Self {
        let published = vec![signing.published.clone()];
        let verifying = HashMap::from([(signing.published.id.clone(), signing.public.clone())]);
        Self { signing, verifying, published }
    }

    /// Accepts, besides, what `other` signs.
    #[must_use]
    pub fn also_accepting(mut self, other: SigningPair) -> Self {
        self.verifying.insert(other.published.id.clone(), other.public);
        self.published.push(other.published);
        self
    }

    /// The public halves of all keys whose tokens are accepted.
    pub(super) fn published(&self) -> &[VerificationKey] {
        &self.published
    }

    /// A token that says `claims`.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        let fault = |error: serde_json::Error| SigningError(error.into());
        let header = StrictHeader { alg: "ES256", typ: TYPE, kid: &self.signing.published.id };
        let header = serde_json::to_vec(&header).map_err(fault)?;
        let claims = serde_json::to_vec(claims).map_err(fault)?;
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signing.private.sign(&SystemRandom::new(), token.as_bytes());
        let signature = signature.map_err(|error| SigningError(error.into()))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The payload of a token that one of the keys signed; it is not read before that is known.
    pub(super) fn open(&self, token: &str) -> Option<Vec<u8>> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let signed = is_signed(message, signature, self.key_for(header)?);
        if signed { URL_SAFE_NO_PAD.decode(payload).ok() } else { None }
    }

    /// The key a header names: found in memory or not at all, whatever the name looks like.
    fn key_for(&self, header: &str) -> Option<&DecodingKey> {
        let json = URL_SAFE_NO_PAD.decode(header).ok()?;
        let StrictHeader { alg, typ, kid } = parse_object(&json)?;
        // Media types ignore case. RFC 9068 lets others write `application/at+jwt`; we do not.
        let ours = alg == "ES256" && typ.eq_ignore_ascii_case(TYPE);
        self.verifying.get(kid).filter(|_| ours)
    }
}

/// Whether `signature` is one of `message` by ES256.
fn is_signed(message: &str, signature: &str, key: &DecodingKey) -> bool {
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::ES256)
        .is_ok_and(|genuine| genuine)
}

/// Reads a JSON object, and only an object: serde takes an array for a struct as well.
pub(super) fn parse_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if json.first() == Some(&b'{') { serde_json::from_slice(json).ok() } else { None }
}

/// Wycheproof's JSON Web Signatures: those by ES256 against the check of signatures alone (what a
/// header may say is stricter here than in RFC 7515, and tested apart), all of them against the whole.
#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use jsonwebtoken::jwk::Jwk;
    use serde_json::Value;
    use wycheproof_ng_kdf_jose::json_web::{Test, TestName, TestSet};

    use super::*;

    /// Every test of two sets, with the public key of its group.
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
    fn wycheproofs_es256_signatures_are_told_apart() {
        let (mut valid, mut invalid) = (0, 0);
        for (key, test) in vectors() {
            if key["crv"] != "P-256" || key["alg"] != "ES256" {
                continue;
            }
            let token = text(&test);
            let (message, signature) = token.rsplit_once('.').unwrap_or((&token, ""));
            let accepted = is_signed(message, signature, &public(&key));
            let expected = !test.result.must_fail();
            assert_eq!(accepted, expected, "test {}, {}", test.tc_id, test.comment);
            *(if expected { &mut valid } else { &mut invalid }) += 1;
        }
        assert_eq!((valid, invalid), (3, 51), "so many there are");
    }

    #[test]
    fn none_of_wycheproofs_signatures_is_a_token_of_ours() {
        let mut refused = 0;
        for (key, test) in vectors() {
            let own = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let own = SigningPair::from_pkcs8(own.to_pkcs8v1().unwrap().as_ref()).unwrap();
            let mut ring = KeyRing::new(own);
            if key["crv"] == "P-256" && key["kty"] == "EC" {
                let kid = key["kid"].as_str().unwrap().to_owned();
                ring.verifying.insert(kid, public(&key));
            }
            assert_eq!(ring.open(&text(&test)), None, "test {}, {}", test.tc_id, test.comment);
            refused += 1;
        }
        assert_eq!(refused, 450, "so many there are");
    }
}
