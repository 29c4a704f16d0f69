//! Fault injection.

use std::time::{Duration, Instant};

use serde_json::json;
use ureq::http::Method;
use wechat_sandbox::fault::Fault;

use crate::harness::{Harness, call};

const LOGIN: &str = "/sns/jscode2session";

#[tokio::test]
async fn errcode_fault_uses_the_endpoint_format_and_redeems_nothing() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
    harness
        .sandbox
        .inject_fault(Fault { errcode: Some(-1), times: 2, ..Fault::at(LOGIN) })
        .unwrap();
    for _ in 0..2 {
        let reply = harness.redeem(&code).await;
        assert_eq!((reply.status, reply.errcode()), (200, -1));
        assert!(reply.errmsg().starts_with("system error, rid: "), "{}", reply.text);
        assert_eq!(reply.content_type, "text/plain");
    }
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn fault_overrides_every_part_of_the_answer() {
    let harness = Harness::start().await;
    let fault = || Fault::at(LOGIN);
    let rows = [
        (Fault { status: Some(502), ..fault() }, 502, "text/html", "502 Bad Gateway"),
        (Fault { status: Some(404), body: Some(String::new()), ..fault() }, 404, "text/plain", ""),
        (Fault { body: Some("{\"openid\":".into()), ..fault() }, 200, "text/plain", "{\"openid\":"),
        (
            Fault { body: Some("x".into()), content_type: Some("a/b".into()), ..fault() },
            200,
            "a/b",
            "x",
        ),
        (
            Fault { errcode: Some(1), errmsg: Some("my \"text\"".into()), ..fault() },
            200,
            "text/plain",
            r#"{"errcode":1,"errmsg":"my \"text\", rid: "#,
        ),
        (Fault { content_type: Some("a/b".into()), ..fault() }, 200, "a/b", "40029"),
        (Fault { errcode: Some(45009), status: Some(429), ..fault() }, 429, "text/plain", "45009"),
    ];
    for (fault, status, content_type, text) in rows {
        harness.sandbox.inject_fault(fault.clone()).unwrap();
        let reply = harness.redeem("x").await;
        assert_eq!((reply.status, reply.content_type.as_str()), (status, content_type));
        assert!(reply.text.contains(text), "{fault:?} gave {reply:?}");
        assert!(!text.is_empty() || reply.text.is_empty());
    }
    assert_eq!(harness.redeem("x").await.errcode(), 40029, "all faults are used up");
}

#[tokio::test]
async fn dropped_connection_has_no_answer_and_redeems_nothing() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
    harness.sandbox.inject_fault(Fault { drop: true, ..Fault::at(LOGIN) }).unwrap();
    assert!(try_redeem(&harness, &code, Duration::from_secs(10)).await.is_err());
    let log = harness.sandbox.log(Some(LOGIN));
    assert!(log[0].dropped && log[0].fault && log[0].status.is_none(), "{log:?}");
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
}

#[tokio::test]
async fn no_byte_is_sent_before_a_drop() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let harness = Harness::start().await;
    let mut stream = tokio::net::TcpStream::connect(harness.sandbox.address()).await.unwrap();
    let request = b"GET /sns/jscode2session HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut stream = tokio::net::TcpStream::connect(harness.sandbox.address()).await.unwrap();
    harness.sandbox.inject_fault(Fault { drop: true, ..Fault::at(LOGIN) }).unwrap();
    stream.write_all(request).await.unwrap();
    let mut rest = Vec::new();
    // Closed and reset connections both end the stream without a byte.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn fault_after_execution_loses_the_answer_of_a_redeemed_code() {
    let harness = Harness::start().await;
    for lost in [
        Fault { drop: true, after: true, ..Fault::at(LOGIN) },
        Fault { status: Some(504), after: true, ..Fault::at(LOGIN) },
        Fault { errcode: Some(-1), after: true, ..Fault::at(LOGIN) },
    ] {
        let code = harness.code("alice");
        harness.sandbox.inject_fault(lost.clone()).unwrap();
        let reply = try_redeem(&harness, &code, Duration::from_secs(10)).await;
        assert!(reply.is_err() || reply.unwrap().text.contains("50") || lost.errcode.is_some());
        assert_eq!(harness.redeem(&code).await.errcode(), 40163, "the code is redeemed: {lost:?}");
    }
}

