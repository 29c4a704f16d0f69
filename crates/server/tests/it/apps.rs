//! Apps that come, change and go while the program runs, alone or beside another instance.

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

use crate::program::{Admin, Answer, Program, environment, menshen};
use crate::soak::{sandbox, stranger};

testkit::on_every_database! {
    an_app_is_added_and_disabled_while_two_instances_run
    a_secret_is_rotated_while_logins_run_and_none_fails
}

/// How soon every instance must have heard of a change, on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// The secret that WeChat takes from some moment on.
const NEXT_SECRET: &str = "89abcdef0123456789abcdef01234567";

/// How many log in at the same time.
const CALLERS: usize = 4;

fn shop(secret: &str) -> Value {
    json!({ "name": "shop", "appId": SECOND_APP, "secret": secret, "openPlatform": "main" })
}

async fn log_in(sandbox: &Sandbox, program: &Program, user: &str) -> Answer {
    let code = sandbox.login_code(user, SECOND_APP).unwrap();
    Answer::of(program.post("/login", &json!({ "code": code, "app": "shop" }))).await
}

/// Another instance over the same database.
async fn another(program: &Program, sandbox: &Sandbox) -> Program {
    let shared = environment(program.database(), sandbox);
    let shared: Vec<_> = shared.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    Program::start_with(sandbox, &shared).await
}

