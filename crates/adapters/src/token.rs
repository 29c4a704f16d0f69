//! Access tokens as JWTs signed with ES256, and refresh tokens that are computed instead of stored.
//!
//! The algorithm is ES256 (ECDSA over P-256). `EdDSA` is faster, but fewer resource servers can verify it: Spring
//! Security's `SignatureAlgorithm`, auth0's java-jwt and npm's `jsonwebtoken` support ES256 and not `EdDSA`, while
//! Go's and Node's `jose` support both. RFC 8725 (JWT best current practices) recommends a single algorithm that
//! a token cannot choose.

mod claims;
pub mod key_ring;
pub mod key_vault;
pub mod keys;

use std::sync::{Arc, PoisonError, RwLock};

use domain::model::clock::Clock;
use domain::model::secret::{AccessToken, RefreshToken};
use domain::model::session::Session;
use domain::model::session::claims::{AccessClaims, RefreshClaims};
use domain::model::signing_key::VerificationKey;
use domain::ports::signing_keys::VerificationKeys;
use domain::ports::tokens::{SigningError, TokenIssuer, TokenRejected, TokenVerifier};

use claims::Claims;
use key_ring::KeyRing;
use keys::RefreshKeys;

/// Issuer and audience of the tokens.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// Claim `iss`: the name of this installation, by convention its public URL.
    pub issuer: String,
    /// Claim `aud`: the name of the services that may accept the tokens. Installations that share a signing key
    /// must use different audiences.
    pub audience: String,
}

/// Issuer and verifier of tokens.
pub struct Es256Tokens {
    settings: TokenSettings,
    /// Signing keys. The lock is held only to clone or replace the `Arc`, never while a token is signed.
    keys: RwLock<Arc<KeyRing>>,
    refresh_keys: RefreshKeys,
    clock: Arc<dyn Clock>,
}

impl Es256Tokens {
    /// Creates the issuer with these settings and keys.
    #[must_use]
    pub fn new(
        settings: TokenSettings,
        keys: KeyRing,
        refresh_keys: RefreshKeys,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { settings, keys: RwLock::new(Arc::new(keys)), refresh_keys, clock }
    }

    /// Replaces the signing and verification keys.
    pub fn replace_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Claims of a token with a valid signature, issuer and audience, expired or not.
    fn validate_ignoring_expiry(&self, token: &str) -> Option<AccessClaims> {
        let payload = self.keys().verify(token)?;
        Claims::parse(&payload)?.validate(&self.settings, self.clock.now())
    }
}

impl TokenIssuer for Es256Tokens {
    fn access_token(&self, claims: &AccessClaims) -> Result<AccessToken, SigningError> {
        let claims = Claims::new(&self.settings, claims);
        Ok(AccessToken::new(self.keys().sign(&claims)?.into()))
    }

    fn refresh_token(&self, session: &Session) -> RefreshToken {
        self.refresh_keys.token(session.id, session.generation)
    }
}

impl TokenVerifier for Es256Tokens {
    fn verify(&self, token: &str) -> Result<AccessClaims, TokenRejected> {
        let claims = self.validate_ignoring_expiry(token).ok_or(TokenRejected::Invalid)?;
        // The expiry is checked last, so that `Expired` is reported only for a token that is otherwise valid.
        if claims.expires_at <= self.clock.now() {
            return Err(TokenRejected::Expired);
        }
        Ok(claims)
    }

    fn open_access_token(&self, token: &str) -> Option<AccessClaims> {
        self.validate_ignoring_expiry(token)
    }

    fn open_refresh_token(&self, token: &str) -> Option<RefreshClaims> {
        self.refresh_keys.open(token)
    }
}

impl VerificationKeys for Es256Tokens {
    fn verification_keys(&self) -> Vec<VerificationKey> {
        self.keys().published().to_vec()
    }
}
