//! A key in a file of its own, made on first use.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use crate::master_key::{MasterKey, MasterKeyError};

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
