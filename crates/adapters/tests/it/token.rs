//! Issuing and verification of tokens, with the example key of RFC 7515.

mod forgery;
mod key_vault;
mod keys;
mod outbound;
mod refresh;
mod time;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use adapters::crypto::master_key::MasterKey;
use adapters::token::key_ring::KeyRing;
use adapters::token::keys::{RefreshKeys, SigningKeyPair};
use adapters::token::{Es256Tokens, TokenSettings};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::model::app::name::AppName;
use domain::model::clock::Clock;
use domain::model::member::MemberId;
use domain::model::member::nickname::Nickname;
use domain::model::session::SessionId;
use domain::model::session::claims::{AccessClaims, Caller};
use domain::model::signing_key::VerificationKey;
use domain::model::timestamp::Timestamp;
use domain::ports::signing_keys::VerificationKeys;
use domain::ports::tokens::{TokenIssuer, TokenRejected, TokenVerifier};
use serde_json::{Value, json};
use uuid::Uuid;

/// RFC 7515, appendix A.3.1.
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
/// SHA-256 of `{"crv":"P-256","kty":"EC","x":"…","y":"…"}` in base64url, computed with Python.
const KID: &str = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";

const ISSUER: &str = "https://login.example.com";
const AUDIENCE: &str = "example-services";
const MEMBER: &str = "018f2c5e-0000-7000-8000-00000000000a";
const SESSION: &str = "018f2c5e-0000-7000-8000-00000000000b";
const JTI: &str = "018f2c5e-0000-7000-8000-00000000000c";
const REFRESH_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// 2026-11-20T10:00:00Z, in seconds.
const NOW: i64 = 1_795_168_800;

/// Clock set by tests, in seconds.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

/// Tokens with the published key, and their clock, which is set to [`NOW`].
fn tokens() -> (Es256Tokens, Arc<SetClock>) {
    let clock = Arc::new(SetClock(AtomicI64::new(NOW)));
    (tokens_with_keys(KeyRing::new(published_key().signing_pair()), clock.clone()), clock)
}

fn tokens_with_keys(keys: KeyRing, clock: Arc<SetClock>) -> Es256Tokens {
    let settings = TokenSettings { issuer: ISSUER.into(), audience: AUDIENCE.into() };
    let master = MasterKey::from_base64(REFRESH_KEY).unwrap();
    Es256Tokens::new(settings, keys, RefreshKeys::new(&master), clock)
}

fn access_claims() -> AccessClaims {
    AccessClaims {
        member: MemberId(MEMBER.parse().unwrap()),
        session: SessionId(SESSION.parse().unwrap()),
        app: AppName::parse("main").unwrap(),
        name: Nickname::parse("好柿开花8915").unwrap(),
        issued_at: at(NOW - 60),
        expires_at: at(NOW + 3540),
        id: JTI.parse().unwrap(),
    }
}

fn caller() -> Caller {
    let AccessClaims { member, session, app, .. } = access_claims();
    Caller { member, session, app }
}

/// Key pair that signs any message.
struct TokenForger(EcdsaKeyPair);

fn published_key() -> TokenForger {
    let bytes = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
    let public = [vec![4], bytes(X), bytes(Y)].concat();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    TokenForger(
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, &bytes(D), &public).unwrap(),
    )
}

fn another_key() -> TokenForger {
    TokenForger(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
}

impl TokenForger {
    fn signing_pair(&self) -> SigningKeyPair {
        SigningKeyPair::from_pkcs8(self.0.to_pkcs8v1().unwrap().as_ref()).unwrap()
    }

    /// Uncompressed public point.
    fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn signature(&self, message: &str) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
    }

    /// Signs two encoded parts.
    fn sign_parts(&self, header: &str, payload: &str) -> String {
        let message = format!("{header}.{payload}");
        let signature = self.signature(&message);
        format!("{message}.{}", b64(signature))
    }

    /// Signs a token with any header and claims.
    fn sign_token(&self, header: impl Into<Json>, claims: impl Into<Json>) -> String {
        self.sign_parts(&b64(header.into().0), &b64(claims.into().0))
    }
}

/// Text of a header or payload, which need not be valid JSON.
struct Json(String);

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "at+jwt", "kid": KID })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": MEMBER, "sid": SESSION, "app": "main",
        "name": "好柿开花8915", "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 3540, "jti": JTI,
    })
}

