//! Keys: which are taken, the files they live in, and that nothing of them is ever shown.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use adapters::token::key_file::KeyFileError;
use adapters::token::key_ring::KeyRing;
use adapters::token::keys::{KeyError, RefreshKey, SigningKey};
use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::{D, KID, pem, published_key};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// What an operator would read: the error and all that caused it.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn the_kid_is_the_rfc_7638_thumbprint() {
    let shown = format!("{:?}", published_key().signing_key());
    assert!(shown.contains(KID), "{shown}");
}

#[test]
fn only_a_p256_private_key_in_pkcs8_pem_signs() {
    let ours = published_key().0;
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let public: PublicKeyX509Der<'_> = ours.public_key().as_der().unwrap();
    let sec1: EcPrivateKeyRfc5915Der<'_> = ours.private_key().as_der().unwrap();
    let pkcs8 = ours.to_pkcs8v1().unwrap();
    let whole = pem("PRIVATE KEY", pkcs8.as_ref());
    assert!(SigningKey::from_pem(&whole).is_ok());

    for (what, text) in [
        ("nothing", String::new()),
        ("a passphrase", "canary-passphrase-of-some-length".into()),
        ("P-384", pem("PRIVATE KEY", p384.to_pkcs8v1().unwrap().as_ref())),
        ("Ed25519", pem("PRIVATE KEY", ed25519.to_pkcs8v1().unwrap().as_ref())),
        ("the public half", pem("PUBLIC KEY", public.as_ref())),
        ("SEC1", pem("EC PRIVATE KEY", sec1.as_ref())),
        ("an encrypted key", pem("ENCRYPTED PRIVATE KEY", pkcs8.as_ref())),
        ("half a key", pem("PRIVATE KEY", &pkcs8.as_ref()[..60])),
        ("PEM cut off", whole[..100].into()),
        ("DER without PEM", STANDARD.encode(pkcs8.as_ref())),
    ] {
        let error = SigningKey::from_pem(&text).unwrap_err();
        assert!(error.to_string().contains("`openssl genpkey"), "{what}: {error}");
        assert!(!chain(&error).contains("canary"), "{what}: {error}");
    }
}

#[test]
fn a_refresh_key_is_at_least_32_random_bytes() {
    let random: Vec<u8> = (0..32).collect();
    for fit in [
        STANDARD.encode(&random),
        STANDARD.encode([&random[..], &random].concat()) + "\n",
        // `openssl rand -hex 32`
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
    ] {
        assert!(RefreshKey::from_base64(&fit).is_ok(), "{fit}");
    }
    for (unfit, why) in [
        ("", "has 0 bytes"),
        (STANDARD.encode(&random[..31]).as_str(), "has 31 bytes"),
        (&STANDARD.encode([0; 32]), "is not random"),
        (&STANDARD.encode([0x55; 64]), "is not random"),
        (&STANDARD.encode("changeme".repeat(8)), "is not random"),
        (&"0".repeat(64), "is not random"),
        (&"0123456789abcdef".repeat(4), "is not random"),
        ("canary_canary-canary_canary-canary_canary-canary", "is not Base64"),
    ] {
        let error = RefreshKey::from_base64(unfit).unwrap_err();
        let told = chain(&error);
        assert!(told.contains(why) && told.contains("`openssl rand -base64 32`"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
}

#[test]
fn a_key_file_is_made_once_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let signing = folder.path().join("data/deep/signing.pem");
    let refresh = folder.path().join("data/deep/refresh.key");
    let made = format!("{:?}", SigningKey::load_or_create(&signing).unwrap());
    RefreshKey::load_or_create(&refresh).unwrap();
    assert_eq!((mode(&signing), mode(&refresh)), (0o600, 0o600));

    let before = (fs::read(&signing).unwrap(), fs::read(&refresh).unwrap());
    assert_eq!(format!("{:?}", SigningKey::load_or_create(&signing).unwrap()), made);
    RefreshKey::load_or_create(&refresh).unwrap();
    assert_eq!((fs::read(&signing).unwrap(), fs::read(&refresh).unwrap()), before);
    assert_eq!(fs::read_dir(signing.parent().unwrap()).unwrap().count(), 2, "no draft stays");

    let pem = fs::read_to_string(&signing).unwrap();
    assert!(pem.lines().all(|line| line.len() <= 64), "as other tools write and want it");

    let other = SigningKey::load_or_create(&folder.path().join("other.pem")).unwrap();
    assert_ne!(format!("{other:?}"), made);
}

#[test]
fn a_key_file_that_others_may_open_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.pem");
    SigningKey::load_or_create(&path).unwrap();
    for open in [0o640, 0o604, 0o644, 0o660, 0o620, 0o601, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        let error = SigningKey::load_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::OpenToOthers { .. }), "{open:o}");
        let remedy = format!("`chmod 600 {}`", path.display());
        assert!(error.to_string().contains(&remedy), "{error}");
        assert_eq!(mode(&path), open, "it is for the operator to mend");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(SigningKey::load_or_create(&path).is_ok(), "a file that nobody can change is fine");
}

