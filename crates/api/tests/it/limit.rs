//! Who asks too often is turned back, and nobody else is.

use std::sync::Arc;
use std::time::Duration;

use api::config::Proxy;
use domain::model::rate_limit::Quota;
use domain::ports::provider::MockIdentityProvider;
use domain::ports::store::redemptions::MockRedemptionReader;
use domain::use_cases::rate_limits::Quotas;
use serde_json::json;

use crate::call::{Answer, get, post};
use crate::house::{House, SERVICE_KEY};

const TOO_MANY: (u16, &str) = (429, "rate_limited");

/// Ten at once and one more every second.
fn ten() -> Option<Quota> {
    Quota::new(10, 60)
}

fn house(quotas: Quotas) -> House {
    House::planned(|plan| plan.quotas = quotas)
}

/// A house behind a proxy, which lets ten from each address pass.
fn house_behind(proxies: &[&str]) -> House {
    House::planned(|plan| {
        plan.quotas.address = ten();
        plan.config.trusted_proxies =
            proxies.iter().map(|proxy| Proxy::parse(proxy).unwrap()).collect();
    })
}

fn is_too_many(answer: &Answer) -> bool {
    let (status, error) = TOO_MANY;
    answer.status == 429 && {
        assert_eq!(answer.failure(), (status, error.to_owned()));
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        true
    }
}

/// How many of `tries` from this peer, each with what the function says, are let pass.
async fn passed(house: &House, peer: &str, tries: u32, said: impl Fn(u32) -> String) -> u32 {
    let mut passed = 0;
    for number in 0..tries {
        let call = get("/nowhere").header("x-forwarded-for", &said(number));
        passed += u32::from(!is_too_many(&call.send_from(peer, house).await));
    }
    passed
}

/// An address that differs with every number.
fn spoofed(number: u32) -> String {
    format!("198.{}.{}.{}", 18 + (number >> 16), (number >> 8) & 255, number & 255)
}

#[tokio::test]
async fn ten_thousand_spoofed_addresses_are_one_caller() {
    let house = house_behind(&[]);
    assert_eq!(passed(&house, "203.0.113.7", 10_000, spoofed).await, 10);
    let house = house_behind(&["10.0.0.0/8"]);
    assert_eq!(passed(&house, "203.0.113.7", 1_000, spoofed).await, 10, "no proxy of ours");
    let leftmost = |number| format!("{}, 198.51.100.9", spoofed(number));
    assert_eq!(passed(&house, "10.0.0.1", 10_000, leftmost).await, 10, "the proxy saw one");
}

