//! Two instances with shared state in Redis, and during failures of Redis.

mod on_redis {
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use reqwest::{Method, StatusCode};
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use testkit::databases::{FreshDatabase, Kind};
    use testkit::iterations::iterations;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;
    use wechat_sandbox::Sandbox;
    use wechat_sandbox::config::{Config, MAIN_APP, NewUser};
    use wechat_sandbox::fault::Fault;

    use crate::harness::fault_proxy::{self, FaultProxy};
    use crate::harness::nginx::free_port;
    use crate::harness::{Answer, Program, borrowed, environment, new_user, unlimited_sandbox};

    const STABLE_TOKEN: &str = "/cgi-bin/stable_token";

    /// Maximum time until a change is effective on all instances.
    const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(1);

    /// Maximum time until a change is effective without Redis: the lifetime of member cache entries.
    const CACHE_TTL: Duration = Duration::from_secs(5);

    /// Maximum time until change notifications arrive again after a failure of Redis.
    const RECOVERY_TIME: Duration = Duration::from_secs(15);

    async fn sandbox_with_log() -> Sandbox {
        Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap()
    }

    /// A Redis server of one test, which can be stopped and restarted; killed when dropped.
    struct Redis {
        process: Child,
        port: u16,
        folder: TempDir,
    }

    impl Redis {
        async fn start() -> Self {
            Self::start_with(&[]).await
        }

        /// Starts with additional arguments.
        async fn start_with(arguments: &[&str]) -> Self {
            Self::at(free_port(), tempfile::tempdir().unwrap(), arguments).await
        }

        async fn start_replica(&self) -> Self {
            let master = format!("127.0.0.1 {}", self.port);
            let replica = Self::start_with(&["--replicaof", &master]).await;
            let begun = Instant::now();
            while !self.is_synchronized().await {
                assert!(begun.elapsed() < Duration::from_secs(30), "Redis has no replica");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            replica
        }

        /// Returns true if the replica has the data of this master.
        async fn is_synchronized(&self) -> bool {
            let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            connection.write_all(b"INFO replication\r\nQUIT\r\n").await.unwrap();
            let mut reply = String::new();
            connection.read_to_string(&mut reply).await.unwrap();
            reply.contains("state=online")
        }

        /// Starts a Sentinel that promotes a replica of this master, named `main`, after a second without it.
        async fn start_sentinel(&self) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let configuration = format!(
                "sentinel monitor main 127.0.0.1 {} 1
                sentinel down-after-milliseconds main 1000
                sentinel failover-timeout main 5000
                ",
                self.port
            );
            let file = folder.path().join("sentinel.conf");
            std::fs::write(&file, configuration).unwrap();
            Self::at(free_port(), folder, &["--sentinel"]).await
        }

        async fn at(port: u16, folder: TempDir, arguments: &[&str]) -> Self {
            let program = std::env::var("MENSHEN_TEST_REDIS_SERVER")
                .expect("`cargo xtask test -- NAME` sets it");
            let port_argument = port.to_string();
            let configuration = folder.path().join("sentinel.conf");
            let process = Command::new(program)
                .args(configuration.is_file().then_some(configuration))
                .args(["--port", &port_argument, "--bind", "127.0.0.1", "--save", ""])
                .args(arguments)
                .current_dir(folder.path())
                .spawn()
                .unwrap();
            let begun = Instant::now();
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(begun.elapsed() < Duration::from_secs(10), "Redis did not start");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Self { process, port, folder }
        }

        fn url(&self) -> String {
            format!("redis://127.0.0.1:{}", self.port)
        }

        fn kill(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }

        async fn restart(mut self) -> Self {
            self.kill();
            let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
            Self::at(self.port, folder, &[]).await
        }

        /// Sends a signal: STOP pauses the server, CONT continues it.
        fn signal(&self, signal: &str) {
            let pid = self.process.id().to_string();
            assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            self.kill();
        }
    }

    /// Two instances over one database.
    struct Pair([Program; 2]);

    impl Pair {
        async fn start(sandbox: &Sandbox, redis_url: &str, more: &[(&str, &str)]) -> Self {
            let ttl = CACHE_TTL.as_secs().to_string();
            let mut settings =
                vec![("MENSHEN_REDIS__URL", redis_url), ("MENSHEN_CACHE__MEMBER_TTL", &ttl)];
            settings.extend(more);
            let one = Program::start_with(sandbox, &settings).await;
            let shared = environment(one.database(), sandbox);
            settings.extend(borrowed(&shared));
            let database = FreshDatabase::new(Kind::Sqlite).await;
            let other = Program::start_on(database, sandbox, &settings).await;
            Self([one, other])
        }

