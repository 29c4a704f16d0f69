//! Token keys: formats, key ids, and absence of key bytes in debug output.

use std::fmt::Debug;

use adapters::crypto::master_key::MasterKey;
use adapters::token::key_ring::KeyRing;
use adapters::token::keys::{RefreshKeys, SigningKeyPair};
use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::{D, KID, published_key};

#[test]
fn key_id_is_the_rfc_7638_thumbprint() {
    let shown = format!("{:?}", published_key().signing_pair());
    assert!(shown.contains(KID), "{shown}");
}

#[test]
fn only_p256_private_keys_in_pkcs8_are_accepted() {
    let ours = published_key().0;
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let public: PublicKeyX509Der<'_> = ours.public_key().as_der().unwrap();
    let sec1: EcPrivateKeyRfc5915Der<'_> = ours.private_key().as_der().unwrap();
    let pkcs8 = ours.to_pkcs8v1().unwrap();
    assert!(SigningKeyPair::from_pkcs8(pkcs8.as_ref()).is_ok());
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("a passphrase", b"canary-passphrase-of-some-length"),
        ("P-384", p384.to_pkcs8v1().unwrap().as_ref()),
        ("Ed25519", ed25519.to_pkcs8v1().unwrap().as_ref()),
        ("the public half", public.as_ref()),
        ("SEC1", sec1.as_ref()),
        ("half a key", &pkcs8.as_ref()[..60]),
    ] {
        let error = SigningKeyPair::from_pkcs8(bytes).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{what}: {error:?}");
    }
}

/// Forms in which Rust or an operator's tool would print these bytes.
fn encodings(bytes: &[u8]) -> Vec<String> {
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
fn debug_output_contains_no_key() {
    let private = URL_SAFE_NO_PAD.decode(D).unwrap();
    let secret: Vec<u8> = (100..140).collect();
    let master = MasterKey::from_base64(&STANDARD.encode(&secret)).unwrap();
    let refresh = RefreshKeys::new(&master);
    let ring = KeyRing::new(published_key().signing_pair())
        .with_verification_key(published_key().signing_pair());
    let pair = published_key().signing_pair();
    let all = [shown(&pair), shown(&ring), shown(&refresh), shown(&master)].join(" ");
    for (bytes, what) in [(&private, "private key"), (&secret, "refresh key")] {
        // A part of a key is as bad as the whole key. Six equal bytes cannot be a coincidence.
        for encoding in bytes.chunks_exact(6).flat_map(encodings) {
            assert!(!all.contains(&encoding), "{what}: {encoding} in {all}");
        }
    }
    let planted = shown(&private);
    assert!(private.chunks_exact(6).flat_map(encodings).any(|text| planted.contains(&text)));
}
