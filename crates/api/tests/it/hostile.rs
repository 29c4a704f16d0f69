//! Ten thousand requests nobody would send in good faith: none may break anything.

use serde_json::{Value, json};
use testkit::random::FixedRandom;

use crate::house::{Answer, Call, House, SERVICE_KEY};
use salvo::http::Method;

const REQUESTS: usize = 10_000;
const SEED: u64 = 20_261_120;

const PATHS: [(&str, &str); 6] = [
    ("POST", "/login"),
    ("POST", "/openid"),
    ("POST", "/code2session"),
    ("PATCH", "/me"),
    ("GET", "/me"),
    ("GET", "/external/code_2_wx_openid"),
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

const FIELDS: [&str; 9] =
    ["code", "phoneCode", "nickName", "app", "avatar", "gender", "status", "", "__proto__"];

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

struct Chance(FixedRandom);

impl Chance {
    fn below(&self, n: usize) -> usize {
        usize::try_from(self.0.next() % n as u64).unwrap()
    }

    fn of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn bytes(&self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    fn text(&self) -> String {
        match self.below(4) {
            0 => self.of(&TEXTS).repeat(1 + self.below(200)),
            1 => String::from_utf8_lossy(&self.bytes(80)).into_owned(),
            2 => format!("{}{}", self.of(&TEXTS), self.of(&TEXTS)),
            _ => self.of(&TEXTS).to_owned(),
        }
    }

    /// A body: an object of strange members, bent or broken at times.
    fn body(&self) -> Vec<u8> {
        let members = (0..self.below(5)).map(|_| {
            let name = if self.one_in(8) { self.text() } else { self.of(&FIELDS).to_owned() };
            let value = if self.one_in(2) {
                json!(self.text()).to_string()
            } else {
                self.of(&JSON).to_owned()
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

    /// A header value: anything HTTP lets through, which is no control character.
    fn header(&self) -> Vec<u8> {
        let raw = if self.one_in(2) { self.bytes(200) } else { self.text().into_bytes() };
        raw.into_iter().filter(|b| *b >= 0x20 && *b != 0x7f).collect()
    }

    fn query(&self) -> String {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|b| format!("%{b:02x}")).collect::<Vec<_>>();
        let escape = |bytes| hex(bytes).concat();
        let pairs = (0..self.below(4)).map(|_| {
            let name = if self.one_in(3) {
                escape(self.bytes(8))
            } else {
                self.of(&["code", "app"]).to_owned()
            };
            format!("{name}={}", escape(self.text().into_bytes()))
        });
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    }
}

#[tokio::test]
async fn no_request_however_hostile_breaks_the_service() {
    let (house, chance) = (House::new(), Chance(FixedRandom::seeded(SEED)));
    println!("seed {SEED}");
    let token = house.token_of("o1").await;
    let mut seen = std::collections::BTreeMap::<u16, usize>::new();
    for number in 0..REQUESTS {
        let (method, path) = chance.of(&PATHS);
        let call = Call::new(
            Method::from_bytes(method.as_bytes()).unwrap(),
            &format!("{path}{}", chance.query()),
        );
        let mut call = call.bearer(if path.ends_with("me") { &token } else { SERVICE_KEY });
        call = call.header("content-type", "application/json").body(chance.body());
        for _ in 0..chance.below(3) {
            call = call.raw_header(chance.of(&HEADERS), &chance.header(), chance.one_in(2));
        }
        let answer = call.send(&house).await;
        *seen.entry(answer.status).or_default() += 1;
        assert!(
            is_sound(&answer),
            "seed {SEED}, request {number}: {} {}",
            answer.status,
            answer.body
        );
    }
    // Without this the generator could go blind unnoticed.
    for status in [200, 400, 401, 413, 415] {
        assert!(seen.contains_key(&status), "{seen:?}");
    }
}

/// An envelope, or the bare answer of the older form; never the server's own fault.
fn is_sound(answer: &Answer) -> bool {
    let body: Value = answer.json();
    let known = body["code"] == answer.status || body["openId"].is_string();
    answer.status < 500 && known && answer.header("content-type").starts_with("application/json")
}
