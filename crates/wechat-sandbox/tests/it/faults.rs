//! Faults by order.

use std::time::{Duration, Instant};

use serde_json::json;
use ureq::http::Method;
use wechat_sandbox::fault::Fault;

use crate::client::{World, call};

const LOGIN: &str = "/sns/jscode2session";

#[tokio::test]
async fn an_errcode_is_worded_as_the_endpoint_would_and_spends_nothing() {
    let world = World::start().await;
    let code = world.code("alice");
    world.sandbox.fault(Fault { errcode: Some(-1), times: 2, ..Fault::at(LOGIN) }).unwrap();
    for _ in 0..2 {
        let reply = world.redeem(&code).await;
        assert_eq!((reply.status, reply.errcode()), (200, -1));
        assert!(reply.errmsg().starts_with("system error, rid: "), "{}", reply.text);
        assert_eq!(reply.content_type, "text/plain");
    }
    assert_eq!(world.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn every_part_of_the_answer_can_be_ordered() {
    let world = World::start().await;
    let at = || Fault::at(LOGIN);
    let rows = [
        (Fault { status: Some(502), ..at() }, 502, "text/html", "502 Bad Gateway"),
        (Fault { status: Some(404), body: Some(String::new()), ..at() }, 404, "text/plain", ""),
        (Fault { body: Some("{\"openid\":".into()), ..at() }, 200, "text/plain", "{\"openid\":"),
        (
            Fault { body: Some("x".into()), content_type: Some("a/b".into()), ..at() },
            200,
            "a/b",
            "x",
        ),
        (
            Fault { errcode: Some(1), errmsg: Some("my \"words\"".into()), ..at() },
            200,
            "text/plain",
            r#"{"errcode":1,"errmsg":"my \"words\", rid: "#,
        ),
        (Fault { content_type: Some("a/b".into()), ..at() }, 200, "a/b", "40029"),
        (Fault { errcode: Some(45009), status: Some(429), ..at() }, 429, "text/plain", "45009"),
    ];
    for (fault, status, content_type, text) in rows {
        world.sandbox.fault(fault.clone()).unwrap();
        let reply = world.redeem("x").await;
        assert_eq!((reply.status, reply.content_type.as_str()), (status, content_type));
        assert!(reply.text.contains(text), "{fault:?} gave {reply:?}");
        assert!(!text.is_empty() || reply.text.is_empty());
    }
    assert_eq!(world.redeem("x").await.errcode(), 40029, "all have struck");
}

#[tokio::test]
async fn a_dropped_connection_answers_nothing_and_spends_nothing() {
    let world = World::start().await;
    let code = world.code("alice");
    world.sandbox.fault(Fault { drop: true, ..Fault::at(LOGIN) }).unwrap();
    assert!(try_redeem(&world, &code, Duration::from_secs(10)).await.is_err());
    let log = world.sandbox.log(Some(LOGIN));
    assert!(log[0].dropped && log[0].fault && log[0].status.is_none(), "{log:?}");
    assert_eq!(world.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn not_a_byte_is_sent_before_a_drop() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::start().await;
    let mut stream = tokio::net::TcpStream::connect(world.sandbox.address()).await.unwrap();
    let request = b"GET /sns/jscode2session HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut stream = tokio::net::TcpStream::connect(world.sandbox.address()).await.unwrap();
    world.sandbox.fault(Fault { drop: true, ..Fault::at(LOGIN) }).unwrap();
    stream.write_all(request).await.unwrap();
    let mut rest = Vec::new();
    // Closed or reset: both are the end, and both without a byte.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_work_is_done() {
    let world = World::start().await;
    for lost in [
        Fault { drop: true, after: true, ..Fault::at(LOGIN) },
        Fault { status: Some(504), after: true, ..Fault::at(LOGIN) },
        Fault { errcode: Some(-1), after: true, ..Fault::at(LOGIN) },
    ] {
        let code = world.code("alice");
        world.sandbox.fault(lost.clone()).unwrap();
        let reply = try_redeem(&world, &code, Duration::from_secs(10)).await;
        assert!(reply.is_err() || reply.unwrap().text.contains("50") || lost.errcode.is_some());
        assert_eq!(world.redeem(&code).await.errcode(), 40163, "the code is spent: {lost:?}");
    }
}

#[tokio::test]
async fn a_delay_only_delays() {
    let world = World::start().await;
    let code = world.code("alice");
    world.sandbox.fault(Fault { delay_ms: Some(200), ..Fault::at(LOGIN) }).unwrap();
    let start = Instant::now();
    assert_eq!(world.redeem(&code).await.errcode(), 0);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_work() {
    let world = World::start().await;
    let code = world.code("alice");
    world.sandbox.fault(Fault { delay_ms: Some(300), ..Fault::at(LOGIN) }).unwrap();
    assert!(try_redeem(&world, &code, Duration::from_millis(50)).await.is_err());
    let answered = async {
        while world.sandbox.log(Some(LOGIN)).iter().all(|call| call.status.is_none()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), answered).await.unwrap();
    assert_eq!(world.redeem(&code).await.errcode(), 40163);
}

#[tokio::test]
async fn faults_strike_in_the_order_they_were_ordered_and_their_path_alone() {
    let world = World::start().await;
    for errcode in [-1, 45011] {
        world.sandbox.fault(Fault { errcode: Some(errcode), ..Fault::at(LOGIN) }).unwrap();
    }
    assert_eq!(world.stable(false).await.errcode(), 0);
    assert_eq!(world.redeem("x").await.errcode(), -1);
    assert_eq!(world.redeem("x").await.errcode(), 45011);
    assert_eq!(world.redeem("x").await.errcode(), 40029);
}

#[tokio::test]
async fn faults_are_ordered_listed_and_called_off_over_http() {
    let world = World::start().await;
    let order = json!({ "path": LOGIN, "times": 3, "errcode": 40029, "delay_ms": 1 });
    let ordered = world.post("/_sandbox/faults", &order).await;
    assert_eq!(ordered.status, 200);
    world.redeem("x").await;
    let listed = world.get("/_sandbox/faults").await.json();
    assert_eq!(listed[0]["times"], 2);
    assert_eq!(listed[0]["errcode"], 40029);
    world.send(Method::DELETE, "/_sandbox/faults", None).await;
    assert_eq!(world.get("/_sandbox/faults").await.json(), json!([]));
    let body = json!({ "path": LOGIN, "body": { "openid": "o1", "unionid": "" } });
    world.post("/_sandbox/faults", &body).await;
    assert_eq!(world.redeem("x").await.text, r#"{"openid":"o1","unionid":""}"#);
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    let rows = [
        (json!({ "path": LOGIN }), "give errcode, status"),
        (json!({ "errcode": -1 }), "no such path ``"),
        (json!({ "path": "/sns/typo", "errcode": -1 }), "take one of /sns/jscode2session"),
        (json!({ "path": LOGIN, "errcode": -1, "times": 0 }), "times"),
        (json!({ "path": LOGIN, "drop": true, "status": 500 }), "dropped"),
        (json!({ "path": LOGIN, "body": "x", "errcode": -1 }), "not both"),
        (json!({ "path": LOGIN, "status": 100 }), "200 to 599"),
        (json!({ "path": LOGIN, "errmsg": "x", "body": "x" }), "errmsg needs an errcode"),
        (json!({ "path": LOGIN, "body": "x", "content_type": "a\nb" }), "content_type"),
        (json!({ "path": LOGIN, "status": "500" }), "invalid type"),
        (json!({ "path": LOGIN, "drop": true, "dalay_ms": 1 }), "unknown field `dalay_ms`"),
    ];
    for (order, why) in rows {
        let reply = world.post("/_sandbox/faults", &order).await;
        assert_eq!(reply.status, 400, "{order}");
        assert!(reply.field("error").contains(why), "{order} gave {}", reply.text);
    }
    assert!(world.sandbox.faults().is_empty());
}

async fn try_redeem(
    world: &World,
    code: &str,
    deadline: Duration,
) -> Result<crate::client::Reply, String> {
    use wechat_sandbox::config::{MAIN_APP, MAIN_SECRET};
    let url = format!(
        "{}{LOGIN}?appid={MAIN_APP}&secret={MAIN_SECRET}&js_code={code}\
         &grant_type=authorization_code",
        world.sandbox.base_url()
    );
    call(Method::GET, url, None, deadline).await
}
