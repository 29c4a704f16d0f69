//! Message pushes as a server receives them.

use std::sync::Arc;

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use salvo::conn::tcp::TcpAcceptor;
use salvo::http::StatusCode;
use salvo::prelude::{Depot, FlowCtrl, Handler, Request, Response, Router, Server, async_trait};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tokio::sync::Mutex;
use wechat_sandbox::config::MAIN_APP;
use wechat_sandbox::control_api::apps::AppChange;
use wechat_sandbox::patch::Patch;
use wechat_sandbox::push::{CheckRequest, Format, Mode, PushRequest};

use crate::harness::{Harness, hex};

const TOKEN: &str = "sandboxpushtoken";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// Call that the server received.
#[derive(Clone, Debug)]
struct ReceivedCall {
    method: String,
    query: Vec<(String, String)>,
    content_type: String,
    body: String,
}

impl ReceivedCall {
    fn param(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map_or_else(|| panic!("{name} in {self:?}"), |(_, value)| value)
    }

    /// Verifies a signature over the token, timestamp, nonce and `more` parts.
    fn is_signed(&self, name: &str, more: &[&str]) -> bool {
        let mut parts = vec![TOKEN, self.param("timestamp"), self.param("nonce")];
        parts.extend(more);
        parts.sort_unstable();
        let digest = Sha1::digest(parts.concat());
        hex(&digest) == self.param(name)
    }
}

/// Server that answers as configured, then with `success`.
#[derive(Clone, Default)]
struct PushServer {
    received: Arc<Mutex<Vec<ReceivedCall>>>,
    answers: Arc<Mutex<Vec<Behaviour>>>,
}

#[derive(Clone, Copy)]
enum Behaviour {
    Status(u16),
    Echo,
    NoAnswer,
}

#[async_trait]
impl Handler for PushServer {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let received = ReceivedCall {
            method: req.method().to_string(),
            query: req.queries().flat_iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            content_type: req.header::<String>("content-type").unwrap_or_default(),
            body: String::from_utf8(req.payload().await.unwrap().to_vec()).unwrap(),
        };
        self.received.lock().await.push(received.clone());
        let behaviour = self.answers.lock().await.pop();
        match behaviour {
            None => res.render("success"),
            Some(Behaviour::Status(status)) => {
                res.status_code(StatusCode::from_u16(status).unwrap());
                res.render("error");
            }
            Some(Behaviour::Echo) => res.render(received.param("echostr").to_owned()),
            Some(Behaviour::NoAnswer) => std::future::pending().await,
        }
    }
}

impl PushServer {
    async fn start() -> (Self, String) {
        let server = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/wechat/push/main", listener.local_addr().unwrap());
        let router = Router::with_path("wechat/push/main").goal(server.clone());
        let acceptor = TcpAcceptor::try_from(listener).unwrap();
        tokio::spawn(Server::new(acceptor).try_serve(router));
        (server, url)
    }

    async fn received(&self) -> Vec<ReceivedCall> {
        self.received.lock().await.clone()
    }
}

fn revoke(url: &str) -> PushRequest {
    PushRequest {
        url: url.to_owned(),
        event: "user_authorization_revoke".into(),
        user: Some("alice".into()),
        fields: json!({ "RevokeInfo": "8" }).as_object().unwrap().clone(),
        ..PushRequest::default()
    }
}

/// Decrypts an `Encrypt` and checks its padding to 32 bytes, length and app id.
fn decrypt(encrypt: &str) -> String {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    let key: [u8; 32] =
        GeneralPurpose::new(&ALPHABET, lenient).decode(AES_KEY).unwrap().try_into().unwrap();
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let data = STANDARD.decode(encrypt).unwrap();
    let cipher = cbc::Decryptor::<aes::Aes256>::new(&key.into(), &iv.into());
    let mut plain = cipher.decrypt_padded_vec::<NoPadding>(&data).unwrap();
    assert_eq!(plain.len() % 32, 0);
    let pad = usize::from(*plain.last().unwrap());
    assert!((1..=32).contains(&pad) && plain.ends_with(&vec![plain[plain.len() - 1]; pad]));
    plain.truncate(plain.len() - pad);
    let length = u32::from_be_bytes(plain[16..20].try_into().unwrap()) as usize;
    assert_eq!(&plain[20 + length..], MAIN_APP.as_bytes());
    String::from_utf8(plain[20..20 + length].to_vec()).unwrap()
}

