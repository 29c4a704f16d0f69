//! The cookie of an administrator's session.

use domain::model::secret::AdminToken;
use salvo::http::HeaderMap;
use salvo::http::header::{COOKIE, HeaderName, HeaderValue};

/// Its name. With this prefix a browser takes it only over HTTPS (or from its own machine), only for this
/// host, and for every path.
pub(crate) const ADMIN_COOKIE: &str = "__Host-menshen-admin";

/// What has to come with it, from a page of this origin.
pub(crate) const ADMIN_HEADER: HeaderName = HeaderName::from_static("x-requested-with");

/// What has a browser keep the token, out of reach of any script and of links from elsewhere, until it is
/// closed.
pub(crate) fn keep(token: &AdminToken) -> Option<HeaderValue> {
    set(token.expose(), "")
}

/// What has a browser forget it.
pub(crate) fn forget() -> Option<HeaderValue> {
    set("", "; Max-Age=0")
}

fn set(value: &str, end: &str) -> Option<HeaderValue> {
    let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";
    let mut header =
        HeaderValue::from_str(&format!("{ADMIN_COOKIE}={value}; {attributes}{end}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The token of the one cookie of this name, where the header that belongs to it is there.
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
    fn a_token_counts_with_its_header_and_once() {
        let ours = "__Host-menshen-admin=abc";
        assert_eq!(token(&[ours], Some("fetch")).as_deref(), Some("abc"));
        let among_others = format!("a=b; {ours};c=d");
        assert_eq!(token(&[&among_others], Some("fetch")).as_deref(), Some("abc"));
        assert_eq!(token(&["a=b", ours], Some("fetch")).as_deref(), Some("abc"));
        assert_eq!(token(&[ours], None), None, "another origin's page could have sent this");
        assert_eq!(token(&[ours], Some("")), None);
        assert_eq!(token(&[ours, ours], Some("fetch")), None);
        for other in ["", "menshen-admin=abc", "__host-menshen-admin=abc", "abc"] {
            assert_eq!(token(&[other], Some("fetch")), None, "{other}");
        }
    }
}
