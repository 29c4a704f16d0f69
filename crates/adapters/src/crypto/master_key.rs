//! Random bytes that other keys come from, in Base64, from the configuration or a file of their own.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::error::Unspecified;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

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

/// More than any key file holds, in bytes.
const FILE_MAX: u64 = 16 * 1024;

/// Why a file gives no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or made.
    #[error("the key file {} can be neither read nor made", path.display())]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than the owner may read the file, so the key in it may be known.
    #[error("the key file {0} is open to others: run `chmod 600 {0}`", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
    },
    /// What the file holds is no key.
    #[error("the key file {} holds no key: remove it, and a new one is made", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MasterKeyError,
    },
}

/// The key in the file at `path`, which is made of what `generate` gives where there is none.
/// Several processes may do so at once: all get the same key.
pub(crate) fn load_or_create(
    path: &Path,
    generate: impl Fn() -> io::Result<SecretString>,
) -> Result<MasterKey, KeyFileError> {
    let unavailable = |source| KeyFileError::Unavailable { path: path.to_owned(), source };
    let file = open_or_create(path, generate).map_err(unavailable)?;
    if is_open_to_others(&file).map_err(unavailable)? {
        return Err(KeyFileError::OpenToOthers { path: path.to_owned() });
    }
    let text = io::read_to_string(file.take(FILE_MAX)).map_err(unavailable)?;
    MasterKey::from_base64(SecretString::from(text).expose_secret())
        .map_err(|source| KeyFileError::NoKey { path: path.to_owned(), source })
}

fn open_or_create(
    path: &Path,
    generate: impl Fn() -> io::Result<SecretString>,
) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path, &generate()?)?;
            File::open(path)
        }
        opened => opened,
    }
}

/// Makes the file whole or not at all: nobody ever sees half a key.
fn create(path: &Path, content: &SecretString) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A temporary file has mode 0600.
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(content.expose_secret().as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        Ok(_) => Ok(()),
        // Another process came first: the key is the one it made.
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(refused.error),
    }
}

/// Asks the opened file, not the path, which may mean another file by now.
#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Where there are no such permissions, the folder's rules must do.
#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}
