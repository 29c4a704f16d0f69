//! Rate limits by address, app, member, session and service account.

use std::sync::Arc;
use std::time::Duration;

use api::config::Proxy;
use domain::model::rate_limit::Quota;
use domain::ports::provider::MockIdentityProvider;
use domain::ports::store::redemptions::MockRedemptionReader;
use domain::use_cases::rate_limits::Quotas;
use serde_json::json;

use crate::call::{Answer, get, post};
use crate::harness::{SERVICE_KEY, TestApp};

const TOO_MANY: (u16, &str) = (429, "rate_limited");

/// Returns a quota of ten requests at once and one more per second.
fn quota_of_ten() -> Option<Quota> {
    Quota::new(10, 60)
}

/// Builds a service with these quotas.
fn app_with_quotas(quotas: Quotas) -> TestApp {
    TestApp::build_with(|builder| builder.quotas = quotas)
}

/// Builds a service behind these proxies with a limit of ten requests per address.
fn app_behind(proxies: &[&str]) -> TestApp {
    TestApp::build_with(|builder| {
        builder.quotas.address = quota_of_ten();
        builder.config.trusted_proxies =
            proxies.iter().map(|proxy| Proxy::parse(proxy).unwrap()).collect();
    })
}

fn is_rate_limited(answer: &Answer) -> bool {
    let (status, error) = TOO_MANY;
    answer.status == 429 && {
        assert_eq!(answer.failure(), (status, error.to_owned()));
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        true
    }
}

/// Returns the number of accepted requests out of `tries` from this peer, each with the value of
/// `forwarded_for` in `X-Forwarded-For`.
async fn accepted(
    app: &TestApp,
    peer: &str,
    tries: u32,
    forwarded_for: impl Fn(u32) -> String,
) -> u32 {
    let mut accepted = 0;
    for number in 0..tries {
        let call = get("/nowhere").header("x-forwarded-for", &forwarded_for(number));
        accepted += u32::from(!is_rate_limited(&call.send_from(peer, app).await));
    }
    accepted
}

/// Returns a different address for every number.
fn spoofed(number: u32) -> String {
    format!("198.{}.{}.{}", 18 + (number >> 16), (number >> 8) & 255, number & 255)
}

#[tokio::test]
async fn spoofed_forwarded_addresses_share_one_limit() {
    let app = app_behind(&[]);
    assert_eq!(accepted(&app, "203.0.113.7", 10_000, spoofed).await, 10);
    let app = app_behind(&["10.0.0.0/8"]);
    assert_eq!(accepted(&app, "203.0.113.7", 1_000, spoofed).await, 10, "an untrusted proxy");
    let leftmost = |number| format!("{}, 198.51.100.9", spoofed(number));
    assert_eq!(
        accepted(&app, "10.0.0.1", 10_000, leftmost).await,
        10,
        "the proxy reports one address"
    );
}

