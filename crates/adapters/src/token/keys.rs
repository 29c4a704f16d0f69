//! The keys under which tokens are made: a pair that signs, a secret that refresh tokens come from.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::ports::tokens::{RefreshClaims, VerificationKey};
use domain::secret::RefreshToken;
use domain::session::SessionId;
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use super::key_file::{KeyFileError, load_or_create};

/// The shortest secret that refresh tokens may come from, in bytes.
const REFRESH_KEY_MIN: usize = 32;

/// How many different bytes a secret has at least: 32 random ones have fewer once in 10¹⁶ times,
/// `000…` and its like always.
const DIFFERENT_BYTES_MIN: usize = 16;

/// What a refresh token's authenticator covers first, so that it cannot be one of another kind.
const REFRESH_LABEL: &[u8] = b"menshen refresh token, version 1\0";

/// How many bytes of a refresh token say something: session and generation.
const SAID: usize = 16 + 4;

/// Why a text is no key; the text is never part of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not what [`SigningKey::from_pem`] takes.
    #[error(
        "the signing key is no P-256 private key in unencrypted PKCS#8 PEM: make one with \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    NoSigningKey(#[source] jsonwebtoken::errors::Error),
    /// Not Base64. It has no source, because that would tell bytes of the text.
    #[error("the refresh key is not Base64: make one with `openssl rand -base64 32`")]
    NoBase64,
    /// Too little to be unguessable.
    #[error(
        "the refresh key has {0} bytes and needs {REFRESH_KEY_MIN}: make one with \
         `openssl rand -base64 32`"
    )]
    TooShort(usize),
    /// Long, but filled with a pattern.
    #[error("the refresh key is not random: make one with `openssl rand -base64 32`")]
    NotRandom,
}

/// The private key that signs access tokens. Its `Debug` shows the public half only.
#[derive(Debug)]
pub struct SigningKey {
    pub(super) private: EncodingKey,
    pub(super) public: DecodingKey,
    /// The public half as others are told it, under the RFC 7638 thumbprint as its name: the same
    /// wherever the key is.
    pub(super) published: VerificationKey,
}

impl SigningKey {
    /// Takes a P-256 private key in PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        // Without this, jsonwebtoken panics at the first signature in a program in which something
        // else switches on its second implementation. Where one was chosen before, that one stays.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        Self::parse(pem).map_err(KeyError::NoSigningKey)
    }

    /// Takes the key from a file that only its owner can read; makes both where there is no file.
    /// For development: instances that share members need the same key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        load_or_create(path, Self::generate_pem, Self::from_pem)
    }

    fn parse(pem: &str) -> jsonwebtoken::errors::Result<Self> {
        let private = EncodingKey::from_ec_pem(pem.as_bytes())?;
        let jwk = Jwk::from_encoding_key(&private, Algorithm::ES256)?;
        let public = DecodingKey::from_jwk(&jwk)?;
        let id = jwk.thumbprint(ThumbprintHash::SHA256)?;
        let AlgorithmParameters::EllipticCurve(point) = jwk.algorithm else {
            return Err(ErrorKind::InvalidEcdsaKey.into());
        };
        Ok(Self { private, public, published: VerificationKey { id, x: point.x, y: point.y } })
    }

    fn generate_pem() -> io::Result<SecretString> {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(io::Error::other)?;
        let base64 = Zeroizing::new(STANDARD.encode(&pkcs8));
        let mut pem = String::with_capacity(2 * base64.len());
        pem.push_str("-----BEGIN PRIVATE KEY-----");
        for (place, letter) in base64.chars().enumerate() {
            if place % 64 == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        Ok(pem.into())
    }
}

/// The secret from which refresh tokens are computed. Its `Debug` shows nothing of it.
#[derive(Debug)]
pub struct RefreshKey(hmac::Key);

impl RefreshKey {
    /// Takes at least 32 random bytes in Base64. (Hexadecimal text passes for Base64 and serves as
    /// well, if it stands for as many bytes.)
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
        // The cause holds a byte of the text.
        let Ok(bytes) = bytes else { return Err(KeyError::NoBase64) };
        if bytes.len() < REFRESH_KEY_MIN {
            return Err(KeyError::TooShort(bytes.len()));
        }
        if bytes.iter().collect::<HashSet<_>>().len() < DIFFERENT_BYTES_MIN {
            return Err(KeyError::NotRandom);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Takes the key from a file that only its owner can read; makes both where there is no file.
    /// For development: instances that share members need the same key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        load_or_create(path, Self::generate_base64, Self::from_base64)
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

    fn generate_base64() -> io::Result<SecretString> {
        let mut bytes = Zeroizing::new([0; REFRESH_KEY_MIN]);
        aws_lc_rs::rand::fill(&mut *bytes).map_err(io::Error::other)?;
        Ok((STANDARD.encode(*bytes) + "\n").into())
    }
}
