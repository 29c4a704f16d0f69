//! Three instances over one PostgreSQL and one Redis Cluster behind nginx: they are restarted one after the other, they die, and
//! those who use them notice nothing.

mod on_postgresql {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use reqwest::{Client, RequestBuilder, StatusCode};
    use serde_json::{Value, json};
    use testkit::databases::{FreshDatabase, Kind};
    use testkit::iterations::iterations;
    use tokio::sync::Mutex;
    use tokio::task::JoinSet;
    use wechat_sandbox::Sandbox;
    use wechat_sandbox::config::MAIN_APP;

    use crate::keys::kid;
    use crate::nginx::{Balancer, INSTANCES, free_port};
    use crate::program::{Answer, Program, shared_state};
    use crate::soak::{TORN, sandbox, stranger};

    /// How many use the service at the same time.
    const VISITORS: usize = 8;

    /// How long anything may take to become true, on a busy machine.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// The instances, and what they share.
    struct Cluster {
        sandbox: Arc<Sandbox>,
        database: FreshDatabase,
        ports: [u16; INSTANCES],
        instances: Vec<Program>,
        balancer: Arc<Balancer>,
    }

    impl Cluster {
        async fn start() -> Self {
            let (sandbox, database) = (sandbox().await, FreshDatabase::new(Kind::Postgresql).await);
            let ports = std::array::from_fn(|_| free_port());
            let balancer = Arc::new(Balancer::start(ports).await);
            let (sandbox, instances) = (Arc::new(sandbox), Vec::new());
            let mut cluster = Self { sandbox, database, ports, instances, balancer };
            for port in ports {
                cluster.instances.push(cluster.instance(port).await);
            }
            cluster
        }

        /// Starts the instance at this port.
        async fn instance(&self, port: u16) -> Program {
            let listen = format!("127.0.0.1:{port}");
            let keys = self.database.folder().display().to_string();
            let cluster = std::env::var("MENSHEN_TEST_REDIS_CLUSTER")
                .expect("`cargo xtask test -- NAME` starts a Redis Cluster");
            let redis = shared_state(&self.database, cluster);
            let mut shared = vec![
                ("MENSHEN_HTTP__LISTEN", listen.as_str()),
                // As in production: what nginx keeps open is gone before.
                ("MENSHEN_HTTP__DRAIN_TIMEOUT", "5"),
                ("MENSHEN_HTTP__TRUSTED_PROXIES", "127.0.0.1"),
                ("MENSHEN_DATABASE__URL", self.database.url()),
                ("MENSHEN_TOKENS__KEY_FOLDER", &keys),
                ("MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH", "3"),
            ];
            shared.extend(redis.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            Program::start_with(&self.sandbox, &shared).await
        }

        /// Puts another one in the place of an instance that `end` ends.
        async fn replace<E: Future>(
            &mut self,
            nth: usize,
            end: impl FnOnce(Program) -> E,
        ) -> E::Output {
            let ended = end(self.instances.remove(nth)).await;
            let instance = self.instance(self.ports[nth]).await;
            self.instances.insert(nth, instance);
            ended
        }

        fn visitors(&self, visited: &Arc<Visited>) -> JoinSet<()> {
            let mut visitors = JoinSet::new();
            for _ in 0..VISITORS {
                let (sandbox, visited) = (Arc::clone(&self.sandbox), Arc::clone(visited));
                let visitor = Visitor::new(sandbox, Arc::clone(&self.balancer));
                visitors.spawn(async move { visitor.visit(&visited).await });
            }
            visitors
        }
    }

    /// What the visitors did.
    struct Visited {
        open: AtomicBool,
        /// Whether what fails is done again, as clients do it; it must not fail otherwise.
        forgiven: bool,
        requests: AtomicUsize,
        /// Who was let in: their login, and what was answered.
        members: Mutex<Vec<(String, Value)>>,
    }

    impl Visited {
        fn new(forgiven: bool) -> Arc<Self> {
            let (open, requests, members) = (true.into(), 0.into(), Mutex::default());
            Arc::new(Self { open, forgiven, requests, members })
        }
    }

    struct Visitor {
        sandbox: Arc<Sandbox>,
        balancer: Arc<Balancer>,
        http: Client,
    }

    impl Visitor {
        fn new(sandbox: Arc<Sandbox>, balancer: Arc<Balancer>) -> Self {
            let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
            Self { sandbox, balancer, http }
        }

        /// Lets one stranger after the other in, who each use their tokens and come again.
        async fn visit(&self, visited: &Visited) {
            while visited.open.load(Ordering::Relaxed) {
                let user = stranger(&self.sandbox);
                let first = self.log_in(&user, visited).await;
                visited.members.lock().await.push((user.clone(), first.clone()));
                self.read(&first, visited).await;
                let refreshed = self.refresh(&first, visited).await;
                self.read(&refreshed, visited).await;
                let again = self.log_in(&user, visited).await;
                assert_eq!(
                    (&again["memberId"], &again["isNew"]),
                    (&first["memberId"], &json!(false))
                );
            }
        }