#[tokio::test]
async fn client_address_is_read_only_from_x_forwarded_for() {
    let app = app_behind(&["10.0.0.0/8"]);
    let mut accepted = 0;
    for number in 0..100 {
        let address = spoofed(number);
        let call = get("/nowhere")
            .header("x-forwarded-for", "198.51.100.9")
            .header("forwarded", &format!("for={address}"))
            .header("x-real-ip", &address)
            .header("cf-connecting-ip", &address);
        accepted += u32::from(!is_rate_limited(&call.send_from("10.0.0.1", &app).await));
    }
    assert_eq!(accepted, 10);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_never_share_a_bucket() {
    let app = app_behind(&["10.0.0.0/8", "2001:db8::/32"]);
    for client in 0..200 {
        let forwarded_for = |number| format!("{}, {}, 10.7.7.7", spoofed(number), spoofed(client));
        assert_eq!(accepted(&app, "10.0.0.1", 11, forwarded_for).await, 10, "client {client}");
    }
    assert_eq!(accepted(&app, "2001:db8::1", 11, |_| "192.0.2.1".into()).await, 10);
    assert_eq!(
        accepted(&app, "10.0.0.2", 11, |_| "192.0.2.1".into()).await,
        0,
        "one client behind two proxies"
    );
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_share_a_limit() {
    let app = app_with_quotas(Quotas { address: quota_of_ten(), ..Quotas::default() });
    let mut accepted = 0;
    for number in 0..100 {
        let answer = get("/me").send_from(&format!("2001:db8:1:2::{number:x}"), &app).await;
        accepted += u32::from(!is_rate_limited(&answer));
    }
    assert_eq!(accepted, 10);
    assert!(!is_rate_limited(&get("/me").send_from("2001:db8:1:3::1", &app).await));
}

#[tokio::test]
async fn address_limit_covers_all_paths() {
    let app = app_with_quotas(Quotas { address: quota_of_ten(), ..Quotas::default() });
    let paths = ["/login", "/Login", "/login/x", "/me/x", "/me", "/openapi.json", "/docs/", "/x"];
    let mut accepted = 0;
    for path in paths.iter().cycle().take(80) {
        accepted += u32::from(!is_rate_limited(&get(path).send(&app).await));
    }
    assert_eq!(accepted, 10);
    app.clock.advance(Duration::from_secs(3));
    for _ in 0..3 {
        assert!(!is_rate_limited(&get("/me").send(&app).await));
    }
    assert!(is_rate_limited(&get("/me").send(&app).await));
}

#[tokio::test]
async fn health_checks_have_their_own_rate_limit() {
    let app = app_with_quotas(Quotas { address: quota_of_ten(), ..Quotas::default() });
    for _ in 0..20 {
        get("/me").send(&app).await;
    }
    assert_eq!(get("/health/ready").send(&app).await.status, 200);
    for _ in 0..10 {
        get("/health/ready").send(&app).await;
    }
    assert!(
        is_rate_limited(&get("/health/ready").send(&app).await),
        "health checks are limited, too"
    );
}

#[tokio::test]
async fn rate_limited_request_does_no_work() {
    let app = TestApp::build_with(|builder| {
        builder.quotas.address = Quota::new(1, 1);
        // These mocks expect no call, so that any call fails the test.
        builder.identity = Arc::new(MockIdentityProvider::new());
        builder.ports.readers.redemptions = Arc::new(MockRedemptionReader::new());
    });
    get("/nowhere").send(&app).await;
    let body = json!({ "code": "a-good-one" });
    for path in ["/login", "/openid", "/code2session", "/token/refresh", "/oauth/introspect"] {
        let call = post(path).bearer("any").json(&body);
        let answer = call.header("content-length", "100000000").send(&app).await;
        assert_eq!(answer.status, 429, "{path}: the body is not read");
    }
    assert_eq!(get("/me").bearer("any").send(&app).await.status, 429);
}

#[tokio::test]
async fn provider_calls_of_an_app_are_rate_limited() {
    let app = app_with_quotas(Quotas { app: quota_of_ten(), ..Quotas::default() });
    let mut accepted = 0;
    for number in 0..30 {
        let body = json!({ "code": app.login_code("o1") });
        let call = match number % 3 {
            0 => post("/login").json(&body),
            1 => post("/openid").json(&body),
            _ => post("/code2session").bearer(SERVICE_KEY).json(&body),
        };
        accepted += u32::from(!is_rate_limited(&call.send_from(&spoofed(number), &app).await));
    }
    assert_eq!(accepted, 10);
}

#[tokio::test]
async fn members_sessions_and_service_accounts_have_separate_limits() {
    let member = quota_of_ten();
    let session = quota_of_ten();
    let service = quota_of_ten();
    let app = app_with_quotas(Quotas { member, session, service, ..Quotas::default() });
    let alice = app.log_in("alice").await;
    let bob = app.token_of("bob").await;
    for number in 0..10 {
        let from = spoofed(number);
        assert_eq!(get("/me").bearer(&alice.access).send_from(&from, &app).await.status, 200);
        assert_eq!(app.refresh(&alice.refresh).await.status, 200);
        let asked = post("/oauth/introspect").form(format!("token={bob}"));
        assert_eq!(asked.basic("orders", SERVICE_KEY).send(&app).await.status, 200);
    }
    let refused = get("/me").bearer(&alice.access).send_from("203.0.113.9", &app).await;
    assert!(is_rate_limited(&refused));
    assert!(is_rate_limited(&app.refresh(&alice.refresh).await));
    assert!(is_rate_limited(&post("/code2session").bearer(SERVICE_KEY).send(&app).await));
    let asked = post("/oauth/introspect").form("token=x").bearer(SERVICE_KEY).send(&app).await;
    assert_eq!(asked.failure(), (429, "temporarily_unavailable".into()));
    assert!(!asked.header("retry-after").is_empty());
    assert_eq!(get("/me").bearer(&bob).send(&app).await.status, 200);
}

#[tokio::test]
async fn service_account_is_limited_by_key_not_by_address() {
    let address = Quota::new(1, 1);
    let service = quota_of_ten();
    let app = app_with_quotas(Quotas { address, service, ..Quotas::default() });
    for number in 0..10 {
        let asked = post("/oauth/introspect").form("token=x");
        let asked = if number % 2 == 0 {
            asked.bearer(SERVICE_KEY)
        } else {
            asked.basic("orders", SERVICE_KEY)
        };
        assert_eq!(asked.send(&app).await.status, 200);
    }
    let other_address = post("/oauth/introspect").form("token=x").bearer(SERVICE_KEY);
    assert_eq!(other_address.send_from("203.0.113.9", &app).await.status, 429);
    for key in ["wrong", "orders"] {
        get("/me").bearer(key).send(&app).await;
        assert!(
            is_rate_limited(&get("/me").basic("orders", key).send(&app).await),
            "wrong keys are limited by address"
        );
    }
}
