//! Clients that log in, refresh, read and ban members while a server of the program has a fault.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::MAIN_APP;

use super::{Admin, Answer, Program, new_user};

/// Number of concurrent clients: more than the database has connections.
const CLIENTS: usize = 16;

/// Maximum time for which a client waits for a response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two requests of a client.
const PAUSE: Duration = Duration::from_millis(40);

/// Every user with a number divisible by this is banned.
const BAN_INTERVAL: usize = 5;

/// Time after which a request without response counts as failed so far.
const SLOW_TIME: Duration = Duration::from_secs(1);

/// Time without failed requests after which the service has recovered.
const STABLE_TIME: Duration = Duration::from_secs(2);

/// Maximum time to wait for the recovery.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(40);

/// Maximum time until readiness checks show whether the database accepts changes.
const READINESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of the program under this load: every connection to the database is in use, and clients may
/// retry a refresh for as long as possible.
pub(crate) const LOAD_SETTINGS: [(&str, &str); 2] =
    [("MENSHEN_DATABASE__MAX_CONNECTIONS", "4"), ("MENSHEN_TOKENS__REFRESH_GRACE", "60")];

/// Running clients, which retry failed requests as the SDK does.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    http: reqwest::Client,
    base_url: String,
    /// Session cookie of an administrator.
    cookie: String,
    sandbox: Arc<Sandbox>,
    is_running: AtomicBool,
    requests: Mutex<Vec<Request>>,
    /// Times of readiness checks, each with true if the service was ready.
    readiness: Mutex<Vec<(Instant, bool)>>,
    /// All users that have sent a login.
    users: Mutex<HashMap<String, Acknowledged>>,
}

/// Request, from its start.
struct Request {
    begun: Instant,
    /// Time of the end, and true if it was a success; `None` while the client waits.
    end: Option<(Instant, bool)>,
}

/// Acknowledged state of a user.
#[derive(Clone, Default)]
struct Acknowledged {
    /// Data of the latest acknowledged login or refresh.
    tokens: Option<Value>,
    member: Option<Value>,
    is_ban_sent: bool,
    is_banned: bool,
}

/// Times from a fault until the service worked again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    /// Time until the first success of a request that was sent after the fault.
    pub(crate) first_success: Duration,
    /// Time until the last failure.
    pub(crate) last_failure: Duration,
}

impl Load {
    /// Starts the clients.
    pub(crate) async fn start(admin: &Admin<'_>, sandbox: &Arc<Sandbox>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build().unwrap();
        let shared = Arc::new(Shared {
            http,
            base_url: admin.program.url(""),
            cookie: admin.cookie.clone(),
            sandbox: Arc::clone(sandbox),
            is_running: AtomicBool::new(true),
            requests: Mutex::default(),
            readiness: Mutex::default(),
            users: Mutex::default(),
        });
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let shared = Arc::clone(&shared);
            clients.spawn(async move { while shared.serve_new_user().await.is_some() {} });
        }
        clients.spawn(Arc::clone(&shared).watch_readiness());
        let load = Self { shared, clients };
        load.run_for(Duration::from_secs(1)).await;
        load
    }

    /// Runs for some time. Panics if a client failed.
    pub(crate) async fn run_for(&self, time: Duration) {
        sleep(time).await;
        self.assert_running();
    }

    /// Panics if a client has ended, because it lost acknowledged state.
    fn assert_running(&self) {
        assert_eq!(self.clients.len(), CLIENTS + 1);
    }

    /// Runs until the service has recovered from a fault at this time.
    pub(crate) async fn recover(&mut self, fault: Instant) -> Recovery {
        loop {
            sleep(Duration::from_millis(200)).await;
            if let Some(ended) = self.clients.try_join_next() {
                ended.unwrap();
            }
            let now = Instant::now();
            let since = now.duration_since(fault);
            assert!(since < RECOVERY_TIMEOUT, "no recovery: {:?}", self.shared.recovery(fault));
            if let Some(recovery) = self.shared.recovery(fault)
                && since > recovery.last_failure.max(recovery.first_success) + STABLE_TIME
            {
                return recovery;
            }
        }
    }

    /// Waits until the service is ready, or not ready.
    pub(crate) async fn await_readiness(&self, expected: bool) {
        let begun = Instant::now();
        let is_expected =
            |(time, is_ready): &(Instant, bool)| *time > begun && *is_ready == expected;
        while !self.shared.readiness.lock().unwrap().last().is_some_and(is_expected) {
            assert!(begun.elapsed() < READINESS_TIMEOUT, "still not ready = {expected}");
            self.run_for(Duration::from_millis(50)).await;
        }
    }

    /// Stops the clients, and checks that everything acknowledged exists and every user is one member.
    /// Returns the number of users.
    pub(crate) async fn stop_and_verify(self, program: &Program) -> usize {
        self.shared.is_running.store(false, Ordering::SeqCst);
        self.clients.join_all().await;
        let users = std::mem::take(&mut *self.shared.users.lock().unwrap());
        let count = users.len();
        assert!(users.values().any(|user| user.is_banned), "no member was banned");
        let mut checks = JoinSet::new();
        for (user, acknowledged) in users {
            while checks.len() >= CLIENTS {
                checks.join_next().await.unwrap().unwrap();
            }
            let shared = Arc::clone(&self.shared);
            checks.spawn(async move { shared.verify(&user, &acknowledged).await });
        }
        checks.join_all().await;
        assert!(!program.output().contains("panicked"), "{}", program.output());
        count
    }
}

