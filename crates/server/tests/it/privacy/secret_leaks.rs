//! Search for secrets in logs, responses, metrics, traces and the database.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, MAIN_SECRET};
use wechat_sandbox::control_api::encrypt::{EncryptRequest, Kind};
use wechat_sandbox::fault::Fault;

use crate::harness::otlp_collector::OtlpCollector;
use crate::harness::{ADMIN_PASSWORD, Answer, Program, SERVICE_KEY};

/// Secrets to search for, and the responses to search.
#[derive(Default)]
struct SecretSearch {
    secrets: Vec<(&'static str, String)>,
    responses: Vec<String>,
}

impl SecretSearch {
    /// Adds a secret and returns it.
    fn add(&mut self, kind: &'static str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 11, "{kind} is too short to search for: {secret}");
        self.secrets.push((kind, secret.clone()));
        secret
    }

    /// Records a response and returns its body. The expected secret fields are blanked in the record.
    fn record(&mut self, mut answer: Answer, expected: &[&str]) -> Value {
        let body = answer.body.clone();
        for field in expected {
            let hidden = format!("<{field}>");
            answer.body["data"][field] = hidden.into();
        }
        self.responses.push(format!("{:?} {}", answer.headers, answer.body));
        body
    }

    /// Returns all secrets that `text` contains in any form.
    fn found_in(&self, text: &str) -> Vec<String> {
        let found = self.secrets.iter().flat_map(|(kind, secret)| {
            let hits = forms(secret).into_iter().filter(|(_, form)| text.contains(form));
            hits.map(move |(form, _)| format!("{kind} ({form})"))
        });
        found.collect()
    }
}

/// Returns the forms in which a secret could appear: plain, percent-encoded, hexadecimal, and in Base64 with
/// both alphabets at each of the three offsets, without the characters that depend on neighbouring bytes.
fn forms(secret: &str) -> Vec<(String, String)> {
    let mut hex = String::new();
    let mut percent = String::new();
    for byte in secret.bytes() {
        let _ = write!(hex, "{byte:02x}");
        let _ = match byte {
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => {
                write!(percent, "{}", char::from(b))
            }
            b => write!(percent, "%{b:02X}"),
        };
    }
    let mut forms = vec![
        ("plain".into(), secret.to_owned()),
        ("percent".into(), percent),
        ("hex".into(), hex.clone()),
        ("HEX".into(), hex.to_uppercase()),
    ];
    for offset in 0..3 {
        let padded = [&[0; 2][..offset], secret.as_bytes()].concat();
        let whole = padded.len() - padded.len() % 3;
        let head = (offset * 8).div_ceil(6);
        for (name, engine) in [("base64", &STANDARD_NO_PAD), ("base64url", &URL_SAFE_NO_PAD)] {
            let text = engine.encode(&padded[..whole]);
            forms.push((format!("{name} at {offset}"), text[head..].to_owned()));
        }
    }
    forms
}

#[tokio::test]
async fn no_secret_appears_in_logs_responses_metrics_or_traces() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let collector = OtlpCollector::start();
    let more = [
        ("MENSHEN_LOG__FILTER", "trace"),
        ("MENSHEN_APPS__MAIN__STORE_SESSION_KEYS", "true"),
        ("MENSHEN_TELEMETRY__OTLP_ENDPOINT", collector.url()),
    ];
    let program = Program::start_with(&sandbox, &more).await;
    let mut search = SecretSearch::default();
    search.add("app secret", MAIN_SECRET);
    search.add("service key", SERVICE_KEY);
    search.add("phone number", "13800138000");
    for name in ["sealing-key", "refresh-key"] {
        let key = std::fs::read_to_string(program.folder().join(name)).unwrap();
        let longest = key.lines().max_by_key(|line| line.len()).unwrap().to_owned();
        search.add("server key", longest);
    }