/// Waits until a login there is answered so.
async fn until(sandbox: &Sandbox, program: &Program, expected: (u16, &str)) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = log_in(sandbox, program, "bob").await;
        if answer.failure() == expected {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < HEARD_WITHIN, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn an_app_is_added_and_disabled_while_two_instances_run(database: FreshDatabase) {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let here = Program::start_on(database, &sandbox, &[]).await;
    let there = another(&here, &sandbox).await;
    for program in [&here, &there] {
        let unknown = log_in(&sandbox, program, "alice").await;
        assert_eq!(unknown.failure(), (400, "invalid_request"));
    }
    let boss = here.admin("boss", "admin").await;
    boss.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    let alice = log_in(&sandbox, &here, "alice").await;
    assert_eq!(alice.status, StatusCode::OK, "served at once: {}", alice.text);
    until(&sandbox, &there, (200, "")).await;

    let lives = json!({ "openPlatform": "main", "accessTtl": 600 });
    boss.data(here.put("/admin/api/apps/shop/policy", &lives)).await;
    let refreshed = Answer::of(here.refresh(&alice.body["data"])).await;
    assert_eq!(refreshed.body["data"]["expiresIn"], 600, "{}", refreshed.text);

    boss.post("/admin/api/apps/shop/disable", &json!({})).await;
    let refused = log_in(&sandbox, &here, "alice").await;
    assert_eq!(refused.failure(), (403, "forbidden"), "refused at once");
    until(&sandbox, &there, (403, "forbidden")).await;
    let tokens = &refreshed.body["data"];
    for program in [&here, &there] {
        assert_eq!(Answer::of(program.refresh(tokens)).await.failure(), (403, "forbidden"));
    }
    let me = here.get("/me").bearer_auth(tokens["token"].as_str().unwrap());
    assert_eq!(Answer::of(me).await.status, StatusCode::OK, "until it expires");

    let in_use = boss.send(here.delete("/admin/api/apps/shop")).await;
    assert_eq!(in_use.body["conflict"]["reason"], "app_in_use", "{}", in_use.text);
    boss.post("/admin/api/apps/shop/enable", &json!({})).await;
    assert_eq!(Answer::of(here.refresh(tokens)).await.status, StatusCode::OK);
    until(&sandbox, &there, (200, "")).await;

    let (status, database) = here.terminate().await;
    assert!(status.success());
    let again = Program::start_on(database, &sandbox, &[]).await;
    let alice = log_in(&sandbox, &again, "alice").await;
    assert_eq!(alice.status, StatusCode::OK, "it outlives a restart: {}", alice.text);
}

/// What the callers share.
struct Load {
    sandbox: Sandbox,
    instances: [Program; 2],
    on: AtomicBool,
    logins: AtomicUsize,
}

impl Load {
    /// Logs in at one instance after the other, as long as the load is on; none may fail.
    async fn call(&self, caller: usize) {
        let mut turn = caller;
        while self.on.load(Ordering::Relaxed) {
            turn += 1;
            let (user, instance) = (stranger(&self.sandbox), &self.instances[turn % 2]);
            let answer = log_in(&self.sandbox, instance, &user).await;
            assert_eq!(answer.status, StatusCode::OK, "a failed login: {}", answer.text);
            self.logins.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until each instance has served apps as changed so often.
    async fn heard(&self, changes: usize) {
        let begun = Instant::now();
        let told = "the apps beside those of the configuration have changed";
        while self.instances.iter().any(|it| it.output().matches(told).count() < changes) {
            assert!(begun.elapsed() < HEARD_WITHIN, "{}", self.instances[1].output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until some more have logged in.
    async fn some_more(&self) {
        let before = self.logins.load(Ordering::Relaxed);
        let begun = Instant::now();
        while self.logins.load(Ordering::Relaxed) < before + 3 * CALLERS {
            assert!(begun.elapsed() < HEARD_WITHIN * 3, "nobody logs in any more");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn a_secret_is_rotated_while_logins_run_and_none_fails(database: FreshDatabase) {
    let sandbox = sandbox().await;
    let here = Program::start_on(database, &sandbox, &[]).await;
    let there = another(&here, &sandbox).await;
    let boss = here.admin("boss", "admin").await.cookie;
    let (on, logins) = (AtomicBool::new(true), AtomicUsize::new(0));
    let load = Arc::new(Load { sandbox, instances: [here, there], on, logins });
    let program = &load.instances[0];
    let boss = Admin { program, cookie: boss, invitation: String::new() };
    boss.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    load.heard(1).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let load = Arc::clone(&load);
        callers.spawn(async move { load.call(caller).await });
    }
    load.some_more().await;
    let secret = json!({ "secret": NEXT_SECRET });
    let rotating = boss.post("/admin/api/apps/shop/secret", &secret).await;
    assert_eq!(rotating["registration"]["formerSecretKept"], true);
    load.heard(2).await;
    load.some_more().await;
    let change = AppChange {
        appid: Some(SECOND_APP.into()),
        secret: Some(NEXT_SECRET.into()),
        ..AppChange::default()
    };
    load.sandbox.change_app(change).unwrap();
    load.some_more().await;
    boss.data(program.delete("/admin/api/apps/shop/secret/former")).await;
    load.heard(3).await;
    load.some_more().await;
    load.on.store(false, Ordering::Relaxed);
    callers.join_all().await;
    for instance in &load.instances {
        for secret in [SECOND_SECRET, NEXT_SECRET] {
            assert!(!instance.output().contains(secret), "a secret in the log");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_added_takes_pushes_and_is_seen_by_the_doctor() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &[("MENSHEN_LOG__FILTER", "trace")]).await;
    let boss = program.admin("boss", "admin").await;
    boss.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    let url = program.url("/wechat/push/shop");
    let check = || {
        let check = CheckRequest {
            appid: Some(SECOND_APP.into()),
            url: url.clone(),
            ..CheckRequest::default()
        };
        sandbox.check_push_url(check)
    };
    assert!(!check().await.unwrap().passed, "it takes none yet");
    let push = json!({
        "pushToken": "sandboxpushtoken",
        "pushAesKey": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    });
    boss.data(program.put("/admin/api/apps/shop/push", &push)).await;
    assert!(check().await.unwrap().passed);
    let alice = log_in(&sandbox, &program, "alice").await.body["data"].clone();
    // What users take back is obeyed although nobody may log in.
    boss.post("/admin/api/apps/shop/disable", &json!({})).await;
    let order = PushRequest {
        appid: Some(SECOND_APP.into()),
        url: url.clone(),
        event: "user_authorization_cancellation".into(),
        user: Some("alice".into()),
        ..PushRequest::default()
    };
    assert!(sandbox.push(order).await.unwrap().delivered);
    let begun = Instant::now();
    let me = || Answer::of(program.get("/me").bearer_auth(alice["token"].as_str().unwrap()));
    while me().await.status == StatusCode::OK {
        assert!(begun.elapsed() < HEARD_WITHIN, "the closed account is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let removed = boss.data(program.delete("/admin/api/apps/shop")).await;
    assert_eq!(removed, json!({}), "nobody is known by it any more");

    boss.post("/admin/api/apps", &shop(SECOND_SECRET)).await;
    let seen = program.command(&["doctor"]).await;
    assert!(seen.contains("ok     app shop: WeChat knows its id and secret"), "{seen}");
    let wrong = json!({ "name": "fair", "appId": "wx0000000000000001", "secret": SECOND_SECRET });
    boss.post("/admin/api/apps", &wrong).await;
    let environment = environment(program.database(), &sandbox);
    let sick = menshen(&["doctor"], &environment).output().unwrap();
    let said = String::from_utf8(sick.stdout).unwrap();
    assert!(!sick.status.success() && said.contains("fault  app fair: WeChat refuses"), "{said}");
    let all = format!("{said}{seen}{}", program.output());
    for secret in [SECOND_SECRET, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"] {
        assert!(!all.contains(secret), "a secret is told");
    }
}

#[tokio::test]
async fn apps_are_sealed_anew_when_the_sealing_key_changes() {
    const OLD: &str = "q0Zx1uQY5kW7c2bJt8nRrV4mE9sLh3dFgPpAoTiUyNk=";
    const NEW: &str = "eHPzEzmkUPDEdOn8wGGaSr1HWdfNGKNhRGOeGRJkKIk=";
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let with_old = [("MENSHEN_SEALING__KEY", OLD)];
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let program = Program::start_on(database, &sandbox, &with_old).await;
    let boss = program.admin("boss", "admin").await;
    boss.post("/admin/api/apps", &shop("a-secret-that-wechat-does-not-take")).await;
    boss.post("/admin/api/apps/shop/secret", &json!({ "secret": SECOND_SECRET })).await;
    let push = json!({ "pushToken": "aToken", "pushAesKey": "k".repeat(43) });
    boss.data(program.put("/admin/api/apps/shop/push", &push)).await;
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
    let said = String::from_utf8_lossy(&rekeyed.stdout).into_owned();
    assert!(rekeyed.status.success(), "{said}{}", String::from_utf8_lossy(&rekeyed.stderr));
    let again = menshen(&["rekey"], &both).output().unwrap();
    let again = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.contains("made 0 data keys, sealed 0 keys"), "all of it was done: {again}");

    let program = Program::start_on(database, &sandbox, &[("MENSHEN_SEALING__KEY", NEW)]).await;
    let alice = log_in(&sandbox, &program, "alice").await;
    assert_eq!(alice.status, StatusCode::OK, "{}", alice.text);
    assert!(!program.output().contains("takes no pushes"), "{}", program.output());
}
