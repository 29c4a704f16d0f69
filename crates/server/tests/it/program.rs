//! Starts the real program against the sandbox and a database of its own, and reads all it says.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::server::HEADER_TIMEOUT;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use sea_orm::TryGetable;
use serde_json::{Value, json};
use testkit::databases::{FreshDatabase, Kind};
use wechat_sandbox::Sandbox;

/// How long anything may take to start or stop, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The key of the one back end that development knows.
pub(crate) const SERVICE_KEY: &str = "development-key-of-the-back-end-0001";

/// What every administrator here signs in with.
pub(crate) const ADMIN_PASSWORD: &str = "a long password of an administrator";

/// A running `menshen serve`; killed when dropped.
pub(crate) struct Program {
    process: Process,
    output: Arc<Mutex<String>>,
    /// With the keys in its folder.
    database: FreshDatabase,
    environment: Vec<(String, String)>,
    base_url: String,
    http: Client,
}

struct Process(Child);

/// By which environment variable these tests are run once more over shared state: a URL of Redis.
const SHARED_STATE: &str = "MENSHEN_TEST_SHARED_STATE";

/// The environment that points to the database, and to its folder for the keys.
pub(crate) fn environment(database: &FreshDatabase, sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut environment: Vec<_> = [
        ("MENSHEN_HTTP__LISTEN", "127.0.0.1:0"),
        ("MENSHEN_DATABASE__URL", database.url()),
        ("MENSHEN_TOKENS__KEY_FOLDER", &database.folder().display().to_string()),
        ("MENSHEN_WECHAT__BASE_URL", sandbox.base_url()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    if let Ok(redis) = std::env::var(SHARED_STATE) {
        environment.extend(shared_state(database, redis));
    }
    environment
}

/// What instances over this database share, by way of this Redis.
pub(crate) fn shared_state(database: &FreshDatabase, redis: String) -> [(String, String); 2] {
    // Nobody else's: the folder's name is drawn by chance.
    let prefix = database.folder().file_name().unwrap().to_string_lossy().into_owned();
    [("MENSHEN_REDIS__URL".to_owned(), redis), ("MENSHEN_REDIS__PREFIX".to_owned(), prefix)]
}

/// The program with exactly this environment, run from the repository's root.
pub(crate) fn menshen(arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.args(arguments).env_clear().envs(environment.iter().cloned());
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command
}

impl Program {
    /// Starts with a file of its own as database.
    pub(crate) async fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &[]).await
    }

    /// Starts with a file of its own as database, and some more environment.
    pub(crate) async fn start_with(sandbox: &Sandbox, more: &[(&str, &str)]) -> Self {
        Self::start_on(FreshDatabase::new(Kind::Sqlite).await, sandbox, more).await
    }

    /// Starts with a fresh database, or what an earlier run left in one, and some more environment.
    pub(crate) async fn start_on(
        database: FreshDatabase,
        sandbox: &Sandbox,
        more: &[(&str, &str)],
    ) -> Self {
        let mut environment = environment(&database, sandbox);
        environment.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let mut child = menshen(&["serve"], &environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        let (process, base_url, http) = (Process(child), String::new(), client());
        let mut program = Self { process, output, database, environment, base_url, http };
        program.base_url = program.await_address().await;
        program
    }

    async fn await_address(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self.output();
            if let Some((_, rest)) = output.split_once("listening on ") {
                let address = |c: char| c.is_ascii_alphanumeric() || ":/.".contains(c);
                return rest.chars().take_while(|c| address(*c)).collect();
            }
            let exited = self.process.0.try_wait().unwrap();
            assert!(exited.is_none(), "the server ended: {exited:?}\n{output}");
            assert!(Instant::now() < deadline, "the server does not start:\n{output}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything written to standard output and error so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub(crate) fn database(&self) -> &FreshDatabase {
        &self.database
    }

    pub(crate) fn folder(&self) -> &Path {
        self.database.folder()
    }

    /// Where others find it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base_url))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base_url))
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}{path}", self.base_url))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base_url)).json(body)
    }

    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base_url)).form(fields)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.patch(format!("{}{path}", self.base_url)).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.put(format!("{}{path}", self.base_url)).json(body)
    }

    /// A client that outlives the program.
    pub(crate) fn client(&self) -> Caller {
        Caller { base_url: self.base_url.clone(), http: self.http.clone() }
    }

    /// Exchanges the refresh token among `tokens`.
    pub(crate) fn refresh(&self, tokens: &Value) -> RequestBuilder {
        self.post("/token/refresh", &json!({ "refreshToken": tokens["refreshToken"] }))
    }

    /// Logs in with the given codes and expects it to work; answers `data`.
    pub(crate) async fn log_in(&self, code: &str, phone_code: Option<&str>) -> Value {
        let body = json!({ "code": code, "phoneCode": phone_code });
        let answer = Answer::of(self.post("/login", &body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body["data"].clone()
    }

    /// Runs another command of the program over the same database, and answers what it prints.
    pub(crate) async fn command(&self, arguments: &[&str]) -> String {
        let mut command = menshen(arguments, &self.environment);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Makes somebody an administrator, as an operator does, and signs them in.
    pub(crate) async fn admin(&self, name: &str, role: &str) -> Admin<'_> {
        let said = self.command(&["admin", "invite", name, "--role", role]).await;
        let code = said.lines().nth(1).unwrap().to_owned();
        let body = json!({ "name": name, "code": code, "password": ADMIN_PASSWORD });
        let accepted = Answer::of(self.post("/admin/api/invitation", &body)).await;
        assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.text);
        let body = json!({ "name": name, "password": ADMIN_PASSWORD });
        let signed_in = Answer::of(self.post("/admin/api/session", &body)).await;
        assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
        let cookie = signed_in.headers["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Admin { program: self, cookie, invitation: code }
    }

    /// Changes the database past the program.
    pub(crate) async fn execute(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    /// The one value that a query finds in the database, read past the program.
    pub(crate) async fn query<T: TryGetable>(&self, sql: &str) -> T {
        self.database.query(sql).await
    }

    /// Asks it to stop, as a service manager would.
    pub(crate) fn ask_to_stop(&self) {
        let pid = self.process.0.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    }

    /// Asks it to stop and waits.
    pub(crate) async fn terminate(self) -> (ExitStatus, FreshDatabase) {
        self.ask_to_stop();
        self.stopped().await
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(mut self) -> (ExitStatus, FreshDatabase) {
        (self.wait().await, self.database)
    }

    /// Ends it without a warning, as a crash would.
    pub(crate) async fn kill(mut self) -> FreshDatabase {
        self.process.0.kill().unwrap();
        self.wait().await;
        self.database
    }

    async fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not stop:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An administrator who is signed in.
pub(crate) struct Admin<'a> {
    pub(crate) program: &'a Program,
    /// `NAME=TOKEN`.
    pub(crate) cookie: String,
    /// The code they chose their password with.
    pub(crate) invitation: String,
}

impl Admin<'_> {
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.header("cookie", &self.cookie).header("x-requested-with", "fetch");
        Answer::of(request).await
    }

    /// What is answered to a request that works.
    pub(crate) async fn data(&self, request: RequestBuilder) -> Value {
        let answer = self.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.body["data"].clone()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.data(self.program.get(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.data(self.program.post(path, body)).await
    }
}

/// Calls a program that may be gone.
pub(crate) struct Caller {
    base_url: String,
    http: Client,
}

impl Caller {
    /// The answer, if there is a whole one.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let request = self.http.post(format!("{}{path}", self.base_url)).json(body);
        Answer::read(request.send().await.ok()?).await
    }
}

/// An answer, taken apart.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// Sends the request; a body that is not JSON reads as null.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.unwrap()).await.unwrap()
    }

    async fn read(response: Response) -> Option<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Self { status, headers, text, body })
    }

    /// Status and error id, as tables compare them.
    pub(crate) fn failure(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["error"].as_str().unwrap_or_default())
    }
}

fn client() -> Client {
    // Connections are given up before the server does so, or a request could cross its farewell.
    let idle = HEADER_TIMEOUT / 2;
    Client::builder().no_proxy().timeout(PATIENCE).pool_idle_timeout(idle).build().unwrap()
}

fn collect(pipe: impl Read + Send + 'static, output: &Arc<Mutex<String>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let mut output = output.lock().unwrap();
            output.push_str(&String::from_utf8_lossy(&line));
            output.push('\n');
        }
    });
}
