//! Nothing secret leaves the program, however much it is told to say.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP, MAIN_SECRET};
use wechat_sandbox::control_api::encrypt::{EncryptRequest, Kind};
use wechat_sandbox::fault::Fault;

use crate::collector::Collector;
use crate::program::{ADMIN_PASSWORD, Answer, Program, SERVICE_KEY};

/// What must not be seen, and the answers of the program in which to look for it.
#[derive(Default)]
struct Search {
    secrets: Vec<(&'static str, String)>,
    answers: Vec<String>,
}

impl Search {
    fn hide(&mut self, what: &'static str, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 11, "{what} is too short to search for: {secret}");
        self.secrets.push((what, secret.clone()));
        secret
    }

    /// Notes an answer; of values it is meant to carry, the places are blanked first.
    fn look_at(&mut self, mut answer: Answer, meant: &[&str]) -> Value {
        let body = answer.body.clone();
        for field in meant {
            let hidden = format!("<{field}>");
            answer.body["data"][field] = hidden.into();
        }
        self.answers.push(format!("{:?} {}", answer.headers, answer.body));
        body
    }

    /// Every secret that `text` holds, in whatever form.
    fn found_in(&self, text: &str) -> Vec<String> {
        let found = self.secrets.iter().flat_map(|(what, secret)| {
            let hits = forms(secret).into_iter().filter(|(_, form)| text.contains(form));
            hits.map(move |(form, _)| format!("{what} ({form})"))
        });
        found.collect()
    }
}

/// The forms in which a secret might appear: as it is, percent-encoded, in hexadecimal, and in Base64 of
/// either alphabet at each of the three offsets, less the characters that its neighbours decide.
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
async fn no_secret_leaves_at_the_finest_log_level() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let collector = Collector::start();
    let more = [
        ("MENSHEN_LOG__FILTER", "trace"),
        ("MENSHEN_APPS__MAIN__STORE_SESSION_KEYS", "true"),
        ("MENSHEN_TELEMETRY__OTLP_ENDPOINT", collector.url()),
    ];
    let program = Program::start_with(&sandbox, &more).await;
    let mut search = Search::default();
    search.hide("app secret", MAIN_SECRET);
    search.hide("service key", SERVICE_KEY);
    search.hide("phone number", "13800138000");
    for name in ["sealing-key", "refresh-key"] {
        let key = std::fs::read_to_string(program.folder().join(name)).unwrap();
        let longest = key.lines().max_by_key(|line| line.len()).unwrap().to_owned();
        search.hide("a key of the server", longest);
    }

    let tokens = log_in(&sandbox, &program, &mut search).await;
    ask_with(&tokens, &program, &mut search).await;
    refresh_and_end(&sandbox, &program, &mut search).await;
    use_session_key(&sandbox, &program, &mut search).await;
    exchange(&sandbox, &program, &mut search).await;
    meet_faults(&sandbox, &program, &mut search).await;
    send_nonsense(&program, &mut search).await;
    administrate(&tokens, &program, &mut search).await;

    for call in sandbox.log(None) {
        let answer = call.answer.unwrap_or_default();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        for (what, field) in [("session key", "session_key"), ("access token", "access_token")] {
            if let Some(secret) = answer[field].as_str() {
                search.hide(what, secret);
            }
        }
    }
    assert!(search.secrets.len() > 20, "{}", search.secrets.len());
    let output = program.output();
    assert!(output.contains("TRACE"), "the finest level was on");
    assert_eq!(search.found_in(&output), [""; 0], "in the logs");
    assert_eq!(search.found_in(&search.answers.join("\n")), [""; 0], "in the answers");

    // Who is meant stands in answers and in the database, but never in a metric.
    search.hide("member id", tokens["memberId"].as_str().unwrap());
    let openid = "SELECT CAST(value AS TEXT) FROM identity WHERE kind = 'open_id'";
    search.hide("open id", program.query::<String>(openid).await);
    let metrics = Answer::of(program.get("/metrics")).await.text;
    assert!(metrics.contains("menshen_wechat_calls_total{"), "{metrics}");
    assert_eq!(search.found_in(&metrics), [""; 0], "in the metrics");
    let kept: i64 = program.query("SELECT COUNT(*) FROM session_key").await;
    assert_eq!(kept, 1);
    let mut found = search.found_in(&stored(&program));
    let at_rest = ["session key", "phone number", "password", "invitation", "admin token"];
    found.retain(|secret| at_rest.iter().any(|kind| secret.starts_with(kind)));
    assert_eq!(found, [""; 0], "in the database");

