//! Log of calls.

use std::time::Duration;

use serde_json::json;
use ureq::http::Method;
use wechat_sandbox::config::{Config, MAIN_APP, MAIN_SECRET};
use wechat_sandbox::fault::Fault;

use crate::harness::Harness;

#[tokio::test]
async fn calls_are_logged_with_their_answers() {
    let harness = Harness::start().await;
    let reply = harness.redeem("a%2Bb").await;
    harness.stable(false).await;
    let log = harness.sandbox.log(None);
    assert_eq!(log.len(), 2);
    let login = &log[0];
    assert_eq!((login.method.as_str(), login.path.as_str()), ("GET", "/sns/jscode2session"));
    assert_eq!(login.param("js_code"), Some("a+b"), "decoded");
    assert!(login.url.contains("js_code=a%2Bb"), "as received: {}", login.url);
    assert_eq!(login.param("secret"), Some(MAIN_SECRET));
    assert_eq!(login.header("referer"), None);
    assert!(login.header("host").is_some());
    assert_eq!((login.status, login.answer.as_deref()), (Some(200), Some(reply.text.as_str())));
    assert!(!login.fault && !login.dropped);
    let now = Duration::from_secs(harness.sandbox.now()).as_secs_f64();
    assert!((login.time - now).abs() < 10.0);
    assert!(log[1].body.contains(MAIN_APP));
}

#[tokio::test]
async fn log_is_read_and_cleared_over_http() {
    let harness = Harness::start().await;
    harness.redeem("x").await;
    harness.get("/cgi-bin/nothing").await;
    let log = harness.get("/_sandbox/log").await.json();
    assert_eq!(log.as_array().unwrap().len(), 2, "the log has no control calls");
    assert_eq!(log[0]["query"]["js_code"], "x");
    assert!(log[0]["answer"].as_str().unwrap().contains("40029"));
    let one = harness.get("/_sandbox/log?path=/cgi-bin/nothing").await.json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    let later = harness.get("/_sandbox/log?after=1").await.json();
    assert_eq!((&later[0]["number"], &later[1]), (&json!(2), &json!(null)));
    assert_eq!(harness.get("/_sandbox/log?after=2").await.json(), json!([]));
    for refused in ["paht=/x", "after=-1", "after=x"] {
        assert_eq!(harness.get(&format!("/_sandbox/log?{refused}")).await.status, 400, "{refused}");
    }
    harness.send(Method::DELETE, "/_sandbox/log", None).await;
    assert_eq!(harness.get("/_sandbox/log").await.json(), json!([]));
}

#[tokio::test]
async fn log_keeps_the_last_calls() {
    let harness = Harness::with(Config { log_capacity: 3, ..Config::default() }).await;
    for number in 0..5 {
        harness.redeem(&format!("code{number}")).await;
    }
    let log = harness.sandbox.log(None);
    let codes: Vec<_> = log.iter().map(|call| call.param("js_code").unwrap()).collect();
    assert_eq!(codes, ["code2", "code3", "code4"]);
    assert_eq!(log.iter().map(|call| call.number).collect::<Vec<_>>(), [3, 4, 5]);
    let later = harness.get("/_sandbox/log?after=1").await.json();
    assert_eq!(later.as_array().unwrap().len(), 3, "the second call was removed");
    let later = harness.get("/_sandbox/log?after=4").await.json();
    assert_eq!(later[0]["query"]["js_code"], "code4");
    assert!(log.iter().all(|call| call.status == Some(200)));
}

#[tokio::test]
async fn call_pending_at_a_reset_does_not_complete_a_later_entry() {
    let harness = Harness::start().await;
    let delay = Fault { delay_ms: Some(400), ..Fault::at("/cgi-bin/token") };
    harness.sandbox.inject_fault(delay).unwrap();
    let login_after_reset = async {
        let started = async {
            while harness.sandbox.log(None).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), started).await.unwrap();
        harness.sandbox.reset().unwrap();
        harness.redeem("x").await
    };
    let (_, login) = tokio::join!(harness.get("/cgi-bin/token"), login_after_reset);
    let log = harness.sandbox.log(None);
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].answer.as_deref(), Some(login.text.as_str()));
}

#[tokio::test]
async fn log_with_zero_capacity_stays_empty() {
    let harness = Harness::with(Config { log_capacity: 0, ..Config::default() }).await;
    harness.redeem("x").await;
    assert!(harness.sandbox.log(None).is_empty());
}
