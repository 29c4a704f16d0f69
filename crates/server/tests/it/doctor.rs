//! `menshen doctor` against the offline WeChat, well and ill.

use testkit::databases::{FreshDatabase, Kind};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_SECRET};
use wechat_sandbox::fault::Fault;

use crate::program::{SERVICE_KEY, environment, menshen};

/// A folder with a database, and what the doctor is started with.
struct Patient {
    environment: Vec<(String, String)>,
    _database: FreshDatabase,
}

impl Patient {
    async fn of(sandbox: &Sandbox) -> Self {
        let database = FreshDatabase::new(Kind::Sqlite).await;
        let environment = environment(&database, sandbox);
        Self { environment, _database: database }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Exit code and the lines the doctor prints. None of them holds a secret.
    async fn examined(&self) -> (i32, Vec<String>) {
        let mut command = menshen(&["doctor"], &self.environment);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let all = format!("{text}{}", String::from_utf8(output.stderr).unwrap());
        for secret in [MAIN_SECRET, SERVICE_KEY, "canary"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        (output.status.code().unwrap(), text.lines().map(str::to_owned).collect())
    }

    /// The one fault that there is.
    async fn fault(&self) -> String {
        let (code, lines) = self.examined().await;
        let (faults, good): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.starts_with("fault  "));
        assert_eq!((code, faults.len()), (1, 1), "{faults:?}");
        assert!(good.iter().all(|line| line.starts_with("ok     ")), "{good:?}");
        faults.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn a_healthy_program_is_called_so_line_by_line() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let patient = Patient::of(&sandbox).await;
    let told = patient.examined().await;
    let lines = |database: &str| {
        let database = format!("ok     database: {database}");
        let lines = [
            "ok     configuration: sound, for development",
            "ok     keys: fit for use",
            "ok     services: each has a key of its own",
            &database,
            "ok     clock: agrees with WeChat's",
            "ok     apps.main: WeChat knows its id and secret",
        ];
        (0, lines.map(str::to_owned).to_vec())
    };
    assert_eq!(told, lines("answers; `menshen serve` will bring its schema up to date"));
    let migrated = menshen(&["migrate", "up"], &patient.environment).output().unwrap();
    assert!(migrated.status.success());
    assert_eq!(
        patient.examined().await,
        lines("answers, its schema is up to date, and its signing keys open")
    );
    assert_eq!(sandbox.log(Some("/cgi-bin/stable_token")).len(), 2, "one harmless call a visit");
}

#[tokio::test]
async fn a_wrong_secret_is_found_and_not_told() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let patient =
        Patient::of(&sandbox).await.with("MENSHEN_APPS__MAIN__SECRET", "canary-wrong-secret");
    let fault = patient.fault().await;
    assert!(fault.starts_with("fault  apps.main: WeChat refuses the app: compare"), "{fault}");
    assert!(fault.contains("wrong app secret"), "{fault}");
}

#[tokio::test]
async fn a_wechat_that_is_down_or_keeps_this_machine_out_is_told_apart() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    for (fault, told) in [
        (Fault { errcode: Some(40164), ..Fault::default() }, "IP whitelist: add it there"),
        (Fault { status: Some(502), ..Fault::default() }, "WeChat cannot be reached: check"),
        (Fault { drop: true, ..Fault::default() }, "wechat.proxy and the network"),
    ] {
        sandbox
            .inject_fault(Fault { path: "/cgi-bin/stable_token".into(), times: 9, ..fault })
            .unwrap();
        let fault = Patient::of(&sandbox).await.fault().await;
        assert!(fault.starts_with("fault  apps.main: ") && fault.contains(told), "{fault}");
        sandbox.clear_faults();
    }
    let nobody = "http://127.0.0.1:9";
    let fault = Patient::of(&sandbox).await.with("MENSHEN_WECHAT__BASE_URL", nobody).fault().await;
    assert!(fault.contains("no connection"), "{fault}");
}

#[tokio::test]
async fn a_receiver_that_nobody_answers_for_is_found() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
    let with = async |url: &str| {
        let patient = Patient::of(&sandbox).await.with("MENSHEN_WEBHOOKS__CRM__URL", url);
        patient.with("MENSHEN_WEBHOOKS__CRM__SECRET", secret)
    };
    let fault = with("http://127.0.0.1:9/canary").await.fault().await;
    assert!(fault.starts_with("fault  webhooks.crm: nobody answers: check its url"), "{fault}");
    let (code, lines) = with(&format!("{}/canary", sandbox.base_url())).await.examined().await;
    assert_eq!(code, 0, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "ok     webhooks.crm: answers");
}

#[tokio::test]
async fn a_database_that_is_gone_is_found() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let (gone, unusable) = ("does not answer; check database.url", "cannot be used; check");
    for (url, told) in [
        ("postgres://menshen:canary@127.0.0.1:9/menshen", gone),
        ("mysql://menshen:canary@127.0.0.1:9/menshen", gone),
        ("sqlite:///proc/nowhere/menshen.db", unusable),
    ] {
        let fault = Patient::of(&sandbox).await.with("MENSHEN_DATABASE__URL", url).fault().await;
        assert!(fault.starts_with(&format!("fault  database: {told}")), "{fault}");
    }
}

#[tokio::test]
async fn a_redis_that_is_gone_is_found() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let nobody = "redis://:canary@127.0.0.1:9";
    let fault = Patient::of(&sandbox).await.with("MENSHEN_REDIS__URL", nobody).fault().await;
    assert!(fault.starts_with("fault  redis: does not answer; check redis.url"), "{fault}");
    assert!(!fault.contains("canary"), "{fault}");
}

#[tokio::test]
async fn every_fault_of_the_configuration_and_the_keys_is_a_line() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let patient = Patient::of(&sandbox)
        .await
        .with("MENSHEN_HTTP__LISTEN", "canary")
        .with("MENSHEN_LOG__FORMAT", "canary");
    let (code, lines) = patient.examined().await;
    assert_eq!((code, lines.len()), (1, 2), "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("fault  ") && line.contains("must be")));
    let keys = [
        ("MENSHEN_SEALING__KEY", "fault  keys: sealing.key: "),
        ("MENSHEN_TOKENS__REFRESH_KEY", "fault  keys: tokens.refresh_key: "),
        ("MENSHEN_SERVICES__BACKEND__KEY", "fault  services: "),
    ];
    for (key, told) in keys {
        let fault = Patient::of(&sandbox).await.with(key, "canary").fault().await;
        assert!(fault.starts_with(told) && fault.contains("openssl"), "{fault}");
    }
}