    program.terminate().await;
    let traces = String::from_utf8_lossy(&collector.bytes()).into_owned();
    assert!(traces.contains("/sns/jscode2session"), "they arrived");
    assert_eq!(search.found_in(&traces), [""; 0], "in the traces");
}

/// Every byte of the database, as far as it is text.
fn stored(program: &Program) -> String {
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
fn the_search_finds_a_planted_leak_in_every_form() {
    let mut search = Search::default();
    let secret = search.hide("canary", "s3cret/with+signs=and more");
    for (form, text) in forms(&secret) {
        let planted = format!("before {text} after");
        assert!(!search.found_in(&planted).is_empty(), "{form}: {planted}");
    }
    for before in ["", "x", "xy"] {
        let encoded = STANDARD_NO_PAD.encode(format!("{before}{secret} and so on"));
        assert!(!search.found_in(&encoded).is_empty(), "{before:?}: {encoded}");
    }
    assert_eq!(search.found_in("nothing to see"), [""; 0]);
}

async fn log_in(sandbox: &Sandbox, program: &Program, search: &mut Search) -> Value {
    let code = search.hide("login code", sandbox.login_code("alice", MAIN_APP).unwrap());
    let phone = search.hide("phone code", sandbox.phone_code("alice", MAIN_APP).unwrap());
    let body = json!({ "code": code, "phoneCode": phone });
    let login = Answer::of(program.post("/login", &body)).await;
    assert_eq!(login.status, 200, "{}", login.text);
    let login = search.look_at(login, &["token", "refreshToken"])["data"].clone();
    for field in ["token", "refreshToken"] {
        search.hide("token", login[field].as_str().unwrap());
    }
    let again = Answer::of(program.post("/login", &body)).await;
    assert_eq!(again.failure(), (401, "login_code_used"));
    search.look_at(again, &[]);
    login
}

async fn ask_with(tokens: &Value, program: &Program, search: &mut Search) {
    let token = tokens["token"].as_str().unwrap();
    search.look_at(Answer::of(program.get("/me").bearer_auth(token)).await, &[]);
    let change = json!({ "nickName": "Ann", "phone": "13800138000" });
    search.look_at(Answer::of(program.patch("/me", &change).bearer_auth(token)).await, &[]);
    let forged = format!("{token}x");
    search.look_at(Answer::of(program.get("/me").bearer_auth(&forged)).await, &[]);
    let query = format!("/me?token={token}");
    search.look_at(Answer::of(program.get(&query)).await, &[]);
}

async fn refresh_and_end(sandbox: &Sandbox, program: &Program, search: &mut Search) {
    let tokens = log_in(sandbox, program, search).await;
    let fresh = Answer::of(program.refresh(&tokens)).await;
    let fresh = search.look_at(fresh, &["token", "refreshToken"])["data"].clone();
    for field in ["token", "refreshToken"] {
        search.hide("token", fresh[field].as_str().unwrap());
    }
    let token = fresh["token"].as_str().unwrap();
    search.look_at(Answer::of(program.get("/me/sessions").bearer_auth(token)).await, &[]);
    let asked = program.form("/oauth/introspect", &[("token", token)]).bearer_auth(SERVICE_KEY);
    search.look_at(Answer::of(asked).await, &[]);
    let stranger = program.form("/oauth/introspect", &[("token", token)]).bearer_auth("wrong");
    search.look_at(Answer::of(stranger).await, &[]);
    search.look_at(Answer::of(program.post("/logout", &json!({})).bearer_auth(token)).await, &[]);
    search.look_at(Answer::of(program.refresh(&fresh)).await, &[]);
    let swapped = json!({ "refreshToken": token });
    search.look_at(Answer::of(program.post("/token/refresh", &swapped)).await, &[]);
}

async fn use_session_key(sandbox: &Sandbox, program: &Program, search: &mut Search) {
    let tokens = log_in(sandbox, program, search).await;
    let token = tokens["token"].as_str().unwrap();
    let order = |kind| EncryptRequest { user: "alice".into(), kind, ..Default::default() };
    let data = sandbox.encrypt(order(Kind::Phone)).unwrap();
    let text = search.hide("encrypted data", data.encrypted_data);
    let body = json!({ "encryptedData": text, "iv": data.iv });
    let bound = Answer::of(program.put("/me/phone", &body).bearer_auth(token)).await;
    assert_eq!(bound.status, 200, "{}", bound.text);
    search.look_at(bound, &[]);
    let changed = json!({ "encryptedData": text.replace(&text[..1], "_"), "iv": data.iv });
    search.look_at(Answer::of(program.put("/me/phone", &changed).bearer_auth(token)).await, &[]);
    let openid = sandbox.user("alice").unwrap().openids[MAIN_APP].clone();
    let profile = sandbox.encrypt(order(Kind::Profile)).unwrap();
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
        search.look_at(answer, &[]);
    }
}