#[test]
fn all_who_start_at_once_get_the_same_key() {
    const STARTS: usize = 16;
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/signing.pem");
        let gate = Barrier::new(STARTS);
        let start = || {
            gate.wait();
            format!("{:?}", SigningKey::load_or_create(&path).unwrap())
        };
        let keys: HashSet<String> = thread::scope(|scope| {
            let started: Vec<_> = (0..STARTS).map(|_| scope.spawn(start)).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1);
    }
}

#[test]
fn a_file_without_a_key_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for content in ["", "canary", &"canary".repeat(100_000)] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let errors =
            [SigningKey::load_or_create(&path).err(), RefreshKey::load_or_create(&path).err()];
        for error in errors.map(Option::unwrap) {
            assert!(matches!(error, KeyFileError::NoKey { .. }), "{error:?}");
            let told = chain(&error);
            assert!(told.contains(path.to_str().unwrap()) && !told.contains("canary"), "{told}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let error = SigningKey::load_or_create(folder.path()).unwrap_err();
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    let below = path.join("a file is no folder");
    let error = SigningKey::load_or_create(&below).unwrap_err();
    assert!(matches!(error, KeyFileError::Unavailable { .. }), "{error}");
}

/// Every way in which Rust or an operator's tool would print these bytes.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let between = ['[', ']', ',', ' '];
    vec![
        STANDARD.encode(bytes).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(bytes),
        format!("{bytes:02x?}").replace(between, ""),
        format!("{bytes:02X?}").replace(between, ""),
        format!("{bytes:x?}").trim_matches(between).to_owned(),
        format!("{bytes:?}").trim_matches(between).to_owned(),
    ]
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?} {value:x?}").replace(",\n", ", ").replace("  ", "")
}

#[test]
fn no_key_shows_in_debug_output() {
    let private = URL_SAFE_NO_PAD.decode(D).unwrap();
    let secret: Vec<u8> = (100..140).collect();
    let refresh = RefreshKey::from_base64(&STANDARD.encode(&secret)).unwrap();
    let ring =
        KeyRing::new(published_key().signing_key()).also_accepting(published_key().signing_key());
    let all = [shown(&published_key().signing_key()), shown(&ring), shown(&refresh)].join(" ");
    for (bytes, what) in [(&private, "private key"), (&secret, "refresh key")] {
        // Part of a key is as bad as all of it; 6 bytes are no chance hit.
        for spelling in bytes.chunks_exact(6).flat_map(spellings) {
            assert!(!all.contains(&spelling), "{what}: {spelling} in {all}");
        }
    }
    let planted = shown(&private);
    assert!(private.chunks_exact(6).flat_map(spellings).any(|text| planted.contains(&text)));
}

#[test]
fn an_error_about_a_key_names_no_byte_of_it() {
    let error = RefreshKey::from_base64("AAAA\u{7f}AAA").unwrap_err();
    assert!(matches!(error, KeyError::NoBase64));
    assert!(error.source().is_none(), "the decoder's message holds the byte it stumbled over");
}
