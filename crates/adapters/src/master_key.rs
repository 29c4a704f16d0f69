//! Random bytes that other keys come from, in Base64, from the configuration or a file of their own.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::Path;

use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::key_file::{KeyFileError, load_or_create};

/// The fewest bytes that are unguessable.
const BYTES_MIN: usize = 32;

/// How many different bytes a key has at least: 32 random ones have fewer once in 10¹⁶ times,
/// `000…` and its like always.
const DIFFERENT_BYTES_MIN: usize = 16;

/// At least 32 random bytes. Its `Debug` shows nothing of them.
pub struct MasterKey(Zeroizing<Vec<u8>>);

/// Why a text is no key; the text is never part of it.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Not Base64. It has no source, because that would tell bytes of the text.
    #[error("the key is not Base64: make one with `openssl rand -base64 32`")]
    NoBase64,
    /// Too little to be unguessable.
    #[error("the key has {0} bytes and needs {BYTES_MIN}: make one with `openssl rand -base64 32`")]
    TooShort(usize),
    /// Long, but filled with a pattern.
    #[error("the key is not random: make one with `openssl rand -base64 32`")]
    NotRandom,
}

impl MasterKey {
    /// Takes at least 32 random bytes in Base64. (Hexadecimal text passes for Base64 and serves as
    /// well, if it stands for as many bytes.)
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
        // The cause holds a byte of the text.
        let Ok(bytes) = bytes else { return Err(MasterKeyError::NoBase64) };
        if bytes.len() < BYTES_MIN {
            return Err(MasterKeyError::TooShort(bytes.len()));
        }
        if bytes.iter().collect::<HashSet<_>>().len() < DIFFERENT_BYTES_MIN {
            return Err(MasterKeyError::NotRandom);
        }
        Ok(Self(bytes))
    }

    /// Takes the key from a file that only its owner can read; makes both where there is no file.
    /// For development: instances that share members need the same key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        load_or_create(path, generate_base64)
    }

    /// A key that nobody has seen.
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        let mut bytes = Zeroizing::new(vec![0; BYTES_MIN]);
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The key that was kept as these bytes.
    pub(crate) fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

fn generate_base64() -> io::Result<SecretString> {
    let key = MasterKey::generate().map_err(io::Error::other)?;
    Ok((STANDARD.encode(key.bytes()) + "\n").into())
}
