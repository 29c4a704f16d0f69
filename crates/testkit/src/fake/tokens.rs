//! Fake tokens: unsigned names whose claims are looked up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use domain::model::clock::Clock;
use domain::model::secret::{AccessToken, RefreshToken};
use domain::model::session::claims::{AccessClaims, RefreshClaims};
use domain::model::session::{Session, SessionId};
use domain::model::signing_key::GeneratedKey;
use domain::ports::signing_keys::{GenerateKeyError, KeyGenerator};
use domain::ports::tokens::{SigningError, TokenIssuer, TokenRejected, TokenVerifier};

/// Issues tokens and stores their claims.
pub struct MemoryTokens {
    clock: Arc<dyn Clock>,
    issued: Mutex<HashMap<String, AccessClaims>>,
}

impl MemoryTokens {
    /// Creates an issuer. Tokens expire by the clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, issued: Mutex::default() }
    }

    /// Returns the claims of a token, expired or not.
    #[must_use]
    pub fn claims(&self, token: &str) -> Option<AccessClaims> {
        self.issued.lock().unwrap().get(token).cloned()
    }
}

impl TokenIssuer for MemoryTokens {
    fn access_token(&self, claims: &AccessClaims) -> Result<AccessToken, SigningError> {
        let token = format!("access-{}", claims.id);
        self.issued.lock().unwrap().insert(token.clone(), claims.clone());
        Ok(AccessToken::new(token.into()))
    }

    fn refresh_token(&self, session: &Session) -> RefreshToken {
        RefreshToken::new(format!("refresh-{}-{}", session.id.0, session.generation).into())
    }
}

impl TokenVerifier for MemoryTokens {
    fn verify(&self, token: &str) -> Result<AccessClaims, TokenRejected> {
        let claims = self.claims(token).ok_or(TokenRejected::Invalid)?;
        if claims.expires_at <= self.clock.now() {
            return Err(TokenRejected::Expired);
        }
        Ok(claims)
    }

    fn open_access_token(&self, token: &str) -> Option<AccessClaims> {
        self.claims(token)
    }

    fn open_refresh_token(&self, token: &str) -> Option<RefreshClaims> {
        let (session, generation) = token.strip_prefix("refresh-")?.rsplit_once('-')?;
        let session = SessionId(session.parse().ok()?);
        Some(RefreshClaims { session, generation: generation.parse().ok()? })
    }
}

/// Generates placeholder signing keys: numbered ids without key material.
#[derive(Debug, Default)]
pub struct MemoryKeyGenerator(AtomicU32);

impl KeyGenerator for MemoryKeyGenerator {
    fn generate(&self) -> Result<GeneratedKey, GenerateKeyError> {
        let id = format!("key-{}", self.0.fetch_add(1, Ordering::SeqCst) + 1);
        Ok(GeneratedKey { sealed: format!("sealed {id}").into(), id })
    }
}
