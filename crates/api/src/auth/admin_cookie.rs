//! Cookie of an administrator's session.

use domain::model::secret::AdminToken;
use salvo::http::HeaderMap;
use salvo::http::header::{COOKIE, HeaderName, HeaderValue};

/// Name of the cookie. Browsers accept the prefix `__Host-` only over HTTPS (or from localhost), for this
/// host alone and for all paths.
pub(crate) const ADMIN_COOKIE: &str = "__Host-menshen-admin";

/// Header that is required with the cookie. Pages of other origins cannot send it, which prevents
/// cross-site request forgery.
pub(crate) const ADMIN_HEADER: HeaderName = HeaderName::from_static("x-requested-with");

/// Returns the `Set-Cookie` value that stores the token until the browser is closed. Scripts cannot read
/// the cookie, and requests from other sites do not carry it.
pub(crate) fn set_cookie(token: &AdminToken) -> Option<HeaderValue> {
    cookie(token.expose(), "")
}

/// Returns the `Set-Cookie` value that deletes the token.
pub(crate) fn delete_cookie() -> Option<HeaderValue> {
    cookie("", "; Max-Age=0")
}

fn cookie(value: &str, suffix: &str) -> Option<HeaderValue> {
    let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";
    let mut header =
        HeaderValue::from_str(&format!("{ADMIN_COOKIE}={value}; {attributes}{suffix}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Returns the token of the session cookie.
///
/// Returns `None` without the required header, and if several cookies have the name.
pub(crate) fn admin_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(ADMIN_HEADER).filter(|value| !value.is_empty())?;
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';'));
    let mut tokens = cookies.filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == ADMIN_COOKIE).then_some(value)
    });
    let (Some(token), None) = (tokens.next(), tokens.next()) else { return None };
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(cookies: &[&str], header: Option<&str>) -> Option<String> {
        let cookies = cookies.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap()));
        let header = header.map(|value| (ADMIN_HEADER, HeaderValue::from_str(value).unwrap()));
        let headers: HeaderMap = cookies.chain(header).collect();
        admin_token(&headers).map(str::to_owned)
    }

    #[test]
    fn cookie_requires_the_header_and_must_not_be_repeated() {
        let ours = "__Host-menshen-admin=abc";
        assert_eq!(token(&[ours], Some("fetch")).as_deref(), Some("abc"));
        let among_others = format!("a=b; {ours};c=d");
        assert_eq!(token(&[&among_others], Some("fetch")).as_deref(), Some("abc"));
        assert_eq!(token(&["a=b", ours], Some("fetch")).as_deref(), Some("abc"));
        assert_eq!(token(&[ours], None), None, "pages of other origins can send this");
        assert_eq!(token(&[ours], Some("")), None);
        assert_eq!(token(&[ours, ours], Some("fetch")), None);
        for other in ["", "menshen-admin=abc", "__host-menshen-admin=abc", "abc"] {
            assert_eq!(token(&[other], Some("fetch")), None, "{other}");
        }
    }
}
