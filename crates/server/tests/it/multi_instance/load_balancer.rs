//! Rolling restarts and crashes of three instances behind nginx, over one PostgreSQL and one Redis Cluster.

mod on_postgresql {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use reqwest::{RequestBuilder, StatusCode};
    use serde_json::{Value, json};
    use testkit::databases::{FreshDatabase, Kind};
    use testkit::iterations::iterations;
    use tokio::sync::Mutex;
    use tokio::task::JoinSet;
    use wechat_sandbox::Sandbox;
    use wechat_sandbox::config::MAIN_APP;

    use crate::harness::nginx::{INSTANCES, Nginx, free_port};
    use crate::harness::{
        Answer, INCONSISTENT_ROWS, Program, new_user, shared_state, unlimited_sandbox,
    };
    use crate::keys::signing_keys::kid;

    /// Number of concurrent clients.
    const CLIENTS: usize = 8;

    /// Maximum time to wait for a response or a change, on a busy machine.
    const TIMEOUT: Duration = Duration::from_mins(1);

    /// Instances behind nginx, with their shared database and sandbox.
    struct Cluster {
        sandbox: Arc<Sandbox>,
        database: FreshDatabase,
        ports: [u16; INSTANCES],
        instances: Vec<Program>,
        nginx: Arc<Nginx>,
    }

    impl Cluster {
        async fn start() -> Self {
            let sandbox = Arc::new(unlimited_sandbox().await);
            let database = FreshDatabase::new(Kind::Postgresql).await;
            let ports = std::array::from_fn(|_| free_port());
            let nginx = Arc::new(Nginx::start(ports).await);
            let instances = Vec::new();
            let mut cluster = Self { sandbox, database, ports, instances, nginx };
            for port in ports {
                cluster.instances.push(cluster.instance(port).await);
            }
            cluster
        }

