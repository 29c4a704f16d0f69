//! Access tokens as JWTs signed with ES256, and refresh tokens that are computed instead of stored.
//!
//! ES256 (ECDSA over P-256) and not `EdDSA`, although that is quicker, because of who verifies:
//! Spring Security's `SignatureAlgorithm`, auth0's java-jwt and npm's `jsonwebtoken` know ES256 but
//! no `EdDSA`, while Go's and Node's `jose` know both. There is one algorithm, as RFC 8725 (the best
//! current practice of JWT) asks, and no way for a token to choose another.

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
use keys::RefreshKey;

/// Who issues tokens, and for whom.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// `iss`: the name of this installation, by custom its public URL.
    pub issuer: String,
    /// `aud`: the name of the services that may accept the tokens. Installations that share a key
    /// must not share this.
    pub audience: String,
}

/// Issues tokens and checks them, by the time its clock tells.
pub struct Es256Tokens {
    settings: TokenSettings,
    /// Locked only to take the ring out or to put another one in, never while a token is made.
    keys: RwLock<Arc<KeyRing>>,
    refresh_key: RefreshKey,
    clock: Arc<dyn Clock>,
}

impl Es256Tokens {
    /// Tokens of this issuer, under these keys.
    #[must_use]
    pub fn new(
        settings: TokenSettings,
        keys: KeyRing,
        refresh_key: RefreshKey,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { settings, keys: RwLock::new(Arc::new(keys)), refresh_key, clock }
    }

    /// Signs and accepts with other keys from now on.
    pub fn replace_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a token says that these keys signed for this audience, however old it is.
    fn genuine(&self, token: &str) -> Option<AccessClaims> {
        let signed = self.keys().open(token)?;
        Claims::parse(&signed)?.check(&self.settings, self.clock.now())
    }
}

impl TokenIssuer for Es256Tokens {
    fn access_token(&self, claims: &AccessClaims) -> Result<AccessToken, SigningError> {
        let claims = Claims::new(&self.settings, claims);
        Ok(AccessToken::new(self.keys().sign(&claims)?.into()))
    }

    fn refresh_token(&self, session: &Session) -> RefreshToken {
        self.refresh_key.token(session.id, session.generation)
    }
}

impl TokenVerifier for Es256Tokens {
    fn verify(&self, token: &str) -> Result<AccessClaims, TokenRejected> {
        let claims = self.genuine(token).ok_or(TokenRejected::Invalid)?;
        // Last, so that only a token that is right in all else is told to be too old.
        let ended = claims.expires_at <= self.clock.now();
        if ended { Err(TokenRejected::Expired) } else { Ok(claims) }
    }

    fn open_access_token(&self, token: &str) -> Option<AccessClaims> {
        self.genuine(token)
    }

    fn open_refresh_token(&self, token: &str) -> Option<RefreshClaims> {
        self.refresh_key.open(token)
    }
}

impl VerificationKeys for Es256Tokens {
    fn verification_keys(&self) -> Vec<VerificationKey> {
        self.keys().published().to_vec()
    }
}