impl Shared {
    /// Sends the requests of a new user one after the other. Returns `None` when the load has been stopped.
    async fn serve_new_user(&self) -> Option<()> {
        let user = new_user(&self.sandbox);
        let number = {
            let mut users = self.users.lock().unwrap();
            users.insert(user.clone(), Acknowledged::default());
            users.len()
        };
        let tokens = self.log_in(&user).await?;
        self.read(&tokens).await?;
        let tokens = self.refresh(&user, &tokens).await?;
        self.read(&tokens).await?;
        self.log_in(&user).await?;
        if number.is_multiple_of(BAN_INTERVAL) {
            self.ban(&user, &tokens["memberId"]).await?;
        }
        Some(())
    }

    /// Logs a user in, with a new code if the provider has redeemed the former one.
    async fn log_in(&self, user: &str) -> Option<Value> {
        loop {
            let code = self.sandbox.login_code(user, MAIN_APP).unwrap();
            let body = json!({ "code": code });
            let login = || self.post("/login", &body).header("idempotency-key", &code);
            let answer = self.send(login).await?;
            if answer.failure() == (401, "login_code_used") {
                continue;
            }
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            let data = answer.body["data"].clone();
            let mut users = self.users.lock().unwrap();
            let acknowledged = users.get_mut(user).unwrap();
            let member = acknowledged.member.get_or_insert_with(|| data["memberId"].clone());
            assert_eq!(*member, data["memberId"], "{user} is two members");
            acknowledged.tokens = Some(data.clone());
            return Some(data);
        }
    }

    async fn read(&self, tokens: &Value) -> Option<()> {
        let token = tokens["token"].as_str().unwrap();
        let read = || self.http.get(format!("{}/me", self.base_url)).bearer_auth(token);
        let answer = self.send(read).await?;
        assert_eq!(answer.status, StatusCode::OK, "acknowledged session lost: {}", answer.text);
        Some(())
    }

    async fn refresh(&self, user: &str, tokens: &Value) -> Option<Value> {
        let body = json!({ "refreshToken": tokens["refreshToken"] });
        let answer = self.send(|| self.post("/token/refresh", &body)).await?;
        assert_eq!(answer.status, StatusCode::OK, "acknowledged session lost: {}", answer.text);
        let mut data = answer.body["data"].clone();
        data["memberId"] = tokens["memberId"].clone();
        self.users.lock().unwrap().get_mut(user).unwrap().tokens = Some(data.clone());
        Some(data)
    }

