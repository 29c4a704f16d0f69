//! The keys under which tokens are made: a pair that signs, a secret that refresh tokens come from.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::model::secret::RefreshToken;
use domain::model::session::SessionId;
use domain::model::session::claims::RefreshClaims;
use domain::model::signing_key::VerificationKey;
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use crate::crypto::master_key::MasterKey;

/// What a refresh token's authenticator covers first, so that it cannot be one of another kind.
const REFRESH_LABEL: &[u8] = b"menshen refresh token, version 1\0";

/// How many bytes of a refresh token say something: session and generation.
const SAID: usize = 16 + 4;

/// Bytes that are no P-256 private key in PKCS#8; they are never part of it.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are no P-256 private key in PKCS#8")]
pub struct NoSigningPair(#[from] jsonwebtoken::errors::Error);

/// A key pair that signs access tokens. Its `Debug` shows the public half only.
#[derive(Debug)]
pub struct SigningPair {
    pub(super) private: EcdsaKeyPair,
    pub(super) public: DecodingKey,
    /// The public half as others are told it, under the RFC 7638 thumbprint as its name: the same
    /// wherever the key is.
    pub(super) published: VerificationKey,
}

impl SigningPair {
    /// Takes a P-256 private key in PKCS#8.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, NoSigningPair> {
        // Without this, jsonwebtoken panics at the first signature in a program in which something
        // else switches on its second implementation. Where one was chosen before, that one stays.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        let jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(der), Algorithm::ES256)?;
        let public = DecodingKey::from_jwk(&jwk)?;
        let id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        let AlgorithmParameters::EllipticCurve(point) = jwk.algorithm else {
            return Err(jsonwebtoken::errors::Error::from(ErrorKind::InvalidEcdsaKey).into());
        };
        // jsonwebtoken would read the key anew for each signature.
        let private = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        let private = private
            .map_err(|_rejected| jsonwebtoken::errors::Error::from(ErrorKind::InvalidEcdsaKey))?;
        Ok(Self { private, public, published: VerificationKey { id, x: point.x, y: point.y } })
    }
}

/// The secret from which refresh tokens are computed. Its `Debug` shows nothing of it.
#[derive(Debug)]
pub struct RefreshKey(hmac::Key);

impl RefreshKey {
    /// The key that comes from `master`.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.bytes()))
    }

    /// base64url(session ‖ generation ‖ HMAC-SHA256(label ‖ session ‖ generation)): which session
    /// is meant can be read, the 256 bits behind it cannot be guessed, and none needs to be stored.
    pub(super) fn token(&self, session: SessionId, generation: u32) -> RefreshToken {
        let mut token = Zeroizing::new(session.0.into_bytes().to_vec());
        token.extend(generation.to_be_bytes());
        let authenticator = hmac::sign(&self.0, &[REFRESH_LABEL, &token].concat());
        token.extend(authenticator.as_ref());
        RefreshToken::new(URL_SAFE_NO_PAD.encode(&*token).into())
    }

    /// What a token says that [`Self::token`] made.
    pub(super) fn open(&self, token: &str) -> Option<RefreshClaims> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(token).ok()?);
        let (said, authenticator) = bytes.split_at_checked(SAID)?;
        hmac::verify(&self.0, &[REFRESH_LABEL, said].concat(), authenticator).ok()?;
        let (session, generation) = said.split_first_chunk::<16>()?;
        Some(RefreshClaims {
            session: SessionId(Uuid::from_bytes(*session)),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }
}
