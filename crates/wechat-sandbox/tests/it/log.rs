//! The log of calls.

use std::time::Duration;

use serde_json::json;
use ureq::http::Method;
use wechat_sandbox::config::{Config, MAIN_APP, MAIN_SECRET};
use wechat_sandbox::fault::Fault;

use crate::client::World;

#[tokio::test]
async fn every_call_is_noted_with_its_answer() {
    let world = World::start().await;
    let reply = world.redeem("a%2Bb").await;
    world.stable(false).await;
    let log = world.sandbox.log(None);
    assert_eq!(log.len(), 2);
    let login = &log[0];
    assert_eq!((login.method.as_str(), login.path.as_str()), ("GET", "/sns/jscode2session"));
    assert_eq!(login.param("js_code"), Some("a+b"), "decoded");
    assert!(login.url.contains("js_code=a%2Bb"), "as it came: {}", login.url);
    assert_eq!(login.param("secret"), Some(MAIN_SECRET));
    assert_eq!(login.header("referer"), None);
    assert!(login.header("host").is_some());
    assert_eq!((login.status, login.answer.as_deref()), (Some(200), Some(reply.text.as_str())));
    assert!(!login.fault && !login.dropped);
    let now = Duration::from_secs(world.sandbox.now()).as_secs_f64();
    assert!((login.time - now).abs() < 10.0);
    assert!(log[1].body.contains(MAIN_APP));
}

#[tokio::test]
async fn the_log_is_read_and_cleared_over_http() {
    let world = World::start().await;
    world.redeem("x").await;
    world.get("/cgi-bin/nothing").await;
    let log = world.get("/_sandbox/log").await.json();
    assert_eq!(log.as_array().unwrap().len(), 2, "control calls are not in it");
    assert_eq!(log[0]["query"]["js_code"], "x");
    assert!(log[0]["answer"].as_str().unwrap().contains("40029"));
    let one = world.get("/_sandbox/log?path=/cgi-bin/nothing").await.json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    let later = world.get("/_sandbox/log?after=1").await.json();
    assert_eq!((&later[0]["number"], &later[1]), (&json!(2), &json!(null)));
    assert_eq!(world.get("/_sandbox/log?after=2").await.json(), json!([]));
    for refused in ["paht=/x", "after=-1", "after=x"] {
        assert_eq!(world.get(&format!("/_sandbox/log?{refused}")).await.status, 400, "{refused}");
    }
    world.send(Method::DELETE, "/_sandbox/log", None).await;
    assert_eq!(world.get("/_sandbox/log").await.json(), json!([]));
}

#[tokio::test]
async fn the_log_keeps_the_last_calls() {
    let world = World::with(Config { log_capacity: 3, ..Config::default() }).await;
    for number in 0..5 {
        world.redeem(&format!("code{number}")).await;
    }
    let log = world.sandbox.log(None);
    let codes: Vec<_> = log.iter().map(|call| call.param("js_code").unwrap()).collect();
    assert_eq!(codes, ["code2", "code3", "code4"]);
    assert_eq!(log.iter().map(|call| call.number).collect::<Vec<_>>(), [3, 4, 5]);
    let later = world.get("/_sandbox/log?after=1").await.json();
    assert_eq!(later.as_array().unwrap().len(), 3, "the second is gone");
    let later = world.get("/_sandbox/log?after=4").await.json();
    assert_eq!(later[0]["query"]["js_code"], "code4");
    assert!(log.iter().all(|call| call.status == Some(200)));
}

#[tokio::test]
async fn a_call_under_way_at_a_reset_is_not_taken_for_a_later_one() {
    let world = World::start().await;
    let slow = Fault { delay_ms: Some(400), ..Fault::at("/cgi-bin/token") };
    world.sandbox.fault(slow).unwrap();
    let late = async {
        let started = async {
            while world.sandbox.log(None).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), started).await.unwrap();
        world.sandbox.reset().unwrap();
        world.redeem("x").await
    };
    let (_, login) = tokio::join!(world.get("/cgi-bin/token"), late);
    let log = world.sandbox.log(None);
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].answer.as_deref(), Some(login.text.as_str()));
}

#[tokio::test]
async fn a_log_without_room_keeps_nothing() {
    let world = World::with(Config { log_capacity: 0, ..Config::default() }).await;
    world.redeem("x").await;
    assert!(world.sandbox.log(None).is_empty());
}