        /// Creates a member on the first instance and loads it into the cache of the second one.
        async fn member(&self, sandbox: &Sandbox) -> Value {
            let code = sandbox.login_code(&new_user(sandbox), MAIN_APP).unwrap();
            let login = self.0[0].log_in(&code, None).await;
            assert_eq!(self.status(&login).await, StatusCode::OK);
            login
        }

        /// Returns the second instance's status for an access token.
        async fn status(&self, login: &Value) -> StatusCode {
            let token = login["token"].as_str().unwrap();
            Answer::of(self.0[1].get("/me").bearer_auth(token)).await.status
        }

        /// Bans a member on the first instance and returns the time until the second one rejects the token.
        async fn ban(&self, login: &Value, timeout: Duration) -> Duration {
            let member = login["memberId"].as_str().unwrap();
            self.0[0].command(&["ban", member]).await;
            let banned = Instant::now();
            while self.status(login).await == StatusCode::OK {
                assert!(banned.elapsed() < timeout, "accepted after {:?}", banned.elapsed());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            banned.elapsed()
        }

        /// Waits until the instances receive change notifications. Until then, a ban is effective after the
        /// lifetime of cache entries.
        async fn await_notifications(&self, sandbox: &Sandbox) {
            let begun = Instant::now();
            loop {
                let banned = self.member(sandbox).await;
                if self.ban(&banned, CACHE_TTL).await < NOTIFICATION_TIMEOUT {
                    break;
                }
                let elapsed = begun.elapsed();
                assert!(elapsed < RECOVERY_TIME, "no change notifications after {elapsed:?}");
            }
        }

        /// Asserts that login, refresh and logout work.
        async fn assert_serves(&self, sandbox: &Sandbox) {
            let login = self.member(sandbox).await;
            for program in &self.0 {
                let refreshed = Answer::of(program.refresh(&login)).await;
                assert_eq!(refreshed.status, StatusCode::OK, "{}", refreshed.text);
            }
            let logout = self.0[0].post("/logout", &json!({}));
            let logout = logout.bearer_auth(login["token"].as_str().unwrap());
            assert_eq!(Answer::of(logout).await.status, StatusCode::OK);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ban_and_logout_are_effective_on_the_other_instance_within_a_second() {
        let sandbox = unlimited_sandbox().await;
        let redis = Redis::start().await;
        let pair = Pair::start(&sandbox, &redis.url(), &[]).await;
        for _ in 0..5 {
            pair.ban(&pair.member(&sandbox).await, NOTIFICATION_TIMEOUT).await;
        }
        let login = pair.member(&sandbox).await;
        let token = login["token"].as_str().unwrap();
        let all = pair.0[0].post("/logout/all", &json!({})).bearer_auth(token);
        assert_eq!(Answer::of(all).await.status, StatusCode::OK);
        let ended = Instant::now();
        while pair.status(&login).await == StatusCode::OK {
            assert!(ended.elapsed() < NOTIFICATION_TIMEOUT);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn profile_change_is_visible_on_both_instances() {
        let sandbox = unlimited_sandbox().await;
        let redis = Redis::start().await;
        let pair = Pair::start(&sandbox, &redis.url(), &[]).await;
        let login = pair.member(&sandbox).await;
        let token = login["token"].as_str().unwrap();
        let change = pair.0[1].patch("/me", &json!({ "nickName": "Ann" })).bearer_auth(token);
        assert_eq!(Answer::of(change).await.status, StatusCode::OK);
        let name = async |program: &Program| {
            Answer::of(program.get("/me").bearer_auth(token)).await.body["data"]["nickName"].clone()
        };
        assert_eq!(
            name(&pair.0[1]).await,
            "Ann",
            "the changed instance responds with the new name immediately"
        );
        let changed = Instant::now();
        while name(&pair.0[0]).await != "Ann" {
            assert!(changed.elapsed() < NOTIFICATION_TIMEOUT);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rate_limits_are_shared_and_fall_back_to_each_instance_without_redis() {
        let limits =
            [("MENSHEN_LIMITS__MEMBER_BURST", "20"), ("MENSHEN_LIMITS__MEMBER_PER_MINUTE", "1")];
        let sandbox = unlimited_sandbox().await;
        let mut redis = Redis::start().await;
        let pair = Pair::start(&sandbox, &redis.url(), &limits).await;
        let count_passed = async |login: &Value| {
            let token = login["token"].as_str().unwrap();
            let mut passed = 0;
            for nth in 0..80 {
                let request = pair.0[nth % 2].request(Method::GET, "/me").bearer_auth(token);
                match Answer::of(request).await.status {
                    StatusCode::OK => passed += 1,
                    status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
                }
            }
            passed
        };
        let members = [pair.member(&sandbox).await, pair.member(&sandbox).await];
        assert_eq!(
            count_passed(&members[0]).await,
            19,
            "creating the member took one request of the limit"
        );
        redis.kill();
        assert_eq!(count_passed(&members[1]).await, 40, "each instance has its own limit");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_access_token_fetch_is_shared_across_instances() {
        let logins = iterations(120, 1_000);
        let begun = Instant::now();
        let sandbox = sandbox_with_log().await;
        let redis = Redis::start().await;
        let pair = Pair::start(&sandbox, &redis.url(), &[]).await;
        let url = redis.url();
        let shared = environment(pair.0[0].database(), &sandbox);
        let mut settings = vec![("MENSHEN_REDIS__URL", url.as_str())];
        settings.extend(borrowed(&shared));
        let third = Program::start_with(&sandbox, &settings).await;
        let instances = [&pair.0[0], &pair.0[1], &third];
        // All concurrent logins arrive during the delay, and it is shorter than the timeout of calls to WeChat.
        let slow = Fault { delay_ms: Some(300), ..Fault::default() };
        sandbox.inject_fault(Fault { path: STABLE_TOKEN.into(), ..slow }).unwrap();
        let mut waiting = JoinSet::new();
        for nth in 0..logins {
            while waiting.len() >= 60 {
                let answer: Answer = waiting.join_next().await.unwrap().unwrap();
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            }
            let phone = Some(format!("139{nth:08}"));
            let user = sandbox.add_user(NewUser { phone, ..NewUser::default() }).unwrap().user;
            let code = sandbox.login_code(&user, MAIN_APP).unwrap();
            let phone = sandbox.phone_code(&user, MAIN_APP).unwrap();
            let login = json!({ "code": code, "phoneCode": phone });
            waiting.spawn(Answer::of(instances[nth % 3].post("/login", &login)));
        }
        for answer in waiting.join_all().await {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        }
        assert_eq!(sandbox.log(Some(STABLE_TOKEN)).len(), 1);
        println!(
            "{logins} logins with phone numbers on 3 instances: one access token was fetched, {:.0?}",
            begun.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_serve_while_redis_hangs_restarts_or_is_down() {
        let sandbox = unlimited_sandbox().await;
        let redis = Redis::start().await;
        let pair = Pair::start(&sandbox, &redis.url(), &[]).await;
        // A hanging Redis: requests do not wait for it.
        redis.signal("-STOP");
        let banned = pair.member(&sandbox).await;
        pair.assert_serves(&sandbox).await;
        pair.ban(&banned, CACHE_TTL).await;
        redis.signal("-CONT");
        pair.assert_serves(&sandbox).await;
        // A restarted Redis has lost all data.
        let banned = pair.member(&sandbox).await;
        let redis = redis.restart().await;
        pair.assert_serves(&sandbox).await;
        pair.ban(&banned, CACHE_TTL).await;
        pair.await_notifications(&sandbox).await;
        drop(redis);
        let banned = pair.member(&sandbox).await;
        pair.assert_serves(&sandbox).await;
        pair.ban(&banned, CACHE_TTL).await;
        assert_eq!(
            pair.status(&banned).await,
            StatusCode::UNAUTHORIZED,
            "the banned member was accepted again"
        );
    }
    #[tokio::test(flavor = "multi_thread")]
    async fn change_notifications_return_after_the_machine_of_redis_has_vanished() {
        let sandbox = unlimited_sandbox().await;
        let redis = Redis::start().await;
        let proxy = FaultProxy::start(&redis.url()).await;
        let pair = Pair::start(&sandbox, proxy.url(), &[]).await;
        let banned = pair.member(&sandbox).await;
        // The connections stay open and silent, and new ones reach a server that has no data.
        let other = Redis::start().await;
        proxy.switch_to(&other.url());
        proxy.sever(fault_proxy::Fault::Swallow);
        pair.assert_serves(&sandbox).await;
        pair.ban(&banned, CACHE_TTL).await;
        pair.await_notifications(&sandbox).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_follow_a_failover_by_sentinel() {
        let sandbox = unlimited_sandbox().await;
        let mut redis = Redis::start().await;
        let _replica = redis.start_replica().await;
        let sentinel = redis.start_sentinel().await;
        let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port);
        let pair = Pair::start(&sandbox, &url, &[]).await;
        pair.await_notifications(&sandbox).await;
        let banned = pair.member(&sandbox).await;
        redis.kill();
        pair.assert_serves(&sandbox).await;
        pair.ban(&banned, CACHE_TTL).await;
        pair.await_notifications(&sandbox).await;
    }
}