        /// Logs a user in. A code whose login came to nothing is tried again with the same key, and
        /// when WeChat has it for used, another one is fetched.
        async fn log_in(&self, user: &str, visited: &Visited) -> Value {
            let begun = Instant::now();
            loop {
                let code = self.sandbox.login_code(user, MAIN_APP).unwrap();
                let body = json!({ "code": code });
                let login = || {
                    self.http
                        .post(self.balancer.url("/login"))
                        .json(&body)
                        .header("idempotency-key", &code)
                };
                let answer = self.persist(login, visited).await;
                if answer.status == StatusCode::OK {
                    return answer.body["data"].clone();
                }
                assert!(visited.forgiven, "{}", answer.text);
                assert_eq!(answer.failure(), (401, "login_code_used"), "{}", answer.text);
                assert!(begun.elapsed() < PATIENCE, "{user} is not let in");
            }
        }

        async fn refresh(&self, tokens: &Value, visited: &Visited) -> Value {
            let body = json!({ "refreshToken": tokens["refreshToken"] });
            let refresh = || self.http.post(self.balancer.url("/token/refresh")).json(&body);
            let answer = self.persist(refresh, visited).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            answer.body["data"].clone()
        }

        async fn read(&self, tokens: &Value, visited: &Visited) {
            let token = tokens["token"].as_str().unwrap();
            let read = || self.http.get(self.balancer.url("/me")).bearer_auth(token);
            let answer = self.persist(read, visited).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        }

        /// The name of the key that signs now.
        async fn signing(&self, visited: &Visited) -> String {
            let login = self.log_in(&stranger(&self.sandbox), visited).await;
            kid(login["token"].as_str().unwrap())
        }

        /// The answer to a request, where it is forgiven that there is none at first.
        async fn persist(&self, request: impl Fn() -> RequestBuilder, visited: &Visited) -> Answer {
            let begun = Instant::now();
            loop {
                let answer = Answer::of(request()).await;
                visited.requests.fetch_add(1, Ordering::Relaxed);
                if answer.status.as_u16() < 500 || !visited.forgiven {
                    return answer;
                }
                assert!(begun.elapsed() < PATIENCE, "{}", answer.text);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_instances_are_restarted_one_after_the_other_and_no_request_is_lost() {
        let (rounds, begun, mut cluster) =
            (iterations(1, 20), Instant::now(), Cluster::start().await);
        let visited = Visited::new(false);
        let visitors = cluster.visitors(&visited);
        let visitor = Visitor::new(cluster.sandbox.clone(), cluster.balancer.clone());
        let early = visitor.log_in("alice", &visited).await;
        for _ in 0..rounds {
            let signing = visitor.signing(&visited).await;
            cluster.instances[0].command(&["keys", "rotate"]).await;
            for nth in 0..INSTANCES {
                let (status, _) = cluster.replace(nth, Program::terminate).await;
                assert!(status.success(), "{status}");
            }
            let since = Instant::now();
            while visitor.signing(&visited).await == signing {
                assert!(since.elapsed() < PATIENCE, "{signing} signs on");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        visitor.read(&early, &visited).await;
        visitor.refresh(&early, &visited).await;
        visited.open.store(false, Ordering::Relaxed);
        visitors.join_all().await;
        let requests = visited.requests.load(Ordering::Relaxed);
        assert!(requests > 100, "only {requests} requests: {}", cluster.balancer.errors());
        println!(
            "{rounds} rolling restarts of {INSTANCES} instances, each with a rotation of keys: {requests} requests, \
             none failed, {:.0?}",
            begun.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_instances_die_and_nobody_who_was_let_in_is_lost() {
        let (rounds, begun, mut cluster) =
            (iterations(5, 100), Instant::now(), Cluster::start().await);
        let (visited, mut members) = (Visited::new(true), 0);
        let visitors = cluster.visitors(&visited);
        for round in 0..rounds {
            // Another instance and another moment each round.
            tokio::time::sleep(Duration::from_millis(100 + (round as u64 * 97) % 400)).await;
            cluster.replace((round * 7 + round / 3) % INSTANCES, Program::kill).await;
        }
        visited.open.store(false, Ordering::Relaxed);
        visitors.join_all().await;
        let visitor = Visitor::new(cluster.sandbox.clone(), cluster.balancer.clone());
        for (user, login) in visited.members.lock().await.iter() {
            let again = visitor.log_in(user, &visited).await;
            assert_eq!((&again["memberId"], &again["isNew"]), (&login["memberId"], &json!(false)));
            members += 1;
        }
        assert!(members > rounds, "only {members} were let in");
        assert_eq!(cluster.database.query::<i64>(TORN).await, 0);
        assert_eq!(
            cluster.database.query::<i64>("SELECT COUNT(*) FROM member").await,
            i64::try_from(members).unwrap()
        );
        println!(
            "{rounds} instances of {INSTANCES} killed under load: {members} members, none lost, none doubled, {:.0?}",
            begun.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_administrators_door_is_closed_to_strangers() {
        let cluster = Cluster::start().await;
        for path in
            ["/admin", "/admin/api/session", "/admin/../admin/api/members", "/%61dmin/api/members"]
        {
            let answer = reqwest::Client::builder()
                .no_proxy()
                .build()
                .unwrap()
                .get(cluster.balancer.url(path));
            assert_eq!(answer.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
        }
    }
}
