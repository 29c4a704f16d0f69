//! Forgeries of the header: additional parameters, duplicate members and other token types.

use serde_json::{Value, json};

use super::super::{X, Y, b64, claims, header, prefixed, published_key, with, without};
use super::{Forgery, signed, with_header};

/// Tokens signed with the right key: a verifier that used or ignored these parameters would accept them.
pub(super) fn additional_header_parameters() -> Vec<Forgery> {
    let url = "https://login.example.com/.well-known/jwks.json";
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": X, "y": Y });
    let mut all: Vec<Forgery> = [
        ("jwk", jwk),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!([])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", Value::Null),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("zip", Value::Null),
        ("cty", json!("JWT")),
        ("enc", json!("A128GCM")),
        ("epk", json!({})),
        ("p2c", json!(2_000_000_000)),
        ("url", json!(url)),
        ("nonce", json!("n")),
        ("ALG", json!("ES256")),
        ("", json!("")),
        ("anything", json!({ "else": [[[]]] })),
    ]
    .into_iter()
    .map(|(name, value)| with_header(&format!("there: {value}"), name, value))
    .collect();
    let unencoded = with(with(header(), "b64", false), "crit", json!(["b64"]));
    let nested = published_key().sign_token(header(), claims());
    let for_nested = with(header(), "cty", "JWT");
    all.extend([
        (
            "an unencoded payload".into(),
            published_key().sign_parts(&b64(unencoded.to_string()), "{}"),
        ),
        (
            "a nested token".into(),
            published_key().sign_parts(&b64(for_nested.to_string()), &b64(&nested)),
        ),
        (
            "a bare nested token".into(),
            published_key().sign_parts(&b64(header().to_string()), &b64(nested)),
        ),
        signed("alg twice, none first", prefixed(&header(), r#""alg":"none""#), claims()),
        signed("alg twice, the same", prefixed(&header(), r#""alg":"ES256""#), claims()),
        signed("kid twice", prefixed(&header(), r#""kid":"other""#), claims()),
        signed("typ twice", prefixed(&header(), r#""typ":"JWT""#), claims()),
        signed("alg in escapes", header().to_string().replace("ES256", r"\u0045S256"), claims()),
        signed("kid in escapes", header().to_string().replace("oKI", r"\u006fKI"), claims()),
        signed(
            "a header name in escapes twice",
            prefixed(&header(), r#""\u0061lg":"none""#),
            claims(),
        ),
    ]);
    all
}

pub(super) fn other_types() -> Vec<Forgery> {
    let mut all: Vec<Forgery> =
        ["JWT", "jwt", "rt+jwt", "id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt"]
            .into_iter()
            .chain([
                "",
                "at",
                "at+jwt ",
                " at+jwt",
                "at+jwt\0",
                "at+jwt;v=1",
                "application/at+jwt",
                "ａt+jwt",
            ])
            .map(|name| with_header(&format!("{name:?}"), "typ", name))
            .collect();
    all.extend([
        with_header("null", "typ", Value::Null),
        with_header("a list", "typ", json!(["at+jwt"])),
        signed("typ is missing", without(header(), "typ"), claims()),
    ]);
    all
}