    let tokens = log_in(&sandbox, &program, &mut search).await;
    use_access_token(&tokens, &program, &mut search).await;
    refresh_and_log_out(&sandbox, &program, &mut search).await;
    use_session_key(&sandbox, &program, &mut search).await;
    redeem_login_codes(&sandbox, &program, &mut search).await;
    log_in_with_faults(&sandbox, &program, &mut search).await;
    send_malformed_requests(&program, &mut search).await;
    use_admin_api(&tokens, &program, &mut search).await;

    for call in sandbox.log(None) {
        let answer = call.answer.unwrap_or_default();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        for (kind, field) in [("session key", "session_key"), ("access token", "access_token")] {
            if let Some(secret) = answer[field].as_str() {
                search.add(kind, secret);
            }
        }
    }
    assert!(search.secrets.len() > 20, "{}", search.secrets.len());
    let output = program.output();
    assert!(output.contains("TRACE"), "the log level is not trace");
    assert_eq!(search.found_in(&output), [""; 0], "in the logs");
    assert_eq!(search.found_in(&search.responses.join("\n")), [""; 0], "in the responses");

    // Ids of members are part of responses and of the database, but never of a metric.
    search.add("member id", tokens["memberId"].as_str().unwrap());
    let openid = "SELECT CAST(value AS TEXT) FROM identity WHERE kind = 'open_id'";
    search.add("open id", program.query::<String>(openid).await);
    let metrics = Answer::of(program.get("/metrics")).await.text;
    assert!(metrics.contains("menshen_wechat_calls_total{"), "{metrics}");
    assert_eq!(search.found_in(&metrics), [""; 0], "in the metrics");
    let session_keys: i64 = program.query("SELECT COUNT(*) FROM session_key").await;
    assert_eq!(session_keys, 1);
    let mut found = search.found_in(&database_text(&program));
    let at_rest = ["session key", "phone number", "password", "invitation", "admin token"];
    found.retain(|secret| at_rest.iter().any(|kind| secret.starts_with(kind)));
    assert_eq!(found, [""; 0], "in the database");

    program.terminate().await;
    let traces = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(traces.contains("/sns/jscode2session"), "no traces were exported");
    assert_eq!(search.found_in(&traces), [""; 0], "in the traces");
}

/// Returns the bytes of all database files as lossy text.
fn database_text(program: &Program) -> String {
    let files = std::fs::read_dir(program.folder()).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> =
        files.filter(|path| path.to_string_lossy().contains("menshen.db")).collect();
    assert!(!files.is_empty());
    let text = files
        .iter()
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
    text.collect()
}

#[test]
fn search_finds_a_planted_secret_in_every_form() {
    let mut search = SecretSearch::default();
    let secret = search.add("canary", "s3cret/with+signs=and more");
    for (form, text) in forms(&secret) {
        let planted = format!("before {text} after");
        assert!(!search.found_in(&planted).is_empty(), "{form}: {planted}");
    }
    for before in ["", "x", "xy"] {
        let encoded = STANDARD_NO_PAD.encode(format!("{before}{secret} and so on"));
        assert!(!search.found_in(&encoded).is_empty(), "{before:?}: {encoded}");
    }
    assert_eq!(search.found_in("no secret here"), [""; 0]);
}

async fn log_in(sandbox: &Sandbox, program: &Program, search: &mut SecretSearch) -> Value {
    let code = search.add("login code", sandbox.login_code("alice", MAIN_APP).unwrap());
    let phone = search.add("phone code", sandbox.phone_code("alice", MAIN_APP).unwrap());
    let body = json!({ "code": code, "phoneCode": phone });
    let login = Answer::of(program.post("/login", &body)).await;
    assert_eq!(login.status, 200, "{}", login.text);
    let login = search.record(login, &["token", "refreshToken"])["data"].clone();
    for field in ["token", "refreshToken"] {
        search.add("token", login[field].as_str().unwrap());
    }
    let again = Answer::of(program.post("/login", &body)).await;
    assert_eq!(again.failure(), (401, "login_code_used"));
    search.record(again, &[]);
    login
}