        /// Starts an instance on this port.
        async fn instance(&self, port: u16) -> Program {
            let listen = format!("127.0.0.1:{port}");
            let keys = self.database.folder().display().to_string();
            let cluster = std::env::var("MENSHEN_TEST_REDIS_CLUSTER")
                .expect("`cargo xtask test -- NAME` starts a Redis Cluster");
            let redis = shared_state(&self.database, cluster);
            let mut shared = vec![
                ("MENSHEN_HTTP__LISTEN", listen.as_str()),
                // The default of production: nginx closes its idle connections within this time.
                ("MENSHEN_HTTP__DRAIN_TIMEOUT", "5"),
                ("MENSHEN_HTTP__TRUSTED_PROXIES", "127.0.0.1"),
                ("MENSHEN_DATABASE__URL", self.database.url()),
                ("MENSHEN_TOKENS__KEY_FOLDER", &keys),
                ("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "3"),
            ];
            shared.extend(redis.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            Program::start_with(&self.sandbox, &shared).await
        }

        /// Stops an instance with `stop` and starts another one on its port.
        async fn replace<E: Future>(
            &mut self,
            nth: usize,
            stop: impl FnOnce(Program) -> E,
        ) -> E::Output {
            let result = stop(self.instances.remove(nth)).await;
            let instance = self.instance(self.ports[nth]).await;
            self.instances.insert(nth, instance);
            result
        }

        fn spawn_clients(&self, load: &Arc<Load>) -> JoinSet<()> {
            let mut clients = JoinSet::new();
            for _ in 0..CLIENTS {
                let sandbox = Arc::clone(&self.sandbox);
                let load = Arc::clone(load);
                let client = Client::new(sandbox, Arc::clone(&self.nginx));
                clients.spawn(async move { client.run(&load).await });
            }
            clients
        }
    }

    /// Shared state of the concurrent clients.
    struct Load {
        is_running: AtomicBool,
        /// True if the clients retry failed requests as the SDK does. Otherwise no request may fail.
        retries: bool,
        requests: AtomicUsize,
        /// Users with the responses to their first logins.
        members: Mutex<Vec<(String, Value)>>,
    }

    impl Load {
        fn new(retries: bool) -> Arc<Self> {
            let is_running = true.into();
            let requests = 0.into();
            let members = Mutex::default();
            Arc::new(Self { is_running, retries, requests, members })
        }
    }

    struct Client {
        sandbox: Arc<Sandbox>,
        nginx: Arc<Nginx>,
        http: reqwest::Client,
    }

    impl Client {
        fn new(sandbox: Arc<Sandbox>, nginx: Arc<Nginx>) -> Self {
            let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
            Self { sandbox, nginx, http }
        }

        /// Logs new users in one after the other while the load runs. Each user reads, refreshes and logs in again.
        async fn run(&self, load: &Load) {
            while load.is_running.load(Ordering::Relaxed) {
                let user = new_user(&self.sandbox);
                let first = self.log_in(&user, load).await;
                load.members.lock().await.push((user.clone(), first.clone()));
                self.read(&first, load).await;
                let refreshed = self.refresh(&first, load).await;
                self.read(&refreshed, load).await;
                let again = self.log_in(&user, load).await;
                assert_eq!(
                    (&again["memberId"], &again["isNew"]),
                    (&first["memberId"], &json!(false))
                );
            }
        }

        /// Logs a user in. A failed login is retried with the same code and idempotency key; if WeChat has
        /// already redeemed the code, with a new one.
        async fn log_in(&self, user: &str, load: &Load) -> Value {
            let begun = Instant::now();
            loop {
                let code = self.sandbox.login_code(user, MAIN_APP).unwrap();
                let body = json!({ "code": code });
                let login = || {
                    self.http
                        .post(self.nginx.url("/login"))
                        .json(&body)
                        .header("idempotency-key", &code)
                };
                let answer = self.send(login, load).await;
                if answer.status == StatusCode::OK {
                    return answer.body["data"].clone();
                }
                assert!(load.retries, "{}", answer.text);
                assert_eq!(answer.failure(), (401, "login_code_used"), "{}", answer.text);
                assert!(begun.elapsed() < TIMEOUT, "the login of {user} does not succeed");
            }
        }

        async fn refresh(&self, tokens: &Value, load: &Load) -> Value {
            let body = json!({ "refreshToken": tokens["refreshToken"] });
            let refresh = || self.http.post(self.nginx.url("/token/refresh")).json(&body);
            let answer = self.send(refresh, load).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            answer.body["data"].clone()
        }

        async fn read(&self, tokens: &Value, load: &Load) {
            let token = tokens["token"].as_str().unwrap();
            let read = || self.http.get(self.nginx.url("/me")).bearer_auth(token);
            let answer = self.send(read, load).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        }

        /// Returns the id of the current signing key.
        async fn current_key(&self, load: &Load) -> String {
            let login = self.log_in(&new_user(&self.sandbox), load).await;
            kid(login["token"].as_str().unwrap())
        }

        /// Sends a request, with retries of server errors if the load allows them.
        async fn send(&self, request: impl Fn() -> RequestBuilder, load: &Load) -> Answer {
            let begun = Instant::now();
            loop {
                let answer = Answer::of(request()).await;
                load.requests.fetch_add(1, Ordering::Relaxed);
                if answer.status.as_u16() < 500 || !load.retries {
                    return answer;
                }
                assert!(begun.elapsed() < TIMEOUT, "{}", answer.text);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_rolling_restart_loses_no_request() {
        let rounds = iterations(1, 20);
        let begun = Instant::now();
        let mut cluster = Cluster::start().await;
        let load = Load::new(false);
        let clients = cluster.spawn_clients(&load);
        let client = Client::new(cluster.sandbox.clone(), cluster.nginx.clone());
        let early = client.log_in("alice", &load).await;
        for _ in 0..rounds {
            let signing = client.current_key(&load).await;
            cluster.instances[0].command(&["keys", "rotate"]).await;
            for nth in 0..INSTANCES {
                let (status, _) = cluster.replace(nth, Program::terminate).await;
                assert!(status.success(), "{status}");
            }
            let since = Instant::now();
            while client.current_key(&load).await == signing {
                assert!(since.elapsed() < TIMEOUT, "{signing} is still the current key");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        client.read(&early, &load).await;
        client.refresh(&early, &load).await;
        load.is_running.store(false, Ordering::Relaxed);
        clients.join_all().await;
        let requests = load.requests.load(Ordering::Relaxed);
        assert!(requests > 100, "only {requests} requests: {}", cluster.nginx.error_log());
        println!(
            "{rounds} rolling restarts of {INSTANCES} instances, each with a rotation of keys: {requests} requests, \
             none failed, {:.0?}",
            begun.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_instance_crashes_lose_no_acknowledged_login() {
        let rounds = iterations(5, 100);
        let begun = Instant::now();
        let mut cluster = Cluster::start().await;
        let load = Load::new(true);
        let mut members = 0;
        let clients = cluster.spawn_clients(&load);
        for round in 0..rounds {
            // Instance and time of the kill differ in each round.
            tokio::time::sleep(Duration::from_millis(100 + (round as u64 * 97) % 400)).await;
            cluster.replace((round * 7 + round / 3) % INSTANCES, Program::kill).await;
        }
        load.is_running.store(false, Ordering::Relaxed);
        clients.join_all().await;
        let client = Client::new(cluster.sandbox.clone(), cluster.nginx.clone());
        for (user, login) in load.members.lock().await.iter() {
            let again = client.log_in(user, &load).await;
            assert_eq!((&again["memberId"], &again["isNew"]), (&login["memberId"], &json!(false)));
            members += 1;
        }
        assert!(members > rounds, "only {members} logins were acknowledged");
        assert_eq!(cluster.database.query::<i64>(INCONSISTENT_ROWS).await, 0);
        assert_eq!(
            cluster.database.query::<i64>("SELECT COUNT(*) FROM member").await,
            i64::try_from(members).unwrap()
        );
        println!(
            "{rounds} instances of {INSTANCES} killed under load: {members} members, none lost, none duplicated, {:.0?}",
            begun.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nginx_forbids_admin_paths_to_other_addresses() {
        let cluster = Cluster::start().await;
        for path in
            ["/admin", "/admin/api/session", "/admin/../admin/api/members", "/%61dmin/api/members"]
        {
            let request =
                reqwest::Client::builder().no_proxy().build().unwrap().get(cluster.nginx.url(path));
            assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
        }
    }
}
