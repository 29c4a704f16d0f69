//! Apps that are registered, changed and removed at run time, on one and on two instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::databases::{FreshDatabase, Kind};
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, SECOND_APP, SECOND_SECRET};
use wechat_sandbox::control_api::apps::AppChange;
use wechat_sandbox::push::{CheckRequest, PushRequest};

use crate::harness::{Admin, Answer, Program, environment, menshen, new_user, unlimited_sandbox};

testkit::on_every_database! {
    registered_and_disabled_app_takes_effect_on_two_instances
    secret_rotation_under_load_fails_no_login
}

/// Maximum time until every instance applies a change, on a busy machine.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The app secret that WeChat accepts after the rotation.
const NEXT_SECRET: &str = "89abcdef0123456789abcdef01234567";

/// Number of concurrent clients.
const CLIENTS: usize = 4;

fn shop(secret: &str) -> Value {
    json!({ "name": "shop", "appId": SECOND_APP, "secret": secret, "openPlatform": "main" })
}

async fn log_in(sandbox: &Sandbox, program: &Program, user: &str) -> Answer {
    let code = sandbox.login_code(user, SECOND_APP).unwrap();
    Answer::of(program.post("/login", &json!({ "code": code, "app": "shop" }))).await
}

/// Waits until a login at this instance has the expected status and error id.
async fn wait_for_login(sandbox: &Sandbox, program: &Program, expected: (u16, &str)) {
    let begun = Instant::now();
    loop {
        let answer = log_in(sandbox, program, "bob").await;
        if answer.failure() == expected {
            return;
        }
        assert!(begun.elapsed() < RELOAD_TIMEOUT, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn registered_and_disabled_app_takes_effect_on_two_instances(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let here = Program::start_on(database, &sandbox, &[]).await;
    let there = here.start_second(&sandbox).await;
    for program in [&here, &there] {
        let unknown = log_in(&sandbox, program, "alice").await;
        assert_eq!(unknown.failure(), (400, "invalid_request"));
    }
    let admin = here.admin("ann", "admin").await;
    admin.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    let alice = log_in(&sandbox, &here, "alice").await;
    assert_eq!(
        alice.status,
        StatusCode::OK,
        "the first instance applies the registration immediately: {}",
        alice.text
    );
    wait_for_login(&sandbox, &there, (200, "")).await;

    let policy = json!({ "openPlatform": "main", "accessTtl": 600 });
    admin.data(here.put("/admin/api/apps/shop/policy", &policy)).await;
    let refreshed = Answer::of(here.refresh(&alice.body["data"])).await;
    assert_eq!(refreshed.body["data"]["expiresIn"], 600, "{}", refreshed.text);

    admin.post("/admin/api/apps/shop/disable", &json!({})).await;
    let refused = log_in(&sandbox, &here, "alice").await;
    assert_eq!(
        refused.failure(),
        (403, "forbidden"),
        "the first instance applies the change immediately"
    );
    wait_for_login(&sandbox, &there, (403, "forbidden")).await;
    let tokens = &refreshed.body["data"];
    for program in [&here, &there] {
        assert_eq!(Answer::of(program.refresh(tokens)).await.failure(), (403, "forbidden"));
    }
    let me = here.get("/me").bearer_auth(tokens["token"].as_str().unwrap());
    assert_eq!(
        Answer::of(me).await.status,
        StatusCode::OK,
        "an access token stays valid until it expires"
    );

    let in_use = admin.send(here.delete("/admin/api/apps/shop")).await;
    assert_eq!(in_use.body["conflict"]["reason"], "app_in_use", "{}", in_use.text);
    admin.post("/admin/api/apps/shop/enable", &json!({})).await;
    assert_eq!(Answer::of(here.refresh(tokens)).await.status, StatusCode::OK);
    wait_for_login(&sandbox, &there, (200, "")).await;

    let (status, database) = here.terminate().await;
    assert!(status.success());
    let restarted = Program::start_on(database, &sandbox, &[]).await;
    let alice = log_in(&sandbox, &restarted, "alice").await;
    assert_eq!(
        alice.status,
        StatusCode::OK,
        "the app is registered after a restart: {}",
        alice.text
    );
}

/// Shared state of the concurrent clients.
struct Load {
    sandbox: Sandbox,
    instances: [Program; 2],
    is_running: AtomicBool,
    logins: AtomicUsize,
}

impl Load {
    /// Logs new users in on alternating instances while the load runs. Every login must succeed.
    async fn run_client(&self, client: usize) {
        let mut round = client;
        while self.is_running.load(Ordering::Relaxed) {
            round += 1;
            let user = new_user(&self.sandbox);
            let instance = &self.instances[round % 2];
            let answer = log_in(&self.sandbox, instance, &user).await;
            assert_eq!(answer.status, StatusCode::OK, "a failed login: {}", answer.text);
            self.logins.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until each instance has reloaded the registered apps this many times.
    async fn wait_for_reloads(&self, reloads: usize) {
        let begun = Instant::now();
        let message = "registered apps reloaded";
        while self.instances.iter().any(|it| it.output().matches(message).count() < reloads) {
            assert!(begun.elapsed() < RELOAD_TIMEOUT, "{}", self.instances[1].output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for some more logins.
    async fn wait_for_logins(&self) {
        let before = self.logins.load(Ordering::Relaxed);
        let begun = Instant::now();
        while self.logins.load(Ordering::Relaxed) < before + 3 * CLIENTS {
            assert!(begun.elapsed() < RELOAD_TIMEOUT * 3, "the logins have stopped");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn secret_rotation_under_load_fails_no_login(database: FreshDatabase) {
    let sandbox = unlimited_sandbox().await;
    let here = Program::start_on(database, &sandbox, &[]).await;
    let there = here.start_second(&sandbox).await;
    let cookie = here.admin("ann", "admin").await.cookie;
    let is_running = AtomicBool::new(true);
    let logins = AtomicUsize::new(0);
    let load = Arc::new(Load { sandbox, instances: [here, there], is_running, logins });
    let program = &load.instances[0];
    let admin = Admin { program, cookie, invitation: String::new() };
    admin.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    load.wait_for_reloads(1).await;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let load = Arc::clone(&load);
        clients.spawn(async move { load.run_client(client).await });
    }
    load.wait_for_logins().await;
    let secret = json!({ "secret": NEXT_SECRET });
    let rotating = admin.post("/admin/api/apps/shop/secret", &secret).await;
    assert_eq!(rotating["registration"]["formerSecretKept"], true);
    load.wait_for_reloads(2).await;
    load.wait_for_logins().await;
    let change = AppChange {
        appid: Some(SECOND_APP.into()),
        secret: Some(NEXT_SECRET.into()),
        ..AppChange::default()
    };
    load.sandbox.change_app(change).unwrap();
    load.wait_for_logins().await;
    admin.data(program.delete("/admin/api/apps/shop/secret/former")).await;
    load.wait_for_reloads(3).await;
    load.wait_for_logins().await;
    load.is_running.store(false, Ordering::Relaxed);
    clients.join_all().await;
    for instance in &load.instances {
        for secret in [SECOND_SECRET, NEXT_SECRET] {
            assert!(!instance.output().contains(secret), "a secret in the log");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registered_app_receives_pushes_and_is_checked_by_doctor() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &[("MENSHEN_LOG__FILTER", "trace")]).await;
    let admin = program.admin("ann", "admin").await;
    admin.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    let url = program.url("/wechat/push/shop");
    let check = || {
        let check = CheckRequest {
            appid: Some(SECOND_APP.into()),
            url: url.clone(),
            ..CheckRequest::default()
        };
        sandbox.check_push_url(check)
    };
    assert!(!check().await.unwrap().passed, "message push was accepted before it was configured");
    let push = json!({
        "pushToken": "sandboxpushtoken",
        "pushAesKey": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    });
    admin.data(program.put("/admin/api/apps/shop/push", &push)).await;
    assert!(check().await.unwrap().passed);
    let alice = log_in(&sandbox, &program, "alice").await.body["data"].clone();
    // Withdrawals are processed although the disabled app accepts no login.
    admin.post("/admin/api/apps/shop/disable", &json!({})).await;
    let cancellation = PushRequest {
        appid: Some(SECOND_APP.into()),
        url: url.clone(),
        event: "user_authorization_cancellation".into(),
        user: Some("alice".into()),
        ..PushRequest::default()
    };
    assert!(sandbox.push(cancellation).await.unwrap().delivered);
    let begun = Instant::now();
    let me = || Answer::of(program.get("/me").bearer_auth(alice["token"].as_str().unwrap()));
    while me().await.status == StatusCode::OK {
        assert!(begun.elapsed() < RELOAD_TIMEOUT, "the closed account still exists");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let removed = admin.data(program.delete("/admin/api/apps/shop")).await;
    assert_eq!(removed, json!({}), "the app without identities is removed");

    admin.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    let healthy = program.command(&["doctor"]).await;
    let finding = "ok     app shop: WeChat accepts the app id and secret";
    assert!(healthy.contains(finding), "{healthy}");
    let wrong = json!({ "name": "fair", "appId": "wx0000000000000001", "secret": SECOND_SECRET });
    admin.post("/admin/api/apps", &wrong).await;
    let environment = environment(program.database(), &sandbox);
    let failed = menshen(&["doctor"], &environment).output().unwrap();
    let findings = String::from_utf8(failed.stdout).unwrap();
    assert!(!failed.status.success(), "{findings}");
    assert!(findings.contains("error  app fair: WeChat refuses the app"), "{findings}");
    let all = format!("{findings}{healthy}{}", program.output());
    for secret in [SECOND_SECRET, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"] {
        assert!(!all.contains(secret), "a secret in the output");
    }
}

#[tokio::test]
async fn rekey_reencrypts_the_secrets_of_apps() {
    const OLD: &str = "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=";
    const NEW: &str = "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk=";
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let old_key = [("MENSHEN_SEALING__KEY", OLD)];
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let program = Program::start_on(database, &sandbox, &old_key).await;
    let admin = program.admin("ann", "admin").await;
    admin.post("/admin/api/apps", &shop("a-secret-that-wechat-rejects")).await;
    admin.post("/admin/api/apps/shop/secret", &json!({ "secret": SECOND_SECRET })).await;
    let push = json!({ "pushToken": "aToken", "pushAesKey": "k".repeat(43) });
    admin.data(program.put("/admin/api/apps/shop/push", &push)).await;
    let (_, database) = program.terminate().await;
    for file in std::fs::read_dir(database.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let secret = SECOND_SECRET.as_bytes();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret), "a secret on the disk");
    }

    let mut both = environment(&database, &sandbox);
    both.push(("MENSHEN_SEALING__KEY".to_owned(), NEW.to_owned()));
    both.push(("MENSHEN_SEALING__FORMER_KEYS".to_owned(), OLD.to_owned()));
    let rekeyed = menshen(&["rekey"], &both).output().unwrap();
    let output = String::from_utf8_lossy(&rekeyed.stdout).into_owned();
    assert!(rekeyed.status.success(), "{output}{}", String::from_utf8_lossy(&rekeyed.stderr));
    let repeated = menshen(&["rekey"], &both).output().unwrap();
    let output = String::from_utf8_lossy(&repeated.stdout).into_owned();
    let nothing = "created 0 data keys, re-encrypted 0 keys";
    assert!(output.contains(nothing), "the first run was incomplete: {output}");

    let program = Program::start_on(database, &sandbox, &[("MENSHEN_SEALING__KEY", NEW)]).await;
    let alice = log_in(&sandbox, &program, "alice").await;
    assert_eq!(alice.status, StatusCode::OK, "{}", alice.text);
    assert!(!program.output().contains("message push disabled"), "{}", program.output());
}
