//! `menshen doctor` against the WeChat sandbox, with and without problems.

use testkit::databases::{FreshDatabase, Kind};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_SECRET};
use wechat_sandbox::fault::Fault;

use crate::harness::{SERVICE_KEY, environment, menshen};

/// Environment of `menshen doctor` with a fresh database.
struct DoctorFixture {
    environment: Vec<(String, String)>,
    _database: FreshDatabase,
}

impl DoctorFixture {
    async fn new(sandbox: &Sandbox) -> Self {
        let database = FreshDatabase::new(Kind::Sqlite).await;
        let environment = environment(&database, sandbox);
        Self { environment, _database: database }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs `menshen doctor` and returns its exit code and lines. Panics if a line contains a secret.
    async fn run(&self) -> (i32, Vec<String>) {
        let mut command = menshen(&["doctor"], &self.environment);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let all = format!("{text}{}", String::from_utf8(output.stderr).unwrap());
        for secret in [MAIN_SECRET, SERVICE_KEY, "canary"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        (output.status.code().unwrap(), text.lines().map(str::to_owned).collect())
    }

    /// Returns the single error. Panics unless all other findings are ok.
    async fn error(&self) -> String {
        let (code, lines) = self.run().await;
        let (errors, others): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.starts_with("error  "));
        assert_eq!((code, errors.len()), (1, 1), "{errors:?}");
        assert!(others.iter().all(|line| line.starts_with("ok     ")), "{others:?}");
        errors.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn healthy_program_has_only_ok_findings() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let doctor = DoctorFixture::new(&sandbox).await;
    let before_migration = doctor.run().await;
    let lines = |database: &str| {
        let database = format!("ok     database: {database}");
        let lines = [
            "ok     configuration: valid, profile development",
            "ok     keys: usable",
            "ok     services: each has its own key",
            &database,
            "ok     clock: agrees with WeChat's",
            "ok     apps.main: WeChat accepts the app id and secret",
        ];
        (0, lines.map(str::to_owned).to_vec())
    };
    assert_eq!(before_migration, lines("responds; `menshen serve` will migrate its schema"));
    let migrated = menshen(&["migrate", "up"], &doctor.environment).output().unwrap();
    assert!(migrated.status.success());
    assert_eq!(
        doctor.run().await,
        lines("responds, the schema is current, the signing keys can be decrypted")
    );
    assert_eq!(
        sandbox.log(Some("/cgi-bin/stable_token")).len(),
        2,
        "each run makes one harmless call"
    );
}

#[tokio::test]
async fn wrong_app_secret_is_reported_without_the_secret() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let doctor = DoctorFixture::new(&sandbox)
        .await
        .with("MENSHEN_APPS__MAIN__SECRET", "canary-wrong-secret");
    let error = doctor.error().await;
    assert!(error.starts_with("error  apps.main: WeChat refuses the app: compare"), "{error}");
    assert!(error.contains("wrong app secret"), "{error}");
}

#[tokio::test]
async fn unreachable_wechat_and_ip_whitelist_errors_are_distinguished() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    for (fault, expected) in [
        (Fault { errcode: Some(40164), ..Fault::default() }, "IP whitelist: add it there"),
        (Fault { status: Some(502), ..Fault::default() }, "WeChat cannot be reached: check"),
        (Fault { drop: true, ..Fault::default() }, "wechat.proxy and the network"),
    ] {
        sandbox
            .inject_fault(Fault { path: "/cgi-bin/stable_token".into(), times: 9, ..fault })
            .unwrap();
        let error = DoctorFixture::new(&sandbox).await.error().await;
        assert!(error.starts_with("error  apps.main: ") && error.contains(expected), "{error}");
        sandbox.clear_faults();
    }
    let closed_port = "http://127.0.0.1:9";
    let doctor = DoctorFixture::new(&sandbox).await.with("MENSHEN_WECHAT__BASE_URL", closed_port);
    let error = doctor.error().await;
    assert!(error.contains("connection failed"), "{error}");
}

#[tokio::test]
async fn unreachable_webhook_receiver_is_reported() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
    let with = async |url: &str| {
        let doctor = DoctorFixture::new(&sandbox).await.with("MENSHEN_WEBHOOKS__CRM__URL", url);
        doctor.with("MENSHEN_WEBHOOKS__CRM__SECRET", secret)
    };
    let error = with("http://127.0.0.1:9/canary").await.error().await;
    assert!(error.starts_with("error  webhooks.crm: does not respond: check its url"), "{error}");
    let (code, lines) = with(&format!("{}/canary", sandbox.base_url())).await.run().await;
    assert_eq!(code, 0, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "ok     webhooks.crm: responds");
}

#[tokio::test]
async fn unreachable_database_is_reported() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let unreachable = "does not respond; check database.url";
    let unusable = "cannot be used; check";
    for (url, expected) in [
        ("postgres://menshen:canary@127.0.0.1:9/menshen", unreachable),
        ("mysql://menshen:canary@127.0.0.1:9/menshen", unreachable),
        ("sqlite:///proc/nowhere/menshen.db", unusable),
    ] {
        let doctor = DoctorFixture::new(&sandbox).await.with("MENSHEN_DATABASE__URL", url);
        let error = doctor.error().await;
        assert!(error.starts_with(&format!("error  database: {expected}")), "{error}");
    }
}

#[tokio::test]
async fn unreachable_redis_is_reported() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let closed_port = "redis://:canary@127.0.0.1:9";
    let doctor = DoctorFixture::new(&sandbox).await.with("MENSHEN_REDIS__URL", closed_port);
    let error = doctor.error().await;
    assert!(error.starts_with("error  redis: does not respond; check redis.url"), "{error}");
    assert!(!error.contains("canary"), "{error}");
}

#[tokio::test]
async fn every_configuration_and_key_error_is_one_line() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let doctor = DoctorFixture::new(&sandbox)
        .await
        .with("MENSHEN_HTTP__LISTEN", "canary")
        .with("MENSHEN_LOG__FORMAT", "canary");
    let (code, lines) = doctor.run().await;
    assert_eq!((code, lines.len()), (1, 2), "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("error  ") && line.contains("must be")));
    let keys = [
        ("MENSHEN_SEALING__KEY", "error  keys: sealing.key: "),
        ("MENSHEN_TOKENS__REFRESH_KEY", "error  keys: tokens.refresh_key: "),
        ("MENSHEN_SERVICES__BACKEND__KEY", "error  services: "),
    ];
    for (key, expected) in keys {
        let error = DoctorFixture::new(&sandbox).await.with(key, "canary").error().await;
        assert!(error.starts_with(expected) && error.contains("openssl"), "{error}");
    }
}
