//! Forgeries of the claims: invalid or future times, another issuer, audience or member.

use serde_json::{Value, json};

use super::super::{AUDIENCE, ISSUER, NOW, claims, header, prefixed, with, without};
use super::{Forgery, signed, with_claim};

/// Times of the wrong type (CVE-2026-25537), and times in the future.
pub(super) fn other_times() -> Vec<Forgery> {
    let mut all = Vec::new();
    for claim in ["exp", "nbf", "iat"] {
        let raw = |json: &str| {
            let claims = prefixed(&without(claims(), claim), &format!("\"{claim}\":{json}"));
            signed(&format!("{claim} is {json}"), header(), claims)
        };
        let text = format!("\"{NOW}\"");
        for json in [
            "null",
            "true",
            "\"\"",
            &text,
            "\"never\"",
            "1e400",
            "-1e400",
            "1e9",
            "1795168900.0",
            "1795168900.5",
            "-0",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999999999",
            "[1795168900]",
            "{}",
            "0x7fffffff",
            "NaN",
            "Infinity",
            "1795168900,\"exp\":1795168900,\"nbf\":0,\"iat\":0",
        ] {
            all.push(raw(json));
        }
        all.push(signed(&format!("{claim} is missing"), header(), without(claims(), claim)));
        let upper_case = claim.to_uppercase();
        let renamed = with(without(claims(), claim), &upper_case, NOW + 60);
        all.push(signed(&format!("{claim} is called {upper_case}"), header(), renamed));
    }
    for claim in ["nbf", "iat"] {
        for ahead in [6, 300, 3600, i64::MAX - NOW] {
            all.push(with_claim(&format!("{ahead} s ahead"), claim, NOW + ahead));
        }
    }
    all
}

pub(super) fn other_claims() -> Vec<Forgery> {
    let mut all = Vec::new();
    for (claim, right) in [("aud", AUDIENCE), ("iss", ISSUER)] {
        for wrong in [
            String::new(),
            "another".into(),
            "*".into(),
            right.to_uppercase(),
            format!("{right}/"),
            format!("{right}.evil.example.com"),
            format!("{right}\0"),
            format!(" {right}"),
            format!("{right},another"),
            right[..right.len() - 1].into(),
            right[1..].into(),
        ] {
            all.push(with_claim(&format!("{wrong:?}"), claim, wrong.clone()));
        }
        all.extend([
            with_claim("a list of the right one", claim, json!([right])),
            with_claim("a list with the right one", claim, json!(["another", right])),
            with_claim("an object", claim, json!({ right: right })),
        ]);
    }
    for (claim, wrong) in [
        ("sub", "alice"),
        ("sub", "018f2c5e-0000-7000-8000-00000000000"),
        ("sub", "018f2c5e-0000-7000-8000-00000000000g"),
        ("sub", "018f2c5e-0000-7000-8000-00000000000a "),
        ("sub", "018f2c5e-0000-7000-8000-00000000000a' OR 1=1"),
        ("sub", "*"),
        ("sid", "session"),
        ("sid", "../018f2c5e-0000-7000-8000-00000000000b"),
        ("app", "NO APP"),
        ("app", "../main"),
        ("app", "main\0"),
        ("app", "ｍain"),
    ] {
        all.push(with_claim(&format!("{wrong:?}"), claim, wrong));
    }
    for claim in ["iss", "aud", "sub", "sid", "app", "name", "jti"] {
        let json = claims()[claim].to_string();
        all.extend([
            with_claim("null", claim, Value::Null),
            with_claim("a number", claim, 1),
            with_claim("true", claim, true),
            with_claim("an empty list", claim, json!([])),
            signed(&format!("{claim} is missing"), header(), without(claims(), claim)),
            signed(
                &format!("{claim} twice"),
                header(),
                prefixed(&claims(), &format!("\"{claim}\":{json}")),
            ),
        ]);
    }
    for claim in ["sub", "sid", "app"] {
        all.push(with_claim("empty", claim, ""));
    }
    all
}
