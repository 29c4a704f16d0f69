//! What stands in `Authorization`, taken apart.

use std::str;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use salvo::http::HeaderMap;
use salvo::http::header::AUTHORIZATION;

/// The longest text that is looked at as a token or key, in bytes.
const TOKEN_MAX: usize = 4096;

/// The longest `Authorization` that is looked at, in bytes.
const AUTHORIZATION_MAX: usize = TOKEN_MAX + "Bearer ".len();

/// What a back end shows of itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum ServiceCredentials {
    /// Its key alone.
    Bearer(String),
    /// Its name and its key.
    Basic { name: String, key: String },
}

impl ServiceCredentials {
    /// The readings of the one `Authorization` there is, in the order in which they are to be tried.
    ///
    /// RFC 6749 section 2.3.1 has name and key escaped as in a form before they are joined; many
    /// clients do not. Both are understood.
    pub(crate) fn readings(headers: &HeaderMap) -> Vec<Self> {
        if let Some(key) = bearer_token(headers) {
            return vec![Self::Bearer(key.to_owned())];
        }
        let Some((name, key)) = basic(headers) else { return Vec::new() };
        let escaped = Self::Basic { name: unescaped(&name), key: unescaped(&key) };
        let plain = Self::Basic { name, key };
        if plain == escaped { vec![plain] } else { vec![plain, escaped] }
    }
}

/// What follows `Bearer`, in any case, or else the whole of the one `Authorization` there is.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let line = authorization(headers)?;
    let token = match line.split_once(' ') {
        None => line,
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) => return None,
    };
    is_token(token).then_some(token)
}

/// Whether the text is worth being looked at as a token.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Name and password of HTTP Basic (RFC 7617).
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
    line.to_str().ok().filter(|line| line.len() <= AUTHORIZATION_MAX)
}

/// The text behind a value of a form; the separators that a value cannot hold stay what they are.
fn unescaped(text: &str) -> String {
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
    fn a_token_comes_with_its_scheme_or_bare() {
        for line in ["Bearer a.b-c_d", "bearer a.b-c_d", "BEARER   a.b-c_d ", "a.b-c_d"] {
            assert_eq!(token(&[line.as_bytes()]).as_deref(), Some("a.b-c_d"), "{line}");
        }
    }

    #[test]
    fn anything_else_is_no_token() {
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
        assert_eq!(token(&[b"Bearer a", b"Bearer a"]), None, "two are one too many");
        assert_eq!(token(&[b"Bearer \xff"]), None);
        assert_eq!(token(&[&long.as_bytes()[..long.len() - 1]]).map(|t| t.len()), Some(4096));
    }

    /// Name and key of every reading of `NAME:PASSWORD`.
    fn read(pair: &str) -> Vec<(String, String)> {
        let line = format!("basic {}", BASE64_STANDARD.encode(pair));
        let readings = ServiceCredentials::readings(&headers(&[line.as_bytes()])).into_iter();
        let basic = readings.map(|reading| match reading {
            ServiceCredentials::Basic { name, key } => (name, key),
            ServiceCredentials::Bearer(_) => panic!("{pair} is no bearer token"),
        });
        basic.collect()
    }

    #[test]
    fn basic_is_a_name_and_a_key_plain_or_escaped() {
        let pair = |name: &str, key: &str| (name.to_owned(), key.to_owned());
        assert_eq!(read("orders:k:e:y"), [pair("orders", "k:e:y")]);
        assert_eq!(read(":"), [pair("", "")]);
        assert_eq!(read("a&b=c:d&e=f"), [pair("a&b=c", "d&e=f")]);
        assert_eq!(read("a%20b:k+/="), [pair("a%20b", "k+/="), pair("a b", "k /=")]);
        assert_eq!(read("a:%2B%25"), [pair("a", "%2B%25"), pair("a", "+%")]);
    }

    #[test]
    fn anything_else_shows_nothing_of_a_back_end() {
        for line in
            ["", "Basic ", "Basic !", "Basic YTpi=", "Basic YWI=", "Basic /zr/", "Digest YTpi"]
        {
            let readings = ServiceCredentials::readings(&headers(&[line.as_bytes()]));
            assert!(readings.is_empty(), "{line}");
        }
        assert!(ServiceCredentials::readings(&headers(&[b"Basic YTpi", b"Basic YTpi"])).is_empty());
    }
}