#[tokio::test]
async fn secure_push_is_encrypted_and_signed() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    let report = harness.sandbox.push(revoke(&url)).await.unwrap();
    assert!(report.delivered);
    assert_eq!(report.attempts.len(), 1);
    assert_eq!(report.attempts[0].answer.as_deref(), Some("success"));

    let push = server.received().await.remove(0);
    assert_eq!((push.method.as_str(), push.content_type.as_str()), ("POST", "text/xml"));
    assert_eq!(push.param("encrypt_type"), "aes");
    let body: Value = serde_json::from_str(&push.body).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 2, "ToUserName and Encrypt: {body}");
    let encrypt = body["Encrypt"].as_str().unwrap();
    assert!(push.is_signed("msg_signature", &[encrypt]) && push.is_signed("signature", &[]));

    let message = decrypt(encrypt);
    assert_eq!(message, report.message);
    assert!(message.starts_with(r#"{"ToUserName":"gh_"#), "{message}");
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["MsgType"], "event");
    assert_eq!(message["Event"], "user_authorization_revoke");
    assert_eq!(message["RevokeInfo"], "8");
    assert_eq!(message["AppID"], MAIN_APP);
    assert_eq!(message["OpenID"], harness.sandbox.user("alice").unwrap().openids[MAIN_APP]);
    assert_eq!(message["FromUserName"], push.param("openid"));
    assert_ne!(message["FromUserName"], message["OpenID"], "the user is not the sender");
    assert_eq!(message["ToUserName"], body["ToUserName"]);
    let time = message["CreateTime"].as_u64().unwrap();
    assert!(harness.sandbox.now().abs_diff(time) <= 10);
}

#[tokio::test]
async fn xml_push_decrypts() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    let request = PushRequest {
        format: Format::Xml,
        fields: json!({ "Note": "a]]>b<c", "Count": 3 }).as_object().unwrap().clone(),
        ..revoke(&url)
    };
    harness.sandbox.push(request).await.unwrap();
    let push = server.received().await.remove(0);
    let encrypt = between(&push.body, "<Encrypt><![CDATA[", "]]></Encrypt>");
    assert!(push.body.starts_with("<xml><ToUserName><![CDATA[gh_"), "{}", push.body);
    assert!(push.is_signed("msg_signature", &[encrypt]));
    let message = decrypt(encrypt);
    assert_eq!(between(&message, "<Event><![CDATA[", "]]>"), "user_authorization_revoke");
    assert!(message.contains("<Note><![CDATA[a]]]]><![CDATA[>b<c]]></Note>"), "{message}");
    assert!(message.contains("<Count>3</Count>"));
    assert!(between(&message, "<CreateTime>", "</CreateTime>").parse::<u64>().is_ok());
}

#[tokio::test]
async fn plain_push_is_signed_but_not_encrypted() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    let request = PushRequest { mode: Some(Mode::Plain), ..revoke(&format!("{url}?a=b")) };
    harness.sandbox.push(request).await.unwrap();
    let push = server.received().await.remove(0);
    assert!(
        push.is_signed("signature", &[]) && !push.query.iter().any(|(k, _)| k == "encrypt_type")
    );
    assert_eq!(push.param("a"), "b", "the receiver's own query is kept");
    let body: Value = serde_json::from_str(&push.body).unwrap();
    assert_eq!(body["Event"], "user_authorization_revoke");
    assert!(body.get("Encrypt").is_none());
}

#[tokio::test]
async fn compatible_push_has_plaintext_and_ciphertext() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    let request = PushRequest {
        mode: Some(Mode::Compatible),
        content_type: Some("application/json".into()),
        ..revoke(&url)
    };
    harness.sandbox.push(request).await.unwrap();
    let push = server.received().await.remove(0);
    assert_eq!(push.content_type, "application/json");
    let body: Value = serde_json::from_str(&push.body).unwrap();
    assert_eq!(body["Event"], "user_authorization_revoke");
    let inner: Value = serde_json::from_str(&decrypt(body["Encrypt"].as_str().unwrap())).unwrap();
    assert_eq!(inner["Event"], body["Event"]);
}

#[tokio::test]
async fn app_without_aes_key_sends_plain_pushes() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    let change = AppChange { encoding_aes_key: Patch::Clear, ..AppChange::default() };
    harness.sandbox.change_app(change).unwrap();
    harness.sandbox.push(revoke(&url)).await.unwrap();
    assert!(server.received().await[0].body.contains("user_authorization_revoke"));
    let secure = PushRequest { mode: Some(Mode::Secure), ..revoke(&url) };
    let error = harness.sandbox.push(secure).await.unwrap_err().to_string();
    assert!(error.contains("has no encoding_aes_key"), "{error}");
    let change = AppChange { push_token: Patch::Clear, ..AppChange::default() };
    harness.sandbox.change_app(change).unwrap();
    let error = harness.sandbox.push(revoke(&url)).await.unwrap_err().to_string();
    assert!(error.contains("has no push_token"), "{error}");
}