    async fn ban(&self, user: &str, member: &Value) -> Option<()> {
        self.users.lock().unwrap().get_mut(user).unwrap().is_ban_sent = true;
        let path = format!("/admin/api/members/{}/ban", member.as_str().unwrap());
        let ban = || {
            let request = self.post(&path, &json!({ "reason": "刷单" }));
            request.header("cookie", &self.cookie).header("x-requested-with", "fetch")
        };
        let answer = self.send(ban).await?;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        self.users.lock().unwrap().get_mut(user).unwrap().is_banned = true;
        Some(())
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base_url)).json(body)
    }

    /// Sends a request until it has a response other than 503. Returns `None` when the load has been stopped.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Option<Answer> {
        while self.is_running.load(Ordering::SeqCst) {
            sleep(PAUSE).await;
            let begun = Instant::now();
            let number = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(Request { begun, end: None });
                requests.len() - 1
            };
            let answer = try_send(request()).await;
            let answer = answer.filter(|answer| answer.status != StatusCode::SERVICE_UNAVAILABLE);
            let end = (Instant::now(), answer.is_some());
            self.requests.lock().unwrap()[number].end = Some(end);
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// Sends a request to the recovered service until it has a response other than 503: a busy machine may
    /// be overloaded.
    async fn retry(&self, request: impl Fn() -> RequestBuilder) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = try_send(request()).await;
            match answer.filter(|answer| answer.status != StatusCode::SERVICE_UNAVAILABLE) {
                Some(answer) => return answer,
                None => assert!(begun.elapsed() < RECOVERY_TIMEOUT, "the service is unavailable"),
            }
            sleep(PAUSE).await;
        }
    }

    async fn watch_readiness(self: Arc<Self>) {
        while self.is_running.load(Ordering::SeqCst) {
            let check = self.http.get(format!("{}/health/ready", self.base_url)).send().await;
            let is_ready = check.is_ok_and(|response| response.status() == StatusCode::OK);
            self.readiness.lock().unwrap().push((Instant::now(), is_ready));
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns the recovery so far; `None` before the first success.
    fn recovery(&self, fault: Instant) -> Option<Recovery> {
        let now = Instant::now();
        let mut first_success = None;
        let mut last_failure = fault;
        for request in self.requests.lock().unwrap().iter() {
            match request.end {
                Some((ended, true)) if request.begun > fault => {
                    first_success = Some(first_success.map_or(ended, |first| ended.min(first)));
                }
                Some((ended, false)) => last_failure = last_failure.max(ended),
                None if now.duration_since(request.begun) > SLOW_TIME => last_failure = now,
                Some((_, true)) | None => {}
            }
        }
        let first_success: Instant = first_success?;
        Some(Recovery {
            first_success: first_success.duration_since(fault),
            last_failure: last_failure.duration_since(fault),
        })
    }

    /// Checks the acknowledged state of a user, and logs the user in.
    async fn verify(&self, user: &str, acknowledged: &Acknowledged) {
        if let Some(tokens) = &acknowledged.tokens
            && !acknowledged.is_ban_sent
        {
            let body = json!({ "refreshToken": tokens["refreshToken"] });
            let refreshed = self.retry(|| self.post("/token/refresh", &body)).await;
            assert_eq!(refreshed.status, StatusCode::OK, "refresh of {user}: {}", refreshed.text);
        }
        let request = || {
            let code = self.sandbox.login_code(user, MAIN_APP).unwrap();
            self.post("/login", &json!({ "code": code }))
        };
        let login = self.retry(request).await;
        if acknowledged.is_banned {
            assert_eq!(login.failure(), (403, "member_banned"), "{}", login.text);
        } else if !acknowledged.is_ban_sent {
            assert_eq!(login.status, StatusCode::OK, "{}", login.text);
            if let Some(member) = &acknowledged.member {
                let data = &login.body["data"];
                assert_eq!((&data["memberId"], &data["isNew"]), (member, &json!(false)), "{user}");
            }
        }
    }
}

/// Sends a request. Returns `None` without a response. Panics at a failure that is not documented.
async fn try_send(request: RequestBuilder) -> Option<Answer> {
    let answer = Answer::read(request.send().await.ok()?).await?;
    let is_documented = answer.status.as_u16() < 500
        || answer.status == StatusCode::SERVICE_UNAVAILABLE
            && answer.headers.contains_key("retry-after");
    assert!(
        is_documented,
        "{} without retry-after or undocumented: {}",
        answer.status, answer.text
    );
    Some(answer)
}
