//! Master keys: the random bytes that other keys are derived from, read from the configuration or a key file.

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

/// Minimum length of a master key in bytes.
const MIN_KEY_LENGTH: usize = 32;

/// Minimum number of distinct bytes in a master key. 32 random bytes have fewer with a probability of 10⁻¹⁶;
/// patterns such as `000…` always do.
const MIN_DISTINCT_BYTES: usize = 16;

/// Maximum number of bytes read from a key file.
const MAX_FILE_SIZE: u64 = 16 * 1024;

/// Master key of at least 32 random bytes. `Debug` does not show them.
pub struct MasterKey(Zeroizing<Vec<u8>>);

/// Error of parsing a master key. It never contains the text.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is not Base64. The decoder's error is not a source, because it contains a byte of the text.
    #[error("the key is not Base64: make one with `openssl rand -base64 32`")]
    NotBase64,
    /// The key is too short to be unguessable.
    #[error(
        "the key has {0} bytes and needs {MIN_KEY_LENGTH}: make one with `openssl rand -base64 32`"
    )]
    TooShort(usize),
    /// The key is long enough but follows a pattern.
    #[error("the key is not random: make one with `openssl rand -base64 32`")]
    NotRandom,
}

impl MasterKey {
    /// Parses at least 32 random bytes in Base64. (Hexadecimal text is valid Base64 too and is accepted if it
    /// decodes to enough bytes.)
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
        // The decoder's error is dropped: it contains a byte of the text.
        let Ok(bytes) = bytes else { return Err(MasterKeyError::NotBase64) };
        if bytes.len() < MIN_KEY_LENGTH {
            return Err(MasterKeyError::TooShort(bytes.len()));
        }
        if bytes.iter().collect::<HashSet<_>>().len() < MIN_DISTINCT_BYTES {
            return Err(MasterKeyError::NotRandom);
        }
        Ok(Self(bytes))
    }

    /// Loads the key from a file that only its owner can access, and creates the file if it does not exist.
    /// For development only: instances that share a database need the same key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        load_or_create(path, generate_base64)
    }

    /// Generates a new random key.
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        let mut bytes = Zeroizing::new(vec![0; MIN_KEY_LENGTH]);
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Restores a key from its stored bytes.
    pub(crate) fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Key bytes.
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

/// Error of loading a key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file can neither be read nor created.
    #[error("the key file {} can be neither read nor created", path.display())]
    Unavailable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Users other than the owner can access the file, so the key may be compromised.
    #[error("the key file {0} is accessible by other users: run `chmod 600 {0}`", path.display())]
    InsecurePermissions {
        /// Path of the file.
        path: PathBuf,
    },
    /// The content of the file is not a key.
    #[error("the key file {} contains no valid key: remove it to create a new one", path.display())]
    InvalidKey {
        /// Path of the file.
        path: PathBuf,
        /// Error of parsing the key.
        source: MasterKeyError,
    },
}

/// Loads the key from the file at `path`, and creates the file with the text of `generate` if it does not exist.
/// Processes that run this concurrently all get the same key.
pub(crate) fn load_or_create(
    path: &Path,
    generate: impl Fn() -> io::Result<SecretString>,
) -> Result<MasterKey, KeyFileError> {
    let unavailable = |source| KeyFileError::Unavailable { path: path.to_owned(), source };
    let file = open_or_create(path, generate).map_err(unavailable)?;
    if is_accessible_by_others(&file).map_err(unavailable)? {
        return Err(KeyFileError::InsecurePermissions { path: path.to_owned() });
    }
    let text = io::read_to_string(file.take(MAX_FILE_SIZE)).map_err(unavailable)?;
    MasterKey::from_base64(SecretString::from(text).expose_secret())
        .map_err(|source| KeyFileError::InvalidKey { path: path.to_owned(), source })
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

/// Creates the file atomically, so that no process ever reads a partial key.
fn create(path: &Path, content: &SecretString) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // `NamedTempFile` creates the file with mode 0600.
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(content.expose_secret().as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        Ok(_) => Ok(()),
        // Another process created the file first. Its key is used.
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(refused.error),
    }
}

/// Checks the permissions of the opened file rather than the path, which may refer to another file by now.
#[cfg(unix)]
fn is_accessible_by_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Returns false: without Unix permissions, the access rules of the folder protect the file.
#[cfg(not(unix))]
fn is_accessible_by_others(_: &File) -> io::Result<bool> {
    Ok(false)
}
