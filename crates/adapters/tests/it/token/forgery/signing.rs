//! Forgeries of the signature: another algorithm, an invalid signature, another key.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::super::{
    KID, X, Y, another_key, b64, claims, header, pem, published_key, with, without,
};
use super::{Forgery, signed, with_header};

pub(super) fn other_algorithms() -> Vec<Forgery> {
    let mut all: Vec<Forgery> =
        ["none", "None", "nOnE", "NONE", "", "es256", "ES384", "RS256", "PS256"]
            .into_iter()
            .chain(["EdDSA", "ES256K", "HS256", "ES256 ", "ES256\0", "dir", "RSA-OAEP"])
            .map(|algorithm| with_header(&format!("{algorithm:?}"), "alg", algorithm))
            .collect();
    all.extend([
        with_header("a number", "alg", 256),
        with_header("a list", "alg", json!(["ES256"])),
        with_header("null", "alg", Value::Null),
        signed("alg is missing", without(header(), "alg"), claims()),
    ]);
    for algorithm in ["none", "None", "nOnE"] {
        let unsigned = message(algorithm);
        all.push((format!("{algorithm} without a signature"), format!("{unsigned}.")));
        all.push((format!("{algorithm} without its last part"), unsigned));
    }
    all.extend(symmetric_confusions());
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let es384 = message("ES384");
    let signature = p384.sign(&SystemRandom::new(), es384.as_bytes()).unwrap();
    all.push(("ES384 with a P-384 key".into(), format!("{es384}.{}", b64(signature))));
    let eddsa = message("EdDSA");
    let signature = Ed25519KeyPair::generate().unwrap().sign(eddsa.as_bytes());
    all.push(("EdDSA with an Ed25519 key".into(), format!("{eddsa}.{}", b64(signature))));
    all
}

/// HS256 with public values as the secret.
fn symmetric_confusions() -> Vec<Forgery> {
    let key = published_key();
    let der: PublicKeyX509Der<'_> = key.0.public_key().as_der().unwrap();
    let text = pem("PUBLIC KEY", der.as_ref());
    let jwk = json!({ "crv": "P-256", "kty": "EC", "x": X, "y": Y }).to_string();
    let secrets: [(&str, &[u8]); 7] = [
        ("nothing", b""),
        ("the public key in PEM", text.as_bytes()),
        ("the public key in PEM without its last line break", text.trim_end().as_bytes()),
        ("the public key in DER", der.as_ref()),
        ("the public point", key.public()),
        ("the public JWK", jwk.as_bytes()),
        ("the kid", KID.as_bytes()),
    ];
    let forge = |(what, secret): (&str, &[u8]), algorithm: &str| {
        let message = message(algorithm);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        (format!("an HMAC under {what}, called {algorithm}"), format!("{message}.{}", b64(tag)))
    };
    secrets
        .into_iter()
        .flat_map(|secret| [forge(secret, "HS256"), forge(secret, "ES256")])
        .collect()
}

pub(super) fn broken_signatures() -> Vec<Forgery> {
    let key = published_key();
    let message = message("ES256");
    let right = key.signature(&message);
    let (r, s) = right.split_at(32);
    let flipped = |place: usize, bit: u8| {
        let mut signature = right.clone();
        signature[place] ^= bit;
        signature
    };
    let pkcs8 = key.0.to_pkcs8v1().unwrap();
    let asn1 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let asn1 = asn1.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let other_message = format!("{}.{}", b64(header().to_string()), b64("{}"));
    let mut all: Vec<Forgery> = [
        ("empty", vec![]),
        ("64 zeros", vec![0; 64]),
        ("64 times 0xff", vec![0xff; 64]),
        ("r and 0", [r, &[0; 32]].concat()),
        ("0 and s", [&[0; 32], s].concat()),
        ("s and r", [s, r].concat()),
        ("its first half", r.to_vec()),
        ("cut by a byte", right[..63].to_vec()),
        ("longer by a byte", [&right[..], &[0]].concat()),
        ("twice", [&right[..], &right].concat()),
        ("flipped in its first bit", flipped(0, 0x80)),
        ("flipped in its last bit", flipped(63, 1)),
        ("in ASN.1", asn1.as_ref().to_vec()),
        ("of another message", key.signature(&other_message)),
        ("over the payload alone", key.signature(message.split_once('.').unwrap().1)),
        ("over a hash of the message's text", key.signature(&b64(&message))),
    ]
    .into_iter()
    .map(|(what, bytes)| (format!("the signature is {what}"), format!("{message}.{}", b64(bytes))))
    .collect();
    let token = format!("{message}.{}", b64(&right));
    all.extend([
        ("the signature is padded".into(), format!("{message}.{}", URL_SAFE.encode(&right))),
        ("the signature has stray bits at its end".into(), with_stray_bits(&token)),
        ("the last part is missing".into(), message.clone()),
        ("the last part is not Base64".into(), format!("{message}.!!!")),
    ]);
    all
}

/// Sets unused bits: 64 bytes leave four of them in the last character, and a lenient decoder ignores them.
fn with_stray_bits(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = token.split_at(token.len() - 1);
    format!("{start}{}", &ALPHABET[ALPHABET.find(last).unwrap() + 1..][..1])
}

pub(super) fn other_keys() -> Vec<Forgery> {
    let attacker = another_key();
    let thumbprint = format!("{:?}", attacker.signing_pair());
    let their_kid = thumbprint.split("id: \"").nth(1).unwrap().split('"').next().unwrap();
    let point = attacker.public();
    let jwk =
        json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) });
    let url = "https://evil.example.com/keys";
    let mut all: Vec<Forgery> = [
        ("our kid", header()),
        ("its own kid, as from another environment", with(header(), "kid", their_kid)),
        ("no kid", without(header(), "kid")),
        ("its jwk", with(header(), "jwk", jwk.clone())),
        ("its jwk and its kid", with(with(header(), "jwk", jwk), "kid", their_kid)),
        ("its jku", with(header(), "jku", url)),
        ("its x5u", with(header(), "x5u", url)),
        ("its x5c", with(header(), "x5c", json!(["MIIB"]))),
    ]
    .into_iter()
    .map(|(what, header)| {
        (format!("another key signed, with {what}"), attacker.sign_token(header, claims()))
    })
    .collect();
    for kid in [
        "",
        "unknown",
        their_kid,
        &KID.to_uppercase(),
        &KID[..42],
        &format!("{KID} "),
        &format!("{KID}\0"),
        &format!("./{KID}"),
        "../../dev/null",
        "/dev/null",
        "file:///etc/passwd",
        "' OR '1'='1",
        "x' UNION SELECT 'secret",
        "| sleep 10",
        "$(sleep 10)",
        "钥匙",
        "\u{202e}\u{0}\u{feff}",
        &"k".repeat(2000),
        &"k".repeat(10_240),
    ] {
        let named =
            if kid.len() > 99 { format!("{} letters", kid.len()) } else { format!("{kid:?}") };
        all.push(with_header(&named, "kid", kid));
    }
    all.extend([
        with_header("null", "kid", Value::Null),
        with_header("a number", "kid", 0),
        with_header("a list", "kid", json!([KID])),
        with_header("an object", "kid", json!({ "kid": KID })),
        signed("kid is missing", without(header(), "kid"), claims()),
    ]);
    all
}

fn message(algorithm: &str) -> String {
    format!("{}.{}", b64(with(header(), "alg", algorithm).to_string()), b64(claims().to_string()))
}