fn with(mut object: Value, member: &str, value: impl Into<Value>) -> Value {
    object[member] = value.into();
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member).unwrap();
    object
}

/// Inserts raw JSON, such as `1e400` or a second `"exp"`, at the start of an object.
fn prefixed(object: &Value, members: &str) -> String {
    object.to_string().replacen('{', &format!("{{{members},"), 1)
}

#[test]
fn access_token_header_and_claims() {
    let token = tokens().0.access_token(&access_claims()).unwrap();
    let parts: Vec<Value> = token
        .expose()
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts, [header(), claims()]);
}

#[test]
fn issued_access_token_is_accepted_and_identifies_the_caller() {
    let (tokens, _) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    assert_eq!(tokens.verify(token.expose()), Ok(access_claims()));
}

#[test]
fn access_token_with_the_longest_nickname_is_accepted() {
    let (tokens, _) = tokens();
    for letter in ["🍅", "\"", "\\"] {
        let name = Nickname::parse(&letter.repeat(64)).unwrap();
        let app = AppName::parse(&"a".repeat(32)).unwrap();
        let token = tokens.access_token(&AccessClaims { name, app, ..access_claims() }).unwrap();
        assert!(tokens.verify(token.expose()).is_ok(), "{letter}");
    }
}

#[test]
fn equivalent_token_encodings_are_accepted() {
    let (tokens, _) = tokens();
    let forger = published_key();
    let long = |length: usize| {
        let pad = |n| forger.sign_token(header(), with(claims(), "pad", "x".repeat(n)));
        (0..length).map(pad).find(|token| token.len() == length).unwrap()
    };
    for token in [
        forger.sign_token(header(), claims()),
        forger.sign_token(with(header(), "typ", "AT+jwt"), claims()),
        forger.sign_token(format!("{:#}", header()), format!("{:#}", claims())),
        forger
            .sign_token(header(), with(claims(), "scope", json!(["of", "a", "later", "version"]))),
        long(4096),
    ] {
        assert_eq!(tokens.verify(&token).map(|claims| claims.caller()), Ok(caller()), "{token}");
    }
}

#[test]
fn former_key_is_accepted_until_it_is_removed() {
    let (tokens, clock) = tokens();
    let former = another_key();
    let old = tokens_with_keys(KeyRing::new(former.signing_pair()), clock);
    let old = old.access_token(&access_claims()).unwrap();

    tokens.replace_keys(
        KeyRing::new(published_key().signing_pair()).with_verification_key(former.signing_pair()),
    );
    let new = tokens.access_token(&access_claims()).unwrap();
    for token in [&old, &new] {
        assert_eq!(tokens.verify(token.expose()).map(|claims| claims.caller()), Ok(caller()));
    }

    tokens.replace_keys(KeyRing::new(published_key().signing_pair()));
    let verified = tokens.verify(new.expose()).map(|claims| claims.caller());
    assert_eq!(verified, Ok(caller()), "the new key signs");
    assert_eq!(tokens.verify(old.expose()), Err(TokenRejected::Invalid));
}

#[test]
fn expired_access_token_can_be_opened_and_a_forged_one_cannot() {
    let (tokens, clock) = tokens();
    let token = tokens.access_token(&access_claims()).unwrap();
    clock.0.store(NOW + 1_000_000, Ordering::Relaxed);
    assert_eq!(tokens.verify(token.expose()), Err(TokenRejected::Expired));
    assert_eq!(tokens.open_access_token(token.expose()), Some(access_claims()));
    for forged in [
        another_key().sign_token(header(), claims()),
        published_key().sign_token(header(), with(claims(), "aud", "others")),
        published_key().sign_token(header(), with(claims(), "iat", NOW + 2_000_000)),
    ] {
        assert_eq!(tokens.open_access_token(&forged), None, "{forged}");
    }
}

#[test]
fn access_tokens_of_one_session_have_different_ids() {
    let (tokens, _) = tokens();
    let other = AccessClaims { id: Uuid::nil(), ..access_claims() };
    let one = tokens.access_token(&access_claims());
    let two = tokens.access_token(&other);
    assert_ne!(one.unwrap().expose(), two.unwrap().expose());
}

#[test]
fn verification_keys_are_published() {
    let (tokens, _) = tokens();
    let published = VerificationKey { id: KID.into(), x: X.into(), y: Y.into() };
    assert_eq!(tokens.verification_keys(), [published]);
}
