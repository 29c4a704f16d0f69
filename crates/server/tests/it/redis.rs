//! Several instances that share what they can by way of Redis, and what becomes of them without it.

mod on_redis {
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use reqwest::{Method, StatusCode};
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use testkit::databases::{FreshDatabase, Kind};
    use testkit::iterations::iterations;
    use tokio::task::JoinSet;
    use wechat_sandbox::Sandbox;
    use wechat_sandbox::config::{Config, MAIN_APP, NewUser};
    use wechat_sandbox::fault::Fault;

    use crate::nginx::free_port;
    use crate::program::{Answer, Program, environment};
    use crate::soak::{sandbox, stranger};

    const STABLE_TOKEN: &str = "/cgi-bin/stable_token";

    /// How soon all instances must know of a ban.
    const KNOWN_WITHIN: Duration = Duration::from_secs(1);

    /// How soon they must without Redis: as long as they remember.
    const KNOWN_BY_ITSELF_WITHIN: Duration = Duration::from_secs(5);

    async fn sandbox_with_a_log() -> Sandbox {
        Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap()
    }

    /// A Redis of one's own, to stop and start; killed when dropped.
    struct Redis {
        process: Child,
        port: u16,
        folder: TempDir,
    }

    impl Redis {
        async fn start() -> Self {
            let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
            Self::at(port, folder).await
        }

        async fn at(port: u16, folder: TempDir) -> Self {
            let program = std::env::var("MENSHEN_TEST_REDIS_SERVER")
                .expect("`cargo xtask test -- NAME` tells where Redis is");
            let port_argument = port.to_string();
            let process = Command::new(program)
                .args(["--port", &port_argument, "--bind", "127.0.0.1", "--save", ""])
                .current_dir(folder.path())
                .spawn()
                .unwrap();
            let begun = Instant::now();
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(begun.elapsed() < Duration::from_secs(10), "Redis does not start");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Self { process, port, folder }
        }

        fn url(&self) -> String {
            format!("redis://127.0.0.1:{}", self.port)
        }

        fn end(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }

        async fn start_again(mut self) -> Self {
            self.end();
            let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
            Self::at(self.port, folder).await
        }

        /// Holds it without ending it, or lets it go on.
        fn signal(&self, signal: &str) {
            let pid = self.process.id().to_string();
            assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            self.end();
        }
    }

    /// Two instances over one database.
    struct Pair([Program; 2]);

