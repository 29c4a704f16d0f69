//! Forgeries of the encoding of a token: Base64, parts and JSON.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};

use super::super::{
    AUDIENCE, ISSUER, JTI, KID, MEMBER, NOW, SESSION, b64, claims, header, published_key, with,
};
use super::{Forgery, signed};

pub(super) fn broken_encodings() -> Vec<Forgery> {
    let key = published_key();
    let head = b64(header().to_string());
    let body = b64(claims().to_string());
    let token = key.sign_parts(&head, &body);
    // The claims need characters in which the two alphabets differ, and a length that requires padding.
    let question = with(claims(), "name", "???>>>~~~\u{7ff}~").to_string();
    let question =
        (0..3).map(|n| question.clone() + &" ".repeat(n)).find(|text| text.len() % 3 == 1);
    let question = question.unwrap();
    assert_ne!(STANDARD_NO_PAD.encode(&question), b64(&question));
    let spaced = |at: usize, space: &str| format!("{}{space}{}", &token[..at], &token[at..]);
    let middle = head.len() + 9;
    let mut all: Vec<Forgery> = [
        (
            "a payload in the alphabet of + and /",
            key.sign_parts(&head, &STANDARD_NO_PAD.encode(&question)),
        ),
        ("a padded payload", key.sign_parts(&head, &URL_SAFE.encode(&question))),
        ("a padded header", key.sign_parts(&format!("{head}="), &body)),
        (
            "a padded payload in the other alphabet",
            key.sign_parts(&head, &STANDARD.encode(&question)),
        ),
        (
            "a line break in the payload, signed",
            key.sign_parts(&head, &format!("{}\n{}", &body[..4], &body[4..])),
        ),
        ("a percent-encoded payload", key.sign_parts(&head, &format!("{body}%3D"))),
        ("an empty header", key.sign_parts("", &body)),
        ("an empty payload", key.sign_parts(&head, "")),
        ("a header in plain JSON", key.sign_parts(&header().to_string(), &body)),
        ("a payload in plain JSON", key.sign_parts(&head, &claims().to_string())),
        ("a header not in UTF-8", key.sign_parts(&b64(b"{\"alg\":\"ES256\xff\"}"), &body)),
        ("a payload not in UTF-8", key.sign_parts(&head, &b64(b"{\"iss\":\"\xc3\x28\"}"))),
        ("Bearer before it", format!("Bearer {token}")),
        ("the token twice", format!("{token}{token}")),
        ("a full-width full stop", token.replace('.', "．")),
        ("a list of two tokens", format!("{token},{token}")),
    ]
    .map(|(what, token)| (what.into(), token))
    .into();
    for space in [" ", "\n", "\r\n", "\t", "\0", "=", "\u{a0}", "\u{feff}", "é", "码"] {
        for (place, at) in [("before", 0), ("inside", middle), ("behind", token.len())] {
            all.push((format!("{space:?} {place} the token"), spaced(at, space)));
        }
    }
    all
}

pub(super) fn other_serialisations() -> Vec<Forgery> {
    let key = published_key();
    let head = b64(header().to_string());
    let body = b64(claims().to_string());
    let token = key.sign_parts(&head, &body);
    let signature = token.rsplit_once('.').unwrap().1;
    let flat = json!({ "protected": head, "payload": body, "signature": signature });
    let signatures = json!([{ "protected": head, "signature": signature }]);
    let general = json!({ "payload": body, "signatures": signatures });
    let list = |object: Value| object.as_object().unwrap().values().cloned().collect::<Value>();
    let ordered = json!(["ES256", "at+jwt", KID]);
    let claims_in_order =
        json!([ISSUER, AUDIENCE, MEMBER, SESSION, "main", "n", NOW, NOW, NOW + 9, JTI]);
    let padded = |fill: usize| key.sign_token(header(), with(claims(), "pad", "x".repeat(fill)));
    let too_long = (0..4096).map(padded).find(|token| token.len() > 4096).unwrap();
    let mut all = vec![
        signed("a header that is a list", list(header()), claims()),
        signed("a header that is a list in our order", ordered, claims()),
        signed("a header that is a string", "\"ES256\"", claims()),
        signed("a header that is null", "null", claims()),
        signed("a header that is empty", "{}", claims()),
        signed("a header cut off", &header().to_string()[..20], claims()),
        signed("a header and more", format!("{}{{}}", header()), claims()),
        signed("a header behind a byte order mark", format!("\u{feff}{}", header()), claims()),
        signed("a header behind a blank", format!(" {}", header()), claims()),
        signed("a header of depth 1000", format!(r#"{{"a":{}"#, "[".repeat(1000)), claims()),
        signed("claims that are a list in our order", header(), claims_in_order),
        signed("claims that are a string", header(), "\"sub\""),
        signed("claims that are null", header(), "null"),
        signed("claims that are empty", header(), "{}"),
        signed("claims cut off", header(), &claims().to_string()[..40]),
        signed("claims and more", header(), format!("{0}{0}", claims())),
        signed("claims with a NUL behind", header(), format!("{}\0", claims())),
    ];
    for (what, token) in [
        ("flattened JSON", flat.to_string()),
        ("general JSON", general.to_string()),
        ("slightly over 4 KB", too_long),
        ("over a megabyte", padded(1_000_000)),
        ("an empty text", String::new()),
        ("one part", body.clone()),
        ("two parts", format!("{head}.{body}")),
        ("two dots", "..".into()),
        ("four parts", format!("{token}.{signature}")),
        ("four parts, signed", key.sign_parts(&head, &format!("{body}.{body}"))),
        ("a part before", format!("{head}.{token}")),
        ("an empty part before", format!(".{token}")),
        ("an empty part behind", format!("{token}.")),
        ("five parts, like a JWE", format!("{head}.{body}.{body}.{body}.{signature}")),
        ("a thousand dots", ".".repeat(1000)),
        // Published example, signed with the same key.
        (
            "RFC 7515, appendix A.3",
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl\
             LmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8IS\
             lSApmWQxfKTUJqPP3-Kg6NU1Q"
                .into(),
        ),
    ] {
        all.push((what.into(), token));
    }
    all
}
