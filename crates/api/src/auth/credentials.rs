//! Parsing of the `Authorization` header.

use std::str;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use salvo::http::HeaderMap;
use salvo::http::header::AUTHORIZATION;

/// Maximum length of a token or key in bytes.
const MAX_TOKEN: usize = 4096;

/// Maximum length of `Authorization` in bytes.
const MAX_AUTHORIZATION: usize = MAX_TOKEN + "Bearer ".len();

/// Credentials of a service account.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ServiceCredentials {
    /// Key alone.
    Bearer(String),
    /// Name and key.
    Basic { name: String, key: String },
}

impl ServiceCredentials {
    /// Returns the credentials that `Authorization` may mean, in the order to try them.
    ///
    /// RFC 6749 section 2.3.1 requires form encoding of name and key before they are joined. Many
    /// clients do not encode them, so both readings are candidates.
    pub(crate) fn candidates(headers: &HeaderMap) -> Vec<Self> {
        if let Some(key) = bearer_token(headers) {
            return vec![Self::Bearer(key.to_owned())];
        }
        let Some((name, key)) = basic(headers) else { return Vec::new() };
        let decoded = Self::Basic { name: form_decoded(&name), key: form_decoded(&key) };
        let plain = Self::Basic { name, key };
        if plain == decoded { vec![plain] } else { vec![plain, decoded] }
    }
}

/// Returns the token after `Bearer` (in any case), or the whole `Authorization` without a scheme.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let line = authorization(headers)?;
    let token = match line.split_once(' ') {
        None => line,
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) => return None,
    };
    is_token(token).then_some(token)
}

/// Returns true if the text has the form of a token.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Parses name and password of HTTP Basic (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, credentials) = authorization(headers)?.split_once(' ')?;
    let credentials = scheme.eq_ignore_ascii_case("basic").then_some(credentials.trim())?;
    let decoded = BASE64_STANDARD.decode(credentials).ok()?;
    let (name, password) = str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    line.to_str().ok().filter(|line| line.len() <= MAX_AUTHORIZATION)
}

/// Decodes a form-encoded value. The separators `&` and `=` stay as they are.
fn form_decoded(text: &str) -> String {
    let value = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(value.as_bytes())
        .next()
        .map_or_else(String::new, |(text, _)| text.into())
}

#[cfg(test)]
mod tests {
    use salvo::http::header::HeaderValue;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let values = lines.iter().map(|line| HeaderValue::from_bytes(line).unwrap());
        values.map(|value| (AUTHORIZATION, value)).collect()
    }

    fn token(lines: &[&[u8]]) -> Option<String> {
        bearer_token(&headers(lines)).map(str::to_owned)
    }

    #[test]
    fn bearer_token_with_and_without_scheme() {
        for line in ["Bearer a.b-c_d", "bearer a.b-c_d", "BEARER   a.b-c_d ", "a.b-c_d"] {
            assert_eq!(token(&[line.as_bytes()]).as_deref(), Some("a.b-c_d"), "{line}");
        }
    }

    #[test]
    fn malformed_authorization_has_no_bearer_token() {
        let long = format!("Bearer {}", "x".repeat(4097));
        for line in [
            "",
            " ",
            "Bearer ",
            "Basic YTpi",
            "Bearer a b",
            "Bearer a,b c",
            "Bearer\ta",
            &long,
            "Bearer é",
        ] {
            assert_eq!(token(&[line.as_bytes()]), None, "{line}");
        }
        assert_eq!(token(&[]), None);
        assert_eq!(token(&[b"Bearer a", b"Bearer a"]), None, "repeated header");
        assert_eq!(token(&[b"Bearer \xff"]), None);
        assert_eq!(token(&[&long.as_bytes()[..long.len() - 1]]).map(|t| t.len()), Some(4096));
    }

    /// Name and key of all candidates for `NAME:PASSWORD`.
    fn read(pair: &str) -> Vec<(String, String)> {
        let line = format!("basic {}", BASE64_STANDARD.encode(pair));
        let candidates = ServiceCredentials::candidates(&headers(&[line.as_bytes()])).into_iter();
        let basic = candidates.map(|candidate| match candidate {
            ServiceCredentials::Basic { name, key } => (name, key),
            ServiceCredentials::Bearer(_) => panic!("{pair} parsed as a bearer token"),
        });
        basic.collect()
    }

    #[test]
    fn basic_credentials_plain_and_form_encoded() {
        let pair = |name: &str, key: &str| (name.to_owned(), key.to_owned());
        assert_eq!(read("orders:k:e:y"), [pair("orders", "k:e:y")]);
        assert_eq!(read(":"), [pair("", "")]);
        assert_eq!(read("a&b=c:d&e=f"), [pair("a&b=c", "d&e=f")]);
        assert_eq!(read("a%20b:k+/="), [pair("a%20b", "k+/="), pair("a b", "k /=")]);
        assert_eq!(read("a:%2B%25"), [pair("a", "%2B%25"), pair("a", "+%")]);
    }

    #[test]
    fn malformed_authorization_has_no_service_credentials() {
        for line in
            ["", "Basic ", "Basic !", "Basic YTpi=", "Basic YWI=", "Basic /zr/", "Digest YTpi"]
        {
            let candidates = ServiceCredentials::candidates(&headers(&[line.as_bytes()]));
            assert!(candidates.is_empty(), "{line}");
        }
        assert!(
            ServiceCredentials::candidates(&headers(&[b"Basic YTpi", b"Basic YTpi"])).is_empty()
        );
    }
}