    impl Pair {
        async fn start(sandbox: &Sandbox, redis: &Redis, more: &[(&str, &str)]) -> Self {
            let (url, ttl) = (redis.url(), KNOWN_BY_ITSELF_WITHIN.as_secs().to_string());
            let mut settings =
                vec![("MENSHEN_REDIS__URL", url.as_str()), ("MENSHEN_CACHE__MEMBER_TTL", &ttl)];
            settings.extend(more);
            let one = Program::start_with(sandbox, &settings).await;
            let shared = environment(one.database(), sandbox);
            settings.extend(shared.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let database = FreshDatabase::new(Kind::Sqlite).await;
            let other = Program::start_on(database, sandbox, &settings).await;
            Self([one, other])
        }

        /// Logs somebody in at the first; the second has met them when this returns.
        async fn member(&self, sandbox: &Sandbox) -> Value {
            let code = sandbox.login_code(&stranger(sandbox), MAIN_APP).unwrap();
            let login = self.0[0].log_in(&code, None).await;
            assert_eq!(self.status(&login).await, StatusCode::OK);
            login
        }

        /// What the second instance says of an access token.
        async fn status(&self, login: &Value) -> StatusCode {
            let token = login["token"].as_str().unwrap();
            Answer::of(self.0[1].get("/me").bearer_auth(token)).await.status
        }

        /// Bans a member at the first, and tells after what time the second believes them no more.
        async fn ban(&self, login: &Value, patience: Duration) -> Duration {
            let member = login["memberId"].as_str().unwrap();
            self.0[0].command(&["ban", member]).await;
            let banned = Instant::now();
            while self.status(login).await == StatusCode::OK {
                assert!(banned.elapsed() < patience, "believed after {:?}", banned.elapsed());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            banned.elapsed()
        }

        /// Everything that must work, whatever Redis does.
        async fn serves(&self, sandbox: &Sandbox) {
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
    async fn what_is_done_at_one_instance_holds_at_the_other_within_a_second() {
        let (sandbox, redis) = (sandbox().await, Redis::start().await);
        let pair = Pair::start(&sandbox, &redis, &[]).await;
        for _ in 0..5 {
            pair.ban(&pair.member(&sandbox).await, KNOWN_WITHIN).await;
        }
        let login = pair.member(&sandbox).await;
        let token = login["token"].as_str().unwrap();
        let all = pair.0[0].post("/logout/all", &json!({})).bearer_auth(token);
        assert_eq!(Answer::of(all).await.status, StatusCode::OK);
        let ended = Instant::now();
        while pair.status(&login).await == StatusCode::OK {
            assert!(ended.elapsed() < KNOWN_WITHIN);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_changed_at_one_instance_is_told_by_both() {
        let (sandbox, redis) = (sandbox().await, Redis::start().await);
        let pair = Pair::start(&sandbox, &redis, &[]).await;
        let login = pair.member(&sandbox).await;
        let token = login["token"].as_str().unwrap();
        let change = pair.0[1].patch("/me", &json!({ "nickName": "Ann" })).bearer_auth(token);
        assert_eq!(Answer::of(change).await.status, StatusCode::OK);
        let name = async |program: &Program| {
            Answer::of(program.get("/me").bearer_auth(token)).await.body["data"]["nickName"].clone()
        };
        assert_eq!(name(&pair.0[1]).await, "Ann", "at once where it was changed");
        let changed = Instant::now();
        while name(&pair.0[0]).await != "Ann" {
            assert!(changed.elapsed() < KNOWN_WITHIN);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_count_together_and_each_for_itself_while_redis_is_gone() {
        let limits =
            [("MENSHEN_LIMITS__MEMBER_BURST", "20"), ("MENSHEN_LIMITS__MEMBER_PER_MINUTE", "1")];
        let (sandbox, mut redis) = (sandbox().await, Redis::start().await);
        let pair = Pair::start(&sandbox, &redis, &limits).await;
        let let_pass = async |login: &Value| {
            let (token, mut passed) = (login["token"].as_str().unwrap(), 0);
            for nth in 0..80 {
                let asked = pair.0[nth % 2].request(Method::GET, "/me").bearer_auth(token);
                match Answer::of(asked).await.status {
                    StatusCode::OK => passed += 1,
                    status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
                }
            }
            passed
        };
        let members = [pair.member(&sandbox).await, pair.member(&sandbox).await];
        assert_eq!(let_pass(&members[0]).await, 19, "one was taken when they were met");
        redis.end();
        assert_eq!(let_pass(&members[1]).await, 40, "never without a limit");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_instances_that_need_an_access_token_fetch_it_once() {
        let (logins, begun) = (iterations(120, 1_000), Instant::now());
        let (sandbox, redis) = (sandbox_with_a_log().await, Redis::start().await);
        let pair = Pair::start(&sandbox, &redis, &[]).await;
        let (url, shared) = (redis.url(), environment(pair.0[0].database(), &sandbox));
        let mut settings = vec![("MENSHEN_REDIS__URL", url.as_str())];
        settings.extend(shared.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let third = Program::start_with(&sandbox, &settings).await;
        let instances = [&pair.0[0], &pair.0[1], &third];
        // Long enough that all who come at once wait for it, and no longer than WeChat may take.
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
    async fn redis_may_die_hang_forget_and_come_back_and_nothing_else_does() {
        let (sandbox, redis) = (sandbox().await, Redis::start().await);
        let pair = Pair::start(&sandbox, &redis, &[]).await;
        // It hangs: what is asked of it is not waited for.
        redis.signal("-STOP");
        let banned = pair.member(&sandbox).await;
        pair.serves(&sandbox).await;
        pair.ban(&banned, KNOWN_BY_ITSELF_WITHIN).await;
        redis.signal("-CONT");
        pair.serves(&sandbox).await;
        // It dies, and has forgotten everything when it is back.
        let banned = pair.member(&sandbox).await;
        let redis = redis.start_again().await;
        pair.serves(&sandbox).await;
        pair.ban(&banned, KNOWN_BY_ITSELF_WITHIN).await;
        // In time instances hear of each other again.
        let back = Instant::now();
        loop {
            let banned = pair.member(&sandbox).await;
            if pair.ban(&banned, KNOWN_BY_ITSELF_WITHIN).await < KNOWN_WITHIN {
                break;
            }
            assert!(back.elapsed() < Duration::from_secs(30), "they hear nothing any more");
        }
        drop(redis);
        let banned = pair.member(&sandbox).await;
        pair.serves(&sandbox).await;
        pair.ban(&banned, KNOWN_BY_ITSELF_WITHIN).await;
        assert_eq!(
            pair.status(&banned).await,
            StatusCode::UNAUTHORIZED,
            "it never lets them in again"
        );
    }
}
