//! Webhooks of the running program, at receivers that have bad days.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{MAIN_APP, NewUser};

use crate::program::{Answer, Program, environment, menshen};
use crate::soak::{self, stranger};

/// How long all events may take to arrive after the receiver has come back, on a busy machine: a claim
/// that a killed instance left runs out after a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    /// Takes the event.
    Take,
    /// Answers with this status.
    Status(u16),
    /// Takes the event, and hangs up before it says so.
    LoseAnswer,
    /// Hangs up, and takes nothing.
    Drop,
    /// Never answers.
    Hang,
    /// Sends the caller elsewhere.
    Redirect,
    /// Promises more than it answers: the status counts.
    BreakOff,
    /// Takes the event after half a second.
    TakeSlowly,
}

/// A request, as it came.
#[derive(Clone, Debug)]
struct Request {
    path: String,
    headers: HashMap<String, String>,
    body: String,
    taken: bool,
}

impl Request {
    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Kind and member, as in `member.banned 01…`.
    fn told(&self) -> (String, String) {
        let message = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&message["type"]), text(&message["data"]["memberId"]))
    }

    /// Whether one of the signatures is of this secret, made by our own hand.
    fn is_signed_with(&self, secret: &str) -> bool {
        let secret = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        let timestamp = &self.headers["webhook-timestamp"];
        mac.update(format!("{}.{timestamp}.{}", self.id(), self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
    }
}

/// A receiver on this machine; it ends when dropped.
struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// What becomes of the next requests, the last first; after them it takes everything.
    moods: Vec<Mood>,
    requests: Vec<Request>,
}

