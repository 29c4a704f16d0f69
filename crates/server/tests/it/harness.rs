//! Test harness: the program as a child process with its own database, against the WeChat sandbox.

pub(crate) mod database_server;
pub(crate) mod fault_proxy;
pub(crate) mod load;
pub(crate) mod nginx;
pub(crate) mod otlp_collector;
pub(crate) mod webhook_receiver;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use api::server::HEADER_TIMEOUT;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use sea_orm::TryGetable;
use serde_json::{Value, json};
use testkit::databases::{FreshDatabase, Kind};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, NewUser};

/// Maximum time to start, to stop, and to respond, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Key of the service account in the development configuration.
pub(crate) const SERVICE_KEY: &str = "development-key-of-the-back-end-0001";

/// Password of every administrator in these tests.
pub(crate) const ADMIN_PASSWORD: &str = "a long password of an administrator";

/// A running `menshen serve`; killed when dropped.
pub(crate) struct Program {
    process: Process,
    output: Arc<Mutex<String>>,
    /// Database; its folder also holds the keys.
    database: FreshDatabase,
    environment: Vec<(String, String)>,
    base_url: String,
    http: Client,
}

struct Process(Child);

/// Environment variable with a Redis URL: if it is set, the tests run with shared state in this Redis.
const SHARED_STATE: &str = "MENSHEN_TEST_SHARED_STATE";

/// Members without an identity, plus second identities of a member in one app: rows that an incomplete
/// or repeated login would leave. The query returns 0 for a consistent database.
pub(crate) const INCONSISTENT_ROWS: &str =
    "SELECT (SELECT COUNT(*) FROM member WHERE id NOT IN (SELECT member_id FROM identity))
    + (SELECT COUNT(*) FROM (SELECT 1 FROM identity WHERE kind = 'open_id'
       GROUP BY member_id, namespace HAVING COUNT(*) > 1) AS twice)";

/// Starts a sandbox without rate limits and without a call log.
pub(crate) async fn unlimited_sandbox() -> Sandbox {
    Sandbox::start(Config { limits: false, log_capacity: 0, ..Config::default() }).await.unwrap()
}

/// Adds a WeChat user and returns its id.
pub(crate) fn new_user(sandbox: &Sandbox) -> String {
    sandbox.add_user(NewUser::default()).unwrap().user
}

/// Returns the environment for a database; the database's folder also holds the keys.
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

/// Returns the settings that make instances over this database share state in this Redis.
pub(crate) fn shared_state(database: &FreshDatabase, redis: String) -> [(String, String); 2] {
    // The folder's name is random, so no other test uses this prefix.
    let prefix = database.folder().file_name().unwrap().to_string_lossy().into_owned();
    [("MENSHEN_REDIS__URL".to_owned(), redis), ("MENSHEN_REDIS__PREFIX".to_owned(), prefix)]
}