#[tokio::test]
async fn delay_fault_keeps_the_usual_answer() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
    harness.sandbox.inject_fault(Fault { delay_ms: Some(200), ..Fault::at(LOGIN) }).unwrap();
    let start = Instant::now();
    assert_eq!(harness.redeem(&code).await.errcode(), 0);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn delayed_call_completes_after_the_caller_hangs_up() {
    let harness = Harness::start().await;
    let code = harness.code("alice");
    harness.sandbox.inject_fault(Fault { delay_ms: Some(300), ..Fault::at(LOGIN) }).unwrap();
    assert!(try_redeem(&harness, &code, Duration::from_millis(50)).await.is_err());
    let answered = async {
        while harness.sandbox.log(Some(LOGIN)).iter().all(|call| call.status.is_none()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), answered).await.unwrap();
    assert_eq!(harness.redeem(&code).await.errcode(), 40163);
}

#[tokio::test]
async fn faults_apply_in_order_of_injection_to_their_path_only() {
    let harness = Harness::start().await;
    for errcode in [-1, 45011] {
        harness.sandbox.inject_fault(Fault { errcode: Some(errcode), ..Fault::at(LOGIN) }).unwrap();
    }
    assert_eq!(harness.stable(false).await.errcode(), 0);
    assert_eq!(harness.redeem("x").await.errcode(), -1);
    assert_eq!(harness.redeem("x").await.errcode(), 45011);
    assert_eq!(harness.redeem("x").await.errcode(), 40029);
}

#[tokio::test]
async fn faults_are_injected_listed_and_cleared_over_http() {
    let harness = Harness::start().await;
    let fault = json!({ "path": LOGIN, "times": 3, "errcode": 40029, "delay_ms": 1 });
    let reply = harness.post("/_sandbox/faults", &fault).await;
    assert_eq!(reply.status, 200);
    harness.redeem("x").await;
    let listed = harness.get("/_sandbox/faults").await.json();
    assert_eq!(listed[0]["times"], 2);
    assert_eq!(listed[0]["errcode"], 40029);
    harness.send(Method::DELETE, "/_sandbox/faults", None).await;
    assert_eq!(harness.get("/_sandbox/faults").await.json(), json!([]));
    let body = json!({ "path": LOGIN, "body": { "openid": "o1", "unionid": "" } });
    harness.post("/_sandbox/faults", &body).await;
    assert_eq!(harness.redeem("x").await.text, r#"{"openid":"o1","unionid":""}"#);
}

#[tokio::test]
async fn contradictory_faults_are_rejected() {
    let harness = Harness::start().await;
    let rows = [
        (json!({ "path": LOGIN }), "errcode, status"),
        (json!({ "errcode": -1 }), "no such path ``"),
        (json!({ "path": "/sns/typo", "errcode": -1 }), "use one of /sns/jscode2session"),
        (json!({ "path": LOGIN, "errcode": -1, "times": 0 }), "times"),
        (json!({ "path": LOGIN, "drop": true, "status": 500 }), "drop cannot be combined"),
        (json!({ "path": LOGIN, "body": "x", "errcode": -1 }), "cannot be combined"),
        (json!({ "path": LOGIN, "status": 100 }), "200 to 599"),
        (json!({ "path": LOGIN, "errmsg": "x", "body": "x" }), "errmsg requires an errcode"),
        (json!({ "path": LOGIN, "body": "x", "content_type": "a\nb" }), "content_type"),
        (json!({ "path": LOGIN, "status": "500" }), "invalid type"),
        (json!({ "path": LOGIN, "drop": true, "dalay_ms": 1 }), "unknown field `dalay_ms`"),
    ];
    for (fault, error) in rows {
        let reply = harness.post("/_sandbox/faults", &fault).await;
        assert_eq!(reply.status, 400, "{fault}");
        assert!(reply.field("error").contains(error), "{fault} gave {}", reply.text);
    }
    assert!(harness.sandbox.faults().is_empty());
}

async fn try_redeem(
    harness: &Harness,
    code: &str,
    timeout: Duration,
) -> Result<crate::harness::Reply, String> {
    use wechat_sandbox::config::{MAIN_APP, MAIN_SECRET};
    let url = format!(
        "{}{LOGIN}?appid={MAIN_APP}&secret={MAIN_SECRET}&js_code={code}\
         &grant_type=authorization_code",
        harness.sandbox.base_url()
    );
    call(Method::GET, url, None, timeout).await
}