async fn exchange(sandbox: &Sandbox, program: &Program, search: &mut Search) {
    let mut code = || {
        let code = sandbox.login_code("alice", MAIN_APP).unwrap();
        json!({ "code": search.hide("login code", code) })
    };
    let (open, service, stranger) = (code(), code(), code());
    search.look_at(Answer::of(program.post("/openid", &open)).await, &[]);
    let asked = program.post("/code2session", &service).bearer_auth(SERVICE_KEY);
    search.look_at(Answer::of(asked).await, &["sessionKey"]);
    let asked = program.post("/code2session", &stranger).bearer_auth(SERVICE_KEY.replace('1', "2"));
    search.look_at(Answer::of(asked).await, &[]);
}

async fn meet_faults(sandbox: &Sandbox, program: &Program, search: &mut Search) {
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
            let code = search.hide("login code", sandbox.login_code("alice", MAIN_APP).unwrap());
            let phone = search.hide("phone code", sandbox.phone_code("alice", MAIN_APP).unwrap());
            let body = json!({ "code": code, "phoneCode": phone });
            let answer = Answer::of(program.post("/login", &body)).await;
            search.look_at(answer, &["token", "refreshToken"]);
        }
    }
    sandbox.clear_faults();
}

async fn administrate(tokens: &Value, program: &Program, search: &mut Search) {
    let admin = program.admin("ann@example.com", "operator").await;
    search.hide("password", ADMIN_PASSWORD);
    search.hide("invitation", &admin.invitation);
    search.hide("admin token", admin.cookie.split_once('=').unwrap().1);
    let guess =
        json!({ "name": "ann@example.com", "password": search.hide("guess", "a wrong guess") });
    search.look_at(Answer::of(program.post("/admin/api/session", &guess)).await, &[]);
    let find = json!({ "query": "13800138000" });
    let found = admin.send(program.post("/admin/api/search", &find)).await;
    assert_eq!(found.body["data"]["members"].as_array().unwrap().len(), 1, "{}", found.text);
    search.look_at(found, &[]);
    let member = format!("/admin/api/members/{}", tokens["memberId"].as_str().unwrap());
    search.look_at(admin.send(program.get(&member)).await, &[]);
    let phone = admin.send(program.post(&format!("{member}/phone"), &json!({}))).await;
    search.look_at(phone, &["phone"]);
    search.look_at(admin.send(program.get("/admin/api/audit")).await, &[]);
    search.look_at(Answer::of(program.get(&member).header("cookie", &admin.cookie)).await, &[]);
}

async fn send_nonsense(program: &Program, search: &mut Search) {
    let code = search.hide("login code", "canary-Code-that-nobody-made");
    for body in [
        json!({ "code": code, "extra": code }),
        json!({ "code": [code] }),
        json!({ "code": format!("{code}\"&secret=") }),
        json!({ "code": code, "nickName": "\u{0}" }),
        json!({ "code": code, "app": "nobody" }),
        json!({ "code": code }),
    ] {
        search.look_at(Answer::of(program.post("/login", &body)).await, &[]);
        search.look_at(Answer::of(program.post("/code2session", &body)).await, &[]);
    }
    let path = format!("/external/code_2_wx_openid?code={code}&x=1");
    search.look_at(Answer::of(program.get(&path)).await, &[]);
}
