//! Key material for tokens: the signing key pair of access tokens and the MAC key of refresh tokens.

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

/// Prefix of the authenticated bytes of a refresh token, so that a MAC for another purpose is never accepted.
const REFRESH_LABEL: &str = "menshen refresh token, version 1";

/// Length in bytes of the payload of a refresh token: session id and generation.
const PAYLOAD_LENGTH: usize = 16 + 4;

/// Error for bytes that are not a P-256 private key in PKCS#8. It never contains the bytes.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are not a P-256 private key in PKCS#8")]
pub struct InvalidSigningKey(#[from] jsonwebtoken::errors::Error);

/// Key pair that signs access tokens. `Debug` shows the public half only.
#[derive(Debug)]
pub struct SigningKeyPair {
    pub(super) private: EcdsaKeyPair,
    pub(super) public: DecodingKey,
    /// Public half for the JSON Web Key Set. Its id is the RFC 7638 thumbprint, which is the same on every
    /// instance.
    pub(super) published: VerificationKey,
}

impl SigningKeyPair {
    /// Parses a P-256 private key in PKCS#8.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, InvalidSigningKey> {
        // Without an installed provider, jsonwebtoken panics at the first signature if another crate enables its
        // second implementation. A provider that is already installed stays in place.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        let jwk = Jwk::from_encoding_key(&EncodingKey::from_ec_der(der), Algorithm::ES256)?;
        let public = DecodingKey::from_jwk(&jwk)?;
        let id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        let AlgorithmParameters::EllipticCurve(point) = jwk.algorithm else {
            return Err(jsonwebtoken::errors::Error::from(ErrorKind::InvalidEcdsaKey).into());
        };
        // AWS-LC signs directly, because jsonwebtoken would parse the key again for each signature.
        let private = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        let private = private
            .map_err(|_rejected| jsonwebtoken::errors::Error::from(ErrorKind::InvalidEcdsaKey))?;
        Ok(Self { private, public, published: VerificationKey { id, x: point.x, y: point.y } })
    }
}

/// MAC keys of refresh tokens: the current one computes tokens, and former ones are accepted too. `Debug` does
/// not show them.
#[derive(Debug)]
pub struct RefreshKeys {
    current: hmac::Key,
    former: Vec<hmac::Key>,
    /// Label of the epoch. Tokens of other epochs are rejected under every key.
    label: Vec<u8>,
}

impl RefreshKeys {
    /// Creates the keys with the current one, for sessions of epoch 0.
    #[must_use]
    pub fn new(current: &MasterKey) -> Self {
        Self { current: mac_key(current), former: vec![], label: refresh_label(0) }
    }

    /// Adds a former key, whose tokens are accepted until they expire.
    #[must_use]
    pub fn with_former_key(mut self, former: &MasterKey) -> Self {
        self.former.push(mac_key(former));
        self
    }

    /// Computes and accepts tokens of this epoch only.
    #[must_use]
    pub fn in_epoch(self, epoch: u32) -> Self {
        Self { label: refresh_label(epoch), ..self }
    }

    /// Computes the refresh token base64url(session ‖ generation ‖ HMAC-SHA256(label ‖ session ‖ generation)).
    /// The session id is readable, the 256-bit MAC cannot be guessed, and no token needs to be stored.
    pub(super) fn token(&self, session: SessionId, generation: u32) -> RefreshToken {
        let mut token = Zeroizing::new(session.0.into_bytes().to_vec());
        token.extend(generation.to_be_bytes());
        let mac = hmac::sign(&self.current, &[&self.label[..], &token].concat());
        token.extend(mac.as_ref());
        RefreshToken::new(URL_SAFE_NO_PAD.encode(&*token).into())
    }

    /// Claims of a token that [`Self::token`] computed, with the current or a former key.
    pub(super) fn open(&self, token: &str) -> Option<RefreshClaims> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(token).ok()?);
        let (payload, mac) = bytes.split_at_checked(PAYLOAD_LENGTH)?;
        let message = [&self.label[..], payload].concat();
        let mut keys = std::iter::once(&self.current).chain(&self.former);
        keys.find(|key| hmac::verify(key, &message, mac).is_ok())?;
        let (session, generation) = payload.split_first_chunk::<16>()?;
        Some(RefreshClaims {
            session: SessionId(Uuid::from_bytes(*session)),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

fn mac_key(master: &MasterKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, master.bytes())
}

/// Label of an epoch, ended by a NUL. Epoch 0 has the label of versions without epochs.
fn refresh_label(epoch: u32) -> Vec<u8> {
    let label = match epoch {
        0 => format!("{REFRESH_LABEL}\0"),
        epoch => format!("{REFRESH_LABEL}, epoch {epoch}\0"),
    };
    label.into_bytes()
}
