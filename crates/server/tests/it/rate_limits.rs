//! Rate limits per client address, with and without a trusted proxy.

use std::time::Duration;

use serde_json::json;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::harness::{Answer, Program};

const LIMITS: [(&str, &str); 2] =
    [("MENSHEN_LIMITS__ADDRESS_BURST", "500"), ("MENSHEN_LIMITS__ADDRESS_PER_MINUTE", "1")];

/// Sends requests with different `X-Forwarded-For` headers and returns the number of requests within the limit.
async fn count_passed(
    program: &Program,
    requests: u32,
    forwarded_for: impl Fn(u32) -> String,
) -> u32 {
    let mut passed = 0;
    for number in 0..requests {
        let call = program.get("/me").header("x-forwarded-for", forwarded_for(number));
        let answer = Answer::of(call).await;
        match answer.failure() {
            (401, "unauthenticated") => passed += 1,
            failure => assert_eq!(failure, (429, "rate_limited"), "{}", answer.text),
        }
    }
    passed
}

fn spoofed_address(number: u32) -> String {
    format!("198.51.{}.{}", number / 256, number % 256)
}

#[tokio::test]
async fn spoofed_forwarded_addresses_share_one_burst() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &LIMITS).await;
    let passed = count_passed(&program, 10_000, spoofed_address).await;
    assert!((500..=505).contains(&passed), "{passed}");
    let body = json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() });
    let login = Answer::of(program.post("/login", &body)).await;
    assert_eq!(login.failure(), (429, "rate_limited"));
    let wait: u64 = login.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(Duration::from_secs(wait) <= Duration::from_mins(1), "{wait}");
    assert!(sandbox.log(None).is_empty(), "WeChat was called");
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_have_separate_bursts() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let behind = [LIMITS.as_slice(), &[("MENSHEN_HTTP__TRUSTED_PROXIES", "127.0.0.0/8")]].concat();
    let program = Program::start_with(&sandbox, &behind).await;
    for client in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
        let passed =
            count_passed(&program, 600, |number| format!("{}, {client}", spoofed_address(number)))
                .await;
        assert!((500..=501).contains(&passed), "{client}: {passed}");
    }
}