async fn use_access_token(tokens: &Value, program: &Program, search: &mut SecretSearch) {
    let token = tokens["token"].as_str().unwrap();
    search.record(Answer::of(program.get("/me").bearer_auth(token)).await, &[]);
    let change = json!({ "nickName": "Ann", "phone": "13800138000" });
    search.record(Answer::of(program.patch("/me", &change).bearer_auth(token)).await, &[]);
    let forged = format!("{token}x");
    search.record(Answer::of(program.get("/me").bearer_auth(&forged)).await, &[]);
    let query = format!("/me?token={token}");
    search.record(Answer::of(program.get(&query)).await, &[]);
}

async fn refresh_and_log_out(sandbox: &Sandbox, program: &Program, search: &mut SecretSearch) {
    let tokens = log_in(sandbox, program, search).await;
    let fresh = Answer::of(program.refresh(&tokens)).await;
    let fresh = search.record(fresh, &["token", "refreshToken"])["data"].clone();
    for field in ["token", "refreshToken"] {
        search.add("token", fresh[field].as_str().unwrap());
    }
    let token = fresh["token"].as_str().unwrap();
    search.record(Answer::of(program.get("/me/sessions").bearer_auth(token)).await, &[]);
    let request = program.form("/oauth/introspect", &[("token", token)]).bearer_auth(SERVICE_KEY);
    search.record(Answer::of(request).await, &[]);
    let unauthenticated =
        program.form("/oauth/introspect", &[("token", token)]).bearer_auth("wrong");
    search.record(Answer::of(unauthenticated).await, &[]);
    search.record(Answer::of(program.post("/logout", &json!({})).bearer_auth(token)).await, &[]);
    search.record(Answer::of(program.refresh(&fresh)).await, &[]);
    let wrong_token = json!({ "refreshToken": token });
    search.record(Answer::of(program.post("/token/refresh", &wrong_token)).await, &[]);
}