#[tokio::test]
async fn no_other_header_tells_where_a_request_comes_from() {
    let house = house_behind(&["10.0.0.0/8"]);
    let mut let_pass = 0;
    for number in 0..100 {
        let address = spoofed(number);
        let call = get("/nowhere")
            .header("x-forwarded-for", "198.51.100.9")
            .header("forwarded", &format!("for={address}"))
            .header("x-real-ip", &address)
            .header("cf-connecting-ip", &address);
        let_pass += u32::from(!is_too_many(&call.send_from("10.0.0.1", &house).await));
    }
    assert_eq!(let_pass, 10);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_never_share_a_bucket() {
    let house = house_behind(&["10.0.0.0/8", "2001:db8::/32"]);
    for client in 0..200 {
        let said = |number| format!("{}, {}, 10.7.7.7", spoofed(number), spoofed(client));
        assert_eq!(passed(&house, "10.0.0.1", 11, said).await, 10, "client {client}");
    }
    assert_eq!(passed(&house, "2001:db8::1", 11, |_| "192.0.2.1".into()).await, 10);
    assert_eq!(passed(&house, "10.0.0.2", 11, |_| "192.0.2.1".into()).await, 0, "by two proxies");
}

#[tokio::test]
async fn all_addresses_of_one_ipv6_network_are_one_caller() {
    let house = house(Quotas { address: ten(), ..Quotas::default() });
    let mut let_pass = 0;
    for number in 0..100 {
        let answer = get("/me").send_from(&format!("2001:db8:1:2::{number:x}"), &house).await;
        let_pass += u32::from(!is_too_many(&answer));
    }
    assert_eq!(let_pass, 10);
    assert!(!is_too_many(&get("/me").send_from("2001:db8:1:3::1", &house).await));
}

#[tokio::test]
async fn one_limit_holds_for_all_addresses_of_the_service_however_they_are_spelt() {
    let house = house(Quotas { address: ten(), ..Quotas::default() });
    let paths = ["/login", "/Login", "/login/", "//login", "/me", "/openapi.json", "/docs/", "/x"];
    let mut let_pass = 0;
    for path in paths.iter().cycle().take(80) {
        let_pass += u32::from(!is_too_many(&get(path).send(&house).await));
    }
    assert_eq!(let_pass, 10);
    house.clock.advance(Duration::from_secs(3));
    for _ in 0..3 {
        assert!(!is_too_many(&get("/me").send(&house).await));
    }
    assert!(is_too_many(&get("/me").send(&house).await));
}

#[tokio::test]
async fn a_flood_does_not_make_the_service_look_ill() {
    let house = house(Quotas { address: ten(), ..Quotas::default() });
    for _ in 0..20 {
        get("/me").send(&house).await;
    }
    assert_eq!(get("/health/ready").send(&house).await.status, 200);
    for _ in 0..10 {
        get("/health/ready").send(&house).await;
    }
    assert!(is_too_many(&get("/health/ready").send(&house).await), "probes have a limit too");
}

#[tokio::test]
async fn a_caller_turned_back_at_the_door_costs_nothing() {
    let house = House::planned(|plan| {
        plan.quotas.address = Quota::new(1, 1);
        // Nothing is expected of these: whoever asks them fails the test.
        plan.identity = Arc::new(MockIdentityProvider::new());
        plan.ports.readers.redemptions = Arc::new(MockRedemptionReader::new());
    });
    get("/nowhere").send(&house).await;
    let body = json!({ "code": "a-good-one" });
    for path in ["/login", "/openid", "/code2session", "/token/refresh", "/oauth/introspect"] {
        let call = post(path).bearer("any").json(&body);
        let answer = call.header("content-length", "100000000").send(&house).await;
        assert_eq!(answer.status, 429, "{path}: the body is not even looked at");
    }
    assert_eq!(get("/me").bearer("any").send(&house).await.status, 429);
}

#[tokio::test]
async fn an_app_asks_its_provider_only_so_often() {
    let house = house(Quotas { app: ten(), ..Quotas::default() });
    let mut let_pass = 0;
    for number in 0..30 {
        let body = json!({ "code": house.login_code("o1") });
        let call = match number % 3 {
            0 => post("/login").json(&body),
            1 => post("/openid").json(&body),
            _ => post("/code2session").bearer(SERVICE_KEY).json(&body),
        };
        let_pass += u32::from(!is_too_many(&call.send_from(&spoofed(number), &house).await));
    }
    assert_eq!(let_pass, 10);
}

#[tokio::test]
async fn members_sessions_and_services_have_limits_of_their_own() {
    let member = ten();
    let session = ten();
    let service = ten();
    let house = house(Quotas { member, session, service, ..Quotas::default() });
    let alice = house.log_in("alice").await;
    let bob = house.token_of("bob").await;
    for number in 0..10 {
        let from = spoofed(number);
        assert_eq!(get("/me").bearer(&alice.access).send_from(&from, &house).await.status, 200);
        assert_eq!(house.refresh(&alice.refresh).await.status, 200);
        let asked = post("/oauth/introspect").form(format!("token={bob}"));
        assert_eq!(asked.basic("orders", SERVICE_KEY).send(&house).await.status, 200);
    }
    let refused = get("/me").bearer(&alice.access).send_from("203.0.113.9", &house).await;
    assert!(is_too_many(&refused));
    assert!(is_too_many(&house.refresh(&alice.refresh).await));
    assert!(is_too_many(&post("/code2session").bearer(SERVICE_KEY).send(&house).await));
    let asked = post("/oauth/introspect").form("token=x").bearer(SERVICE_KEY).send(&house).await;
    assert_eq!(asked.failure(), (429, "temporarily_unavailable".into()));
    assert!(!asked.header("retry-after").is_empty());
    assert_eq!(get("/me").bearer(&bob).send(&house).await.status, 200);
}

#[tokio::test]
async fn a_back_end_is_counted_by_its_key_and_not_by_its_address() {
    let address = Quota::new(1, 1);
    let service = ten();
    let house = house(Quotas { address, service, ..Quotas::default() });
    for number in 0..10 {
        let asked = post("/oauth/introspect").form("token=x");
        let asked = if number % 2 == 0 {
            asked.bearer(SERVICE_KEY)
        } else {
            asked.basic("orders", SERVICE_KEY)
        };
        assert_eq!(asked.send(&house).await.status, 200);
    }
    let elsewhere = post("/oauth/introspect").form("token=x").bearer(SERVICE_KEY);
    assert_eq!(elsewhere.send_from("203.0.113.9", &house).await.status, 429);
    for key in ["wrong", "orders"] {
        get("/me").bearer(key).send(&house).await;
        assert!(is_too_many(&get("/me").basic("orders", key).send(&house).await), "guessing");
    }
}
