//! Fuzz test: ten thousand random hostile requests cause no server error.

use serde_json::{Value, json};
use testkit::fake::random::FixedRandom;

use crate::call::{Answer, Call, escape};
use crate::harness::{SERVICE_KEY, TestApp};
use salvo::http::Method;

const REQUESTS: usize = 10_000;
const SEED: u64 = 20_261_120;

const PATHS: [(&str, &str); 19] = [
    ("POST", "/login"),
    ("POST", "/openid"),
    ("POST", "/code2session"),
    ("PATCH", "/me"),
    ("POST", "/me"),
    ("GET", "/me"),
    ("PUT", "/me/phone"),
    ("POST", "/wechat/check_session"),
    ("POST", "/wechat/reset_session_key"),
    ("POST", "/wechat/verify_signature"),
    ("GET", "/external/code_2_wx_openid"),
    ("POST", "/token/refresh"),
    ("POST", "/logout"),
    ("POST", "/logout/all"),
    ("GET", "/me/sessions"),
    ("DELETE", "/me/sessions/"),
    ("POST", "/oauth/introspect"),
    ("POST", "/oauth/revoke"),
    ("GET", "/.well-known/jwks.json"),
];

const HEADERS: [&str; 12] = [
    "content-type",
    "content-encoding",
    "accept",
    "accept-language",
    "authorization",
    "x-request-id",
    "cookie",
    "expect",
    "range",
    "origin",
    "access-control-request-method",
    "x-forwarded-for",
];

const FIELDS: [&str; 17] = [
    "code",
    "phoneCode",
    "nickName",
    "app",
    "avatar",
    "gender",
    "refreshToken",
    "encryptedData",
    "iv",
    "openid",
    "rawData",
    "signature",
    "token",
    "token_type_hint",
    "status",
    "",
    "__proto__",
];

const TEXTS: [&str; 26] = [
    "",
    " ",
    "\0",
    "a\0b",
    "微信用户",
    "x&secret=1",
    "#",
    "%00",
    "\r\nset-cookie: a=b",
    "\"",
    "\\",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "../../etc/passwd",
    "\u{202e}\u{200d}\u{feff}",
    "👨‍👩‍👧‍👦",
    "é",
    "e\u{301}",
    "\u{fffd}",
    "\u{10ffff}",
    "\u{2028}",
    "javascript:alert(1)",
    "https://a.example/1",
    "NaN",
];

const JSON: [&str; 20] = [
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e400",
    "-0",
    "18446744073709551616",
    "1e-400",
    "[]",
    "{}",
    "[[[[[[[[]]]]]]]]",
    r#""\ud800""#,
    r#""\u0000""#,
    r#""\x""#,
    "'x'",
    "nan",
    ",",
    "\"",
    "{\"a\":{\"a\":{}}}",
];

/// Generator of random requests with a fixed seed.
struct RequestGenerator(FixedRandom);

impl RequestGenerator {
    fn below(&self, n: usize) -> usize {
        usize::try_from(self.0.next() % n as u64).unwrap()
    }

    fn choose<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn bytes(&self, max: usize) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    fn text(&self) -> String {
        match self.below(4) {
            0 => self.choose(&TEXTS).repeat(1 + self.below(200)),
            1 => String::from_utf8_lossy(&self.bytes(80)).into_owned(),
            2 => format!("{}{}", self.choose(&TEXTS), self.choose(&TEXTS)),
            _ => self.choose(&TEXTS).to_owned(),
        }
    }

    /// Returns a JSON object with unusual members, sometimes corrupted.
    fn body(&self) -> Vec<u8> {
        let members = (0..self.below(5)).map(|_| {
            let name = if self.one_in(8) { self.text() } else { self.choose(&FIELDS).to_owned() };
            let value = if self.one_in(2) {
                json!(self.text()).to_string()
            } else {
                self.choose(&JSON).to_owned()
            };
            format!("{}:{value}", json!(name))
        });
        let mut body = format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes();
        match self.below(8) {
            0 => body = self.bytes(300),
            1 => body.truncate(self.below(body.len() + 1)),
            2 => body = "[".repeat(self.below(20_000)).into_bytes(),
            3 => (0..=self.below(4)).for_each(|_| {
                let at = self.below(body.len());
                body[at] = u8::try_from(self.below(256)).unwrap();
            }),
            4 => body.resize(self.below(70_000), b' '),
            _ => {}
        }
        body
    }