async fn use_session_key(sandbox: &Sandbox, program: &Program, search: &mut SecretSearch) {
    let tokens = log_in(sandbox, program, search).await;
    let token = tokens["token"].as_str().unwrap();
    let request = |kind| EncryptRequest { user: "alice".into(), kind, ..Default::default() };
    let data = sandbox.encrypt(request(Kind::Phone)).unwrap();
    let text = search.add("encrypted data", data.encrypted_data);
    let body = json!({ "encryptedData": text, "iv": data.iv });
    let bound = Answer::of(program.put("/me/phone", &body).bearer_auth(token)).await;
    assert_eq!(bound.status, 200, "{}", bound.text);
    search.record(bound, &[]);
    let changed = json!({ "encryptedData": text.replace(&text[..1], "_"), "iv": data.iv });
    search.record(Answer::of(program.put("/me/phone", &changed).bearer_auth(token)).await, &[]);
    let openid = sandbox.user("alice").unwrap().openids[MAIN_APP].clone();
    let profile = sandbox.encrypt(request(Kind::Profile)).unwrap();
    let user = json!({ "openid": openid });
    let signed = json!({
        "openid": openid, "rawData": profile.raw_data, "signature": profile.signature,
    });
    for (path, body) in [
        ("/wechat/verify_signature", &signed),
        ("/wechat/check_session", &user),
        ("/wechat/reset_session_key", &user),
        ("/wechat/verify_signature", &signed),
    ] {
        let answer = Answer::of(program.post(path, body).bearer_auth(SERVICE_KEY)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        search.record(answer, &[]);
    }
}

async fn redeem_login_codes(sandbox: &Sandbox, program: &Program, search: &mut SecretSearch) {
    let mut code = || {
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        json!({ "code": search.add("login code", code) })
    };
    let public = code();
    let authenticated = code();
    let unauthenticated = code();
    search.record(Answer::of(program.post("/openid", &public)).await, &[]);
    let request = program.post("/code2session", &authenticated).bearer_auth(SERVICE_KEY);
    search.record(Answer::of(request).await, &["sessionKey"]);
    let wrong_key = SERVICE_KEY.replace('1', "2");
    let request = program.post("/code2session", &unauthenticated).bearer_auth(wrong_key);
    search.record(Answer::of(request).await, &[]);
}

async fn log_in_with_faults(sandbox: &Sandbox, program: &Program, search: &mut SecretSearch) {
    let paths =
        ["/sns/jscode2session", "/cgi-bin/stable_token", "/wxa/business/getuserphonenumber"];
    for path in paths {
        let fault = Fault { path: path.into(), ..Fault::default() };
        for fault in [
            Fault { errcode: Some(40125), ..fault.clone() },
            Fault { errcode: Some(40001), times: 2, ..fault.clone() },
            Fault { errcode: Some(-1), times: 2, ..fault.clone() },
            Fault { status: Some(502), ..fault.clone() },
            Fault { drop: true, ..fault.clone() },
            Fault { drop: true, after: true, ..fault.clone() },
            Fault { body: Some(format!("echo {MAIN_SECRET} 13800138000")), ..fault.clone() },
            Fault { body: Some("{\"openid\":".into()), ..fault },
        ] {
            sandbox.clear_faults();
            sandbox.inject_fault(fault).unwrap();
            let code = search.add("login code", sandbox.login_code("alice", MAIN_APP).unwrap());
            let phone = search.add("phone code", sandbox.phone_code("alice", MAIN_APP).unwrap());
            let body = json!({ "code": code, "phoneCode": phone });
            let answer = Answer::of(program.post("/login", &body)).await;
            search.record(answer, &["token", "refreshToken"]);
        }
    }
    sandbox.clear_faults();
}

async fn use_admin_api(tokens: &Value, program: &Program, search: &mut SecretSearch) {
    let admin = program.admin("ann@example.com", "operator").await;
    search.add("password", ADMIN_PASSWORD);
    search.add("invitation", &admin.invitation);
    search.add("admin token", admin.cookie.split_once('=').unwrap().1);
    let guess =
        json!({ "name": "ann@example.com", "password": search.add("guess", "a wrong guess") });
    search.record(Answer::of(program.post("/admin/api/session", &guess)).await, &[]);
    let find = json!({ "query": "13800138000" });
    let found = admin.send(program.post("/admin/api/search", &find)).await;
    assert_eq!(found.body["data"]["members"].as_array().unwrap().len(), 1, "{}", found.text);
    search.record(found, &[]);
    let member = format!("/admin/api/members/{}", tokens["memberId"].as_str().unwrap());
    search.record(admin.send(program.get(&member)).await, &[]);
    let phone = admin.send(program.post(&format!("{member}/phone"), &json!({}))).await;
    search.record(phone, &["phone"]);
    search.record(admin.send(program.get("/admin/api/audit")).await, &[]);
    search.record(Answer::of(program.get(&member).header("cookie", &admin.cookie)).await, &[]);
}

async fn send_malformed_requests(program: &Program, search: &mut SecretSearch) {
    let code = search.add("login code", "canary-Code-that-is-unknown");
    for body in [
        json!({ "code": code, "extra": code }),
        json!({ "code": [code] }),
        json!({ "code": format!("{code}\"&secret=") }),
        json!({ "code": code, "nickName": "\u{0}" }),
        json!({ "code": code, "app": "unknown" }),
        json!({ "code": code }),
    ] {
        search.record(Answer::of(program.post("/login", &body)).await, &[]);
        search.record(Answer::of(program.post("/code2session", &body)).await, &[]);
    }
    let path = format!("/external/code_2_wx_openid?code={code}&x=1");
    search.record(Answer::of(program.get(&path)).await, &[]);
}
