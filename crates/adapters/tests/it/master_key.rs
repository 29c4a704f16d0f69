//! Master keys: format, key files, and absence of key bytes in errors.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use adapters::crypto::master_key::{KeyFileError, MasterKey, MasterKeyError};
use adapters::crypto::sealer::SealingKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Error text with all sources, as an operator reads it.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn master_key_is_at_least_32_random_bytes() {
    let random: Vec<u8> = (0..32).collect();
    for valid in [
        STANDARD.encode(&random),
        STANDARD.encode([&random[..], &random].concat()) + "\n",
        // `openssl rand -hex 32`
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
    ] {
        assert!(MasterKey::from_base64(&valid).is_ok(), "{valid}");
    }
    for (invalid, reason) in [
        ("", "has 0 bytes"),
        (STANDARD.encode(&random[..31]).as_str(), "has 31 bytes"),
        (&STANDARD.encode([0; 32]), "is not random"),
        (&STANDARD.encode([0x55; 64]), "is not random"),
        (&STANDARD.encode("changeme".repeat(8)), "is not random"),
        (&"0".repeat(64), "is not random"),
        (&"0123456789abcdef".repeat(4), "is not random"),
        ("canary_canary-canary_canary-canary_canary-canary", "is not Base64"),
    ] {
        let error = MasterKey::from_base64(invalid).unwrap_err();
        let text = chain(&error);
        assert!(text.contains(reason) && text.contains("`openssl rand -base64 32`"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

/// Id of the sealing key that is derived from the key in a file.
fn key_in(path: &Path) -> Result<String, KeyFileError> {
    MasterKey::load_or_create(path).map(|key| format!("{:?}", SealingKey::new(&key)))
}

#[test]
fn key_file_is_created_once_with_mode_0600() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/deep/key");
    let made = key_in(&path).unwrap();
    assert_eq!(mode(&path), 0o600);

    let before = fs::read(&path).unwrap();
    assert_eq!(key_in(&path).unwrap(), made);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "no temporary file remains"
    );
    assert_ne!(key_in(&folder.path().join("other")).unwrap(), made);
}

#[test]
fn key_file_with_open_permissions_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    key_in(&path).unwrap();
    for open in [0o640, 0o604, 0o644, 0o660, 0o620, 0o601, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        let error = key_in(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::InsecurePermissions { .. }), "{open:o}");
        let remedy = format!("`chmod 600 {}`", path.display());
        assert!(error.to_string().contains(&remedy), "{error}");
        assert_eq!(mode(&path), open, "the permissions are not changed");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(key_in(&path).is_ok(), "a read-only file is accepted");
}

#[test]
fn concurrent_starts_get_the_same_key() {
    const CONCURRENCY: usize = 16;
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/key");
        let barrier = Barrier::new(CONCURRENCY);
        let start = || {
            barrier.wait();
            key_in(&path).unwrap()
        };
        let keys: HashSet<String> = thread::scope(|scope| {
            let started: Vec<_> = (0..CONCURRENCY).map(|_| scope.spawn(start)).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1);
    }
}

#[test]
fn invalid_key_file_is_named_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for content in ["", "canary", &"canary".repeat(100_000)] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = key_in(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::InvalidKey { .. }), "{error:?}");
        let text = chain(&error);
        assert!(text.contains(path.to_str().unwrap()) && !text.contains("canary"), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let error = key_in(folder.path()).unwrap_err();
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    let below = path.join("a file is no folder");
    let error = key_in(&below).unwrap_err();
    assert!(matches!(error, KeyFileError::Unavailable { .. }), "{error}");
}

#[test]
fn master_key_error_contains_no_byte_of_the_key() {
    let error = MasterKey::from_base64("AAAA\u{7f}AAA").unwrap_err();
    assert!(matches!(error, MasterKeyError::NotBase64));
    assert!(error.source().is_none(), "the decoder's message contains the invalid byte");
}