    /// Returns a header value without control characters.
    fn header(&self) -> Vec<u8> {
        let raw = if self.one_in(2) { self.bytes(200) } else { self.text().into_bytes() };
        raw.into_iter().filter(|b| *b >= 0x20 && *b != 0x7f).collect()
    }

    fn query(&self) -> String {
        format!("?{}", self.pairs(&["code", "app"]))
    }

    fn pairs(&self, names: &[&str]) -> String {
        let pairs = (0..self.below(4)).map(|_| {
            let name =
                if self.one_in(3) { escape(self.bytes(8)) } else { self.choose(names).to_owned() };
            format!("{name}={}", escape(self.text().into_bytes()))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Returns a form, mostly well-formed, sometimes corrupted.
    fn form(&self) -> Vec<u8> {
        let mut form = self.pairs(&["token", "token_type_hint"]).into_bytes();
        match self.below(6) {
            0 => form = self.bytes(300),
            1 => form.truncate(self.below(form.len() + 1)),
            2 => form.resize(self.below(70_000), b'&'),
            3 => form.extend(b"&token=%"),
            _ => {}
        }
        form
    }
}

#[tokio::test]
async fn random_requests_cause_no_server_error() {
    let app = TestApp::new();
    let generator = RequestGenerator(FixedRandom::seeded(SEED));
    println!("seed {SEED}");
    let mut tokens = app.log_in("o1").await;
    let mut seen = std::collections::BTreeMap::<(&str, u16), usize>::new();
    for number in 0..REQUESTS {
        let (method, path) = generator.choose(&PATHS);
        let last = if path.ends_with('/') { escape(generator.text()) } else { String::new() };
        let call = Call::new(
            Method::from_bytes(method.as_bytes()).unwrap(),
            &format!("{path}{last}{}", generator.query()),
        );
        let member = ["/me", "/logout"].iter().any(|members| path.starts_with(members));
        let mut call = call.bearer(if member { &tokens.access } else { SERVICE_KEY });
        let oauth = path.starts_with("/oauth/");
        let astray = generator.one_in(20);
        call = if oauth == astray {
            call.raw_json(generator.body())
        } else {
            call.form(generator.form())
        };
        for _ in 0..generator.below(3) {
            call = call.raw_header(
                generator.choose(&HEADERS),
                &generator.header(),
                generator.one_in(2),
            );
        }
        let answer = call.send(&app).await;
        *seen.entry((path, answer.status)).or_default() += 1;
        if path.starts_with("/logout") && answer.status == 200 {
            tokens = app.log_in("o1").await;
        }
        assert!(
            is_valid_response(path, &answer),
            "seed {SEED}, request {number}: {} {}",
            answer.status,
            answer.body
        );
    }
    // Proves that the generated requests reach all kinds of responses.
    for status in [200, 400, 401, 413, 415] {
        assert!(seen.keys().any(|(_, answered)| *answered == status), "{seen:?}");
    }
    for path in ["/me", "/logout", "/me/sessions", "/oauth/introspect", "/oauth/revoke"] {
        assert!(seen.contains_key(&(path, 200)), "{path} {seen:?}");
    }
    for path in ["/logout", "/oauth/introspect", "/token/refresh"] {
        for status in [400, 413, 415] {
            assert!(seen.contains_key(&(path, status)), "{path} {seen:?}");
        }
    }
}

/// Returns true for the response format of the route without a server error.
fn is_valid_response(path: &str, answer: &Answer) -> bool {
    if answer.status >= 500 {
        return false;
    }
    if path == "/oauth/revoke" && answer.status == 200 {
        return answer.body.is_empty();
    }
    let body: Value = answer.json();
    let known = match (path, answer.status) {
        ("/external/code_2_wx_openid", 200) => body["openId"].is_string(),
        ("/oauth/introspect", 200) => body == json!({ "active": false }),
        ("/.well-known/jwks.json", 200) => body["keys"].is_array(),
        ("/oauth/introspect" | "/oauth/revoke", _) => body["error"].is_string(),
        _ => body["code"] == answer.status,
    };
    known && answer.header("content-type").starts_with("application/json")
}
