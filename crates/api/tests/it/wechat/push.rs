//! `GET` and `POST /wechat/push/{app}`.

use std::time::Duration;

use crate::call::{Call, get, post};
use crate::harness::TestApp;

/// Query with a signature that the mock accepts, and the current time.
const SIGNED: &str = "signature=right&timestamp=1795168800&nonce=n1";

fn push(query: &str, body: &str) -> Call {
    post(&format!("/wechat/push/main?{query}")).header("content-type", "text/xml").body(body)
}

#[tokio::test]
async fn push_check_echoes_only_for_a_valid_signature() {
    let test_app = TestApp::new();
    let check = |query: &str| get(&format!("/wechat/push/main?{query}&echostr=437512"));
    let answer = check(SIGNED).send(&test_app).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "437512"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let forged = check(&SIGNED.replace("right", "wrong")).send(&test_app).await;
    assert_eq!(forged.failure(), (403, "forbidden".into()));
    let lacking = get(&format!("/wechat/push/main?{SIGNED}")).send(&test_app).await;
    assert_eq!(lacking.fault("echostr"), "is required");
}

#[tokio::test]
async fn repeated_push_message_returns_success() {
    let test_app = TestApp::new();
    for _ in 0..3 {
        let answer = push(SIGNED, "m1").send(&test_app).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "success"));
    }
}

#[tokio::test]
async fn push_signature_is_valid_for_one_message_and_five_minutes() {
    let test_app = TestApp::new();
    assert_eq!(push(SIGNED, "m1").send(&test_app).await.status, 200);
    let replayed = push(SIGNED, "m2").send(&test_app).await;
    assert_eq!(replayed.failure(), (403, "forbidden".into()));
    let next = SIGNED.replace("n1", "n2");
    assert_eq!(push(&next, "m2").send(&test_app).await.status, 200);
    test_app.clock.advance(Duration::from_mins(6));
    for query in [&next, &SIGNED.replace("1795168800", "soon"), &SIGNED.replace("1795", "9999")] {
        let stale = push(query, "m1").send(&test_app).await;
        assert_eq!(stale.failure(), (403, "forbidden".into()), "{query}");
    }
}

#[tokio::test]
async fn invalid_push_messages_are_rejected() {
    let test_app = TestApp::new();
    let forged = push(&SIGNED.replace("right", "wrong"), "m1").send(&test_app).await;
    assert_eq!(forged.failure(), (403, "forbidden".into()));
    let broken =
        push(SIGNED, "").raw_header("x-any", b"1", true).body([0xff]).send(&test_app).await;
    assert_eq!(broken.fault("body"), "it is not UTF-8");
    for app in ["other", "Main", "%20", "main%2f"] {
        let call = post(&format!("/wechat/push/{app}?{SIGNED}")).body("m1");
        assert_eq!(call.send(&test_app).await.failure(), (404, "not_found".into()), "{app}");
    }
    let unsigned = post("/wechat/push/main").body("m1").send(&test_app).await;
    for parameter in ["signature", "timestamp", "nonce"] {
        assert_eq!(unsigned.fault(parameter), "is required");
    }
}