#[tokio::test]
async fn push_is_attempted_three_times() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    *server.answers.lock().await = vec![Behaviour::Status(500), Behaviour::NoAnswer];
    let request = PushRequest { timeout_ms: Some(200), ..revoke(&url) };
    let report = harness.sandbox.push(request.clone()).await.unwrap();
    assert!(report.delivered);
    let statuses: Vec<_> = report.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [None, Some(500), Some(200)]);
    assert!(report.attempts[0].error.as_deref().unwrap().contains("timeout"));
    let received = server.received().await;
    assert_eq!(received.len(), 3);
    assert!(
        received.iter().all(|push| push.body == received[0].body),
        "all attempts have the same body"
    );

    *server.answers.lock().await = vec![Behaviour::Status(503); 4];
    let report = harness.sandbox.push(request).await.unwrap();
    assert!(!report.delivered);
    assert_eq!(report.attempts.len(), 3);
}

#[tokio::test]
async fn url_check_requires_the_echostr() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    *server.answers.lock().await = vec![Behaviour::Echo];
    let request = CheckRequest { url: url.clone(), ..CheckRequest::default() };
    let report = harness.sandbox.check_push_url(request.clone()).await.unwrap();
    assert!(report.passed);
    let check = server.received().await.remove(0);
    assert_eq!(check.method, "GET");
    assert!(check.is_signed("signature", &[]));
    assert_eq!(check.param("echostr"), report.echostr);
    let report = harness.sandbox.check_push_url(request).await.unwrap();
    assert!(!report.passed, "`success` is not the echo");
}

#[tokio::test]
async fn pushes_are_sent_over_the_control_api() {
    let harness = Harness::start().await;
    let (server, url) = PushServer::start().await;
    *server.answers.lock().await = vec![Behaviour::Echo];
    let check = harness.post("/_sandbox/push/check", &json!({ "url": url })).await.json();
    assert_eq!((&check["passed"], &check["status"]), (&json!(true), &json!(200)));
    let request = json!({ "appid": MAIN_APP, "url": url, "event": "debug_demo", "mode": "plain",
        "format": "xml", "fields": { "debug_str": "hello harness" } });
    let report = harness.post("/_sandbox/push", &request).await.json();
    assert_eq!(report["delivered"], true);
    assert_eq!(report["attempts"][0]["status"], 200);
    assert!(server.received().await[1].body.contains("<debug_str><![CDATA[hello harness]]>"));
}

#[tokio::test]
async fn invalid_push_requests_are_rejected() {
    let harness = Harness::start().await;
    let url = "http://127.0.0.1:1/";
    let rows = [
        (json!({ "url": "http://example.com/", "event": "x" }), "loopback address"),
        (json!({ "url": "http://127.0.0.1.example.com/", "event": "x" }), "loopback address"),
        (json!({ "url": "http://localhost@example.com/", "event": "x" }), "loopback address"),
        (json!({ "url": "http://10.0.0.1/", "event": "x" }), "loopback address"),
        (json!({ "url": "https://127.0.0.1/", "event": "x" }), "must be http://"),
        (json!({ "url": "127.0.0.1:80", "event": "x" }), "must be http://"),
        (json!({ "url": url }), "event is required"),
        (json!({ "url": url, "event": "x", "user": "unknown" }), "no such user"),
        (json!({ "url": url, "event": "x", "fields": { "a": [1] } }), "not a text or an integer"),
        (json!({ "url": url, "event": "x", "fields": { "a b": "" } }), "not a text or an integer"),
        (json!({ "url": url, "event": "x", "timeout_ms": 5001 }), "timeout_ms must be 1 to 5000"),
        (json!({ "url": url, "event": "x", "attempts": 4 }), "attempts must be 1 to 3"),
        (json!({ "url": url, "event": "x", "openid": "o" }), "unknown field `openid`"),
    ];
    for (request, error) in rows {
        let reply = harness.post("/_sandbox/push", &request).await;
        assert_eq!(reply.status, 400, "{request}");
        assert!(reply.field("error").contains(error), "{request} gave {}", reply.text);
    }
    let request = json!({ "url": url, "event": "x" });
    let report = harness.post("/_sandbox/push", &request).await.json();
    assert_eq!(report["delivered"], false, "the port is closed");
    assert!(report["attempts"][2]["error"].is_string());
    for url in ["http://localhost:1/", "http://[::1]:1/"] {
        let reply = harness.post("/_sandbox/push/check", &json!({ "url": url })).await;
        assert_eq!(reply.status, 200, "{url}");
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start} in {text}")).1;
    rest.split_once(end).unwrap().0
}