/// Borrows the environment in the form that [`Program::start_with`] accepts.
pub(crate) fn borrowed(environment: &[(String, String)]) -> Vec<(&str, &str)> {
    environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Returns a command of the program with exactly this environment, run from the repository's root.
pub(crate) fn menshen(arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.args(arguments).env_clear().envs(environment.iter().cloned());
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command
}

impl Program {
    /// Starts with a fresh SQLite database.
    pub(crate) async fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &[]).await
    }

    /// Starts with a fresh SQLite database and additional environment variables.
    pub(crate) async fn start_with(sandbox: &Sandbox, more: &[(&str, &str)]) -> Self {
        Self::start_on(FreshDatabase::new(Kind::Sqlite).await, sandbox, more).await
    }

    /// Starts with this database, fresh or of an earlier run, and additional environment variables.
    pub(crate) async fn start_on(
        database: FreshDatabase,
        sandbox: &Sandbox,
        more: &[(&str, &str)],
    ) -> Self {
        running(Self::try_start_on(database, sandbox, more).await)
    }

    /// Like [`Self::start_on`]. Returns the database and the output if the program exits.
    pub(crate) async fn try_start_on(
        database: FreshDatabase,
        sandbox: &Sandbox,
        more: &[(&str, &str)],
    ) -> Result<Self, (FreshDatabase, String)> {
        let mut environment = environment(&database, sandbox);
        environment.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Self::try_start_command(menshen(&["serve"], &environment), database, environment).await
    }

    /// Starts with a command that runs the server with this database and environment.
    pub(crate) async fn start_command(
        command: Command,
        database: FreshDatabase,
        environment: Vec<(String, String)>,
    ) -> Self {
        running(Self::try_start_command(command, database, environment).await)
    }

    async fn try_start_command(
        mut command: Command,
        database: FreshDatabase,
        environment: Vec<(String, String)>,
    ) -> Result<Self, (FreshDatabase, String)> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        let process = Process(child);
        let base_url = String::new();
        let http = client();
        let mut program = Self { process, output, database, environment, base_url, http };
        let Some(base_url) = program.await_address().await else {
            let output = program.output();
            return Err((program.database, output));
        };
        program.base_url = base_url;
        Ok(program)
    }

    /// Starts another instance over the same database.
    pub(crate) async fn start_second(&self, sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &borrowed(&environment(&self.database, sandbox))).await
    }

    /// Returns the address of the server, or `None` if the program exits.
    async fn await_address(&mut self) -> Option<String> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let output = self.output();
            if let Some((_, rest)) = output.split_once("listening on ") {
                let address = |c: char| c.is_ascii_alphanumeric() || ":/.".contains(c);
                return Some(rest.chars().take_while(|c| address(*c)).collect());
            }
            if self.process.0.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < deadline, "the server did not start:\n{output}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops reading the output of the program until the guard is dropped.
    pub(crate) fn stall_output(&self) -> MutexGuard<'_, String> {
        self.output.lock().unwrap()
    }

    /// Returns the standard output and error so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub(crate) fn database(&self) -> &FreshDatabase {
        &self.database
    }

    pub(crate) fn folder(&self) -> &Path {
        self.database.folder()
    }

    /// Returns the URL of a path of this instance.
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

    /// Returns the memory of the process in bytes.
    pub(crate) fn resident_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id()));
        let status = status.unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Returns a client that outlives the program.
    pub(crate) fn client(&self) -> ProgramClient {
        ProgramClient { base_url: self.base_url.clone(), http: self.http.clone() }
    }

    /// Builds the refresh request for `tokens`.
    pub(crate) fn refresh(&self, tokens: &Value) -> RequestBuilder {
        self.post("/token/refresh", &json!({ "refreshToken": tokens["refreshToken"] }))
    }

    /// Logs in with the given codes and returns `data`. Panics if the login fails.
    pub(crate) async fn log_in(&self, code: &str, phone_code: Option<&str>) -> Value {
        let body = json!({ "code": code, "phoneCode": phone_code });
        let answer = Answer::of(self.post("/login", &body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body["data"].clone()
    }

    /// Runs a command of the program over the same database and returns its standard output.
    pub(crate) async fn command(&self, arguments: &[&str]) -> String {
        let mut command = menshen(arguments, &self.environment);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
        stdout
    }

    /// Invites an administrator on the command line, accepts the invitation and signs in.
    pub(crate) async fn admin(&self, name: &str, role: &str) -> Admin<'_> {
        let stdout = self.command(&["admin", "invite", name, "--role", role]).await;
        let code = stdout.lines().nth(1).unwrap().to_owned();
        let acceptance = json!({ "name": name, "code": code, "password": ADMIN_PASSWORD });
        let accepted = Answer::of(self.post("/admin/api/invitation", &acceptance)).await;
        assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.text);
        let sign_in = json!({ "name": name, "password": ADMIN_PASSWORD });
        let signed_in = Answer::of(self.post("/admin/api/session", &sign_in)).await;
        assert_eq!(signed_in.status, StatusCode::OK, "{}", signed_in.text);
        let set_cookie = signed_in.headers["set-cookie"].to_str().unwrap();
        let cookie = set_cookie.split(';').next().unwrap().to_owned();
        Admin { program: self, cookie, invitation: code }
    }

    /// Executes a statement in the database directly.
    pub(crate) async fn execute(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    /// Returns the single value of a query, read from the database directly.
    pub(crate) async fn query<T: TryGetable>(&self, sql: &str) -> T {
        self.database.query(sql).await
    }

    /// Sends SIGTERM, as a service manager does.
    pub(crate) fn send_sigterm(&self) {
        let pid = self.process.0.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    }

    /// Sends SIGTERM and waits until the process has exited.
    pub(crate) async fn terminate(self) -> (ExitStatus, FreshDatabase) {
        self.send_sigterm();
        self.wait_for_exit().await
    }

    /// Waits until the process has exited.
    pub(crate) async fn wait_for_exit(mut self) -> (ExitStatus, FreshDatabase) {
        (self.wait().await, self.database)
    }

    /// Sends SIGKILL, which has the effect of a crash.
    pub(crate) async fn kill(mut self) -> FreshDatabase {
        self.process.0.kill().unwrap();
        self.wait().await;
        self.database
    }

    async fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server did not stop:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Returns the started program; panics with its output if it exited.
fn running(started: Result<Program, (FreshDatabase, String)>) -> Program {
    started.unwrap_or_else(|(_, output)| panic!("the server exited:\n{output}"))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A signed-in administrator.
pub(crate) struct Admin<'a> {
    pub(crate) program: &'a Program,
    /// Session cookie in the form `NAME=TOKEN`.
    pub(crate) cookie: String,
    /// Invitation code with which the password was set.
    pub(crate) invitation: String,
}

impl Admin<'_> {
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.header("cookie", &self.cookie).header("x-requested-with", "fetch");
        Answer::of(request).await
    }

    /// Sends a request and returns `data`. Panics if the request fails.
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

/// HTTP client of an instance that may have exited.
pub(crate) struct ProgramClient {
    base_url: String,
    http: Client,
}

impl ProgramClient {
    /// Returns the response if it was received completely.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let request = self.http.post(format!("{}{path}", self.base_url)).json(body);
        Answer::read(request.send().await.ok()?).await
    }
}

/// A received response.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// Sends the request. A body that is not JSON is read as null.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.unwrap()).await.unwrap()
    }

    async fn read(response: Response) -> Option<Self> {
        let status = response.status();
        let headers = response.headers().clone();
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Self { status, headers, text, body })
    }

    /// Returns status and error id.
    pub(crate) fn failure(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["error"].as_str().unwrap_or_default())
    }
}

fn client() -> Client {
    // The client closes idle connections before the server does: otherwise a request could arrive at a
    // connection that the server is closing.
    let idle = HEADER_TIMEOUT / 2;
    Client::builder().no_proxy().timeout(TIMEOUT).pool_idle_timeout(idle).build().unwrap()
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