impl Receiver {
    async fn start(moods: &[Mood]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let moods = moods.iter().rev().copied().collect();
        let state = Arc::new(Mutex::new(State { moods, ..State::default() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    fn url(&self) -> String {
        format!("http://{}/hooks/canary-in-the-path?key=canary-in-the-query", self.address)
    }

    fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// What was taken, in order, without the repeats of the last one of its member.
    fn taken(&self) -> HashMap<String, Vec<(String, String)>> {
        let mut taken = HashMap::<_, Vec<(String, String)>>::new();
        for request in self.requests().iter().filter(|request| request.taken) {
            let (kind, member) = request.told();
            let told = taken.entry(member).or_default();
            if told.last().is_none_or(|(id, _)| id != request.id()) {
                told.push((request.id().to_owned(), kind));
            }
        }
        taken
    }

    /// The kinds that were taken of a member.
    fn kinds_of(&self, member: &str) -> Vec<String> {
        let taken = self.taken().remove(member).unwrap_or_default();
        taken.into_iter().map(|(_, kind)| kind).collect()
    }

    async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(Instant::now() < deadline, "{what} does not come: {:#?}", self.taken());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mood = || state.lock().unwrap().moods.pop().unwrap_or(Mood::Take);
    while let Some(request) = read(&mut stream).await {
        let mood = mood();
        let taken =
            matches!(mood, Mood::Take | Mood::TakeSlowly | Mood::LoseAnswer | Mood::BreakOff);
        state.lock().unwrap().requests.push(Request { taken, ..request });
        let answer = match mood {
            Mood::Take => "204 No Content\r\n\r\n".to_owned(),
            Mood::TakeSlowly => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                "204 No Content\r\n\r\n".to_owned()
            }
            Mood::Status(status) => format!("{status} So\r\ncontent-length: 0\r\n\r\n"),
            Mood::Redirect => {
                "307 Elsewhere\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
            Mood::BreakOff => "200 OK\r\ncontent-length: 9\r\n\r\n".to_owned(),
            Mood::Hang => std::future::pending().await,
            Mood::LoseAnswer | Mood::Drop => return,
        };
        let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
        if mood == Mood::BreakOff {
            return;
        }
    }
}

/// Reads one request; none when the connection ended.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let headers: HashMap<String, String> = headers.collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some(Request { path, headers, body: body.to_owned(), taken: false });
        }
    }
}

fn secret(seed: u8) -> String {
    format!("whsec_{}", STANDARD.encode([seed; 32]))
}

/// The settings of a receiver.
fn receiver(name: &str, receiver: &Receiver, seed: u8) -> Vec<(String, String)> {
    let key = |field: &str| format!("MENSHEN_WEBHOOKS__{name}__{field}");
    vec![(key("URL"), receiver.url()), (key("SECRET"), secret(seed))]
}

fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// What is to be told of somebody whom [`live`] has made, in this order.
const LIFE: [&str; 7] = [
    "member.registered",
    "member.profile_changed",
    "member.phone_bound",
    "member.profile_changed",
    "member.banned",
    "member.unbanned",
    "member.erased",
];

/// Becomes a member and all that, and is one no more; the changes are made by either instance in turn.
async fn live(
    sandbox: &Sandbox,
    (one, other): (&Program, &Program),
    settings: &[(String, String)],
    nth: usize,
) -> String {
    let phone = format!("138{nth:08}");
    let user = sandbox.add_user(NewUser { phone: Some(phone), ..NewUser::default() });
    let user = user.unwrap().user;
    let code = || sandbox.login_code(&user, MAIN_APP).unwrap();
    let login = one.log_in(&code(), None).await;
    let token = login["token"].as_str().unwrap().to_owned();
    let member = login["memberId"].as_str().unwrap().to_owned();
    let rename = async |program: &Program, name: &str| {
        let change = json!({ "nickName": name });
        let answer = Answer::of(program.patch("/me", &change).bearer_auth(&token)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    rename(other, "canary in a name").await;
    let phone = json!({ "phoneCode": sandbox.phone_code(&user, MAIN_APP).unwrap() });
    let bound = Answer::of(one.put("/me/phone", &phone).bearer_auth(&token)).await;
    assert_eq!(bound.status, 200, "{}", bound.text);
    rename(other, "another canary").await;
    for command in ["ban", "unban"] {
        let mut command = menshen(&[command, &member], settings);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let login = one.log_in(&code(), None).await;
    let erased = one.delete("/me").bearer_auth(login["token"].as_str().unwrap());
    assert_eq!(Answer::of(erased).await.status, 200);
    member
}

/// Nothing of a request tells more than ids, and all of it is as the specification has it.
fn assert_proper(request: &Request, secrets: &[String]) {
    assert!(request.path.starts_with("/hooks/"), "it went elsewhere: {}", request.path);
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(uuid::Uuid::parse_str(request.id()).unwrap().get_version_num(), 7);
    let sent_at = request.headers["webhook-timestamp"].parse::<u64>().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(sent_at) < 2 * PATIENCE.as_secs(), "{sent_at}");
    for secret in secrets {
        assert!(request.is_signed_with(secret), "{request:?}");
    }
    assert!(!request.is_signed_with(&secret(99)));
    let (kind, member) = request.told();
    let timestamp = request.json()["timestamp"].clone();
    let expected = json!({ "type": kind, "timestamp": timestamp, "data": { "memberId": member } });
    assert_eq!(request.json(), expected, "nothing else is told");
}

#[tokio::test]
async fn a_receiver_that_fails_hangs_drops_and_comes_back_gets_every_event_in_order() {
    let sandbox = soak::sandbox().await;
    let bad_days = [
        Mood::Status(500),
        Mood::Drop,
        Mood::LoseAnswer,
        Mood::Redirect,
        Mood::Hang,
        Mood::Status(503),
        Mood::BreakOff,
        Mood::Status(404),
        Mood::LoseAnswer,
        Mood::Status(410),
    ];
    let crm = Receiver::start(&[&bad_days[..], &bad_days[..4], &bad_days[5..]].concat()).await;
    let bans = Receiver::start(&[]).await;
    let mut settings = [receiver("CRM", &crm, 1), receiver("BANS", &bans, 2)].concat();
    for (key, value) in [
        ("MENSHEN_WEBHOOKS__BANS__FORMER_SECRET", secret(3)),
        ("MENSHEN_WEBHOOKS__BANS__EVENTS", "member.banned, member.erased".to_owned()),
        ("MENSHEN_LOG__FILTER", "trace".to_owned()),
    ] {
        settings.push((key.to_owned(), value));
    }
    let one = Program::start_with(&sandbox, &borrowed(&settings)).await;
    let settings = [environment(one.database(), &sandbox), settings].concat();
    let other = Program::start_with(&sandbox, &borrowed(&settings)).await;

    let mut members = vec![];
    for nth in 0..3 {
        members.push(live(&sandbox, (&one, &other), &settings, nth).await);
    }
    let said_by_other = other.output();
    other.kill().await;
    for nth in 3..5 {
        members.push(live(&sandbox, (&one, &one), &settings, nth).await);
    }
    for member in &members {
        let lived = |crm: &Receiver| {
            let kinds = crm.kinds_of(member);
            assert!(LIFE.iter().zip(&kinds).all(|(next, kind)| next == kind), "{kinds:?}");
            kinds.len() == LIFE.len()
        };
        crm.until("a life", lived).await;
        bans.until("an end", |bans| bans.kinds_of(member) == ["member.banned", "member.erased"])
            .await;
    }
    let deadline = Instant::now() + PATIENCE;
    while one.query::<i64>("SELECT COUNT(*) FROM outbox").await > 0 {
        assert!(Instant::now() < deadline, "what was taken is not forgotten");
    }

    let requests = crm.requests();
    assert!(requests.len() > members.len() * LIFE.len() + bad_days.len(), "it had bad days");
    for request in &requests {
        assert_proper(request, &[secret(1)]);
    }
    for request in &bans.requests() {
        assert_proper(request, &[secret(2), secret(3)]);
        let same = requests.iter().find(|known| known.id() == request.id());
        assert_eq!(same.map(|known| &known.body), Some(&request.body), "one event, one message");
    }
    let page = Answer::of(one.get("/metrics")).await.text;
    let oldest = |name: &str| format!("oldest_undelivered_seconds{{receiver=\"{name}\"}} 0\n");
    for expected in [oldest("crm").as_str(), oldest("bans").as_str(), "outcome=\"failed\""] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
    let said = said_by_other + &one.output();
    assert!(said.contains("the receiver takes events again"), "{said}");
    for hidden in ["canary-in-the", "whsec_", &secret(1)[6..], &secret(2)[6..], &secret(3)[6..]] {
        assert!(!said.contains(hidden), "{hidden} is in the log");
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other_and_one_members_event_no_other_members() {
    let sandbox = soak::sandbox().await;
    let (down, up) = (Receiver::start(&[Mood::Hang; 99]).await, Receiver::start(&[]).await);
    let settings = [receiver("DOWN", &down, 1), receiver("UP", &up, 2)].concat();
    let program = Program::start_with(&sandbox, &borrowed(&settings)).await;
    let mut members = vec![];
    for _ in 0..3 {
        let code = sandbox.login_code(&stranger(&sandbox), MAIN_APP).unwrap();
        members.push(program.log_in(&code, None).await["memberId"].as_str().unwrap().to_owned());
    }
    for member in &members {
        up.until("an event", |up| up.kinds_of(member) == ["member.registered"]).await;
        let asked = |down: &Receiver| down.requests().iter().any(|r| r.told().1 == *member);
        down.until("an attempt", asked).await;
    }
    assert!(down.taken().is_empty());
}

#[tokio::test]
async fn what_is_under_way_is_seen_through_when_the_server_stops() {
    let sandbox = soak::sandbox().await;
    let crm = Receiver::start(&[Mood::TakeSlowly]).await;
    let settings = receiver("CRM", &crm, 1);
    let program = Program::start_with(&sandbox, &borrowed(&settings)).await;
    let code = || sandbox.login_code(&stranger(&sandbox), MAIN_APP).unwrap();
    program.log_in(&code(), None).await;
    crm.until("an event", |crm| !crm.requests().is_empty()).await;
    let (status, database) = program.terminate().await;
    assert!(status.success(), "{status}");
    let program = Program::start_on(database, &sandbox, &borrowed(&settings)).await;
    let kept: i64 = program.query("SELECT COUNT(*) FROM outbox").await;
    assert_eq!(kept, 0, "it is not told again");
    assert_eq!(crm.requests().len(), 1);
}

#[tokio::test]
async fn an_event_that_is_too_old_is_given_up_loudly() {
    let sandbox = soak::sandbox().await;
    let crm = Receiver::start(&[Mood::Status(500); 99]).await;
    let program = Program::start_with(&sandbox, &borrowed(&receiver("CRM", &crm, 1))).await;
    let code = sandbox.login_code(&stranger(&sandbox), MAIN_APP).unwrap();
    let member = program.log_in(&code, None).await["memberId"].as_str().unwrap().to_owned();
    crm.until("an attempt", |crm| !crm.requests().is_empty()).await;
    program.execute("UPDATE outbox SET at = at - 432000000").await;
    let deadline = Instant::now() + PATIENCE;
    let given_up = "menshen_webhook_attempts_total{receiver=\"crm\",outcome=\"given_up\"} 1\n";
    while !Answer::of(program.get("/metrics")).await.text.contains(given_up) {
        assert!(Instant::now() < deadline, "{}", program.output());
    }
    let said = program.output();
    let line = said.lines().find(|line| line.contains("given up: ")).unwrap();
    for told in ["ERROR", "crm", "member.registered", &member, "HTTP status 500"] {
        assert!(line.contains(told), "{told} in {line}");
    }
    assert_eq!(program.query::<i64>("SELECT COUNT(*) FROM outbox").await, 0);
}

#[tokio::test]
async fn without_receivers_nothing_is_kept() {
    let sandbox = soak::sandbox().await;
    let program = Program::start(&sandbox).await;
    program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert_eq!(program.query::<i64>("SELECT COUNT(*) FROM outbox").await, 0);
    assert_eq!(program.query::<i64>("SELECT COUNT(*) FROM member").await, 1);
}
