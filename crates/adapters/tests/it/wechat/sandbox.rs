//! WeChat adapter against the WeChat sandbox, which validates the calls as WeChat does.

use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, LONE_APP, LONE_SECRET, MAIN_APP, MAIN_SECRET, NewUser};
use wechat_sandbox::config::{SECOND_APP, SECOND_SECRET};
use wechat_sandbox::fault::Fault;
use wechat_sandbox::users::UserChange;

use super::*;

/// Provider of an app at the sandbox, with the sandbox's time.
fn program(sandbox: &Sandbox, app_id: &str, secret: &str, group: Option<&str>) -> App {
    let open_platform = group.map(Into::into);
    let app_id = AppId::parse(app_id).unwrap();
    let app = WechatApp { app_id, secret: secret.into(), open_platform, ..app() };
    App::new(app, sandbox.base_url(), FixedClock::at(time(sandbox)))
}

fn main_program(sandbox: &Sandbox) -> App {
    program(sandbox, MAIN_APP, MAIN_SECRET, Some("acme"))
}

fn time(sandbox: &Sandbox) -> Timestamp {
    Timestamp::from_unix_millis(i64::try_from(sandbox.now()).unwrap() * 1000)
}

/// Starts a sandbox with its own clock. A test that advances it also advances the clock of the provider.
async fn sandbox() -> Sandbox {
    let config = Config { watermarks_by_own_clock: true, ..Config::default() };
    Sandbox::start(config).await.unwrap()
}

/// Logs a user in and redeems a phone code.
async fn phone_of(
    sandbox: &Sandbox,
    app: &App,
    user: &str,
    code: &str,
) -> Result<PhoneNumber, ProviderError> {
    let login = sandbox.login_code(user, MAIN_APP).unwrap();
    let identity = app.login(&login).await.unwrap();
    app.program.redeem_phone_code(&identity.subject, &PhoneCode::parse(code).unwrap()).await
}

#[tokio::test]
async fn user_logs_in_and_redeems_a_phone_code() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let identity = app.login(&sandbox.login_code("alice", MAIN_APP).unwrap()).await.unwrap();
    assert_eq!(identity.subject.namespace, format!("wechat:app:{MAIN_APP}"));
    assert_eq!(identity.aliases[0].namespace, "wechat:open:acme");

    let code = sandbox.phone_code("alice", MAIN_APP).unwrap();
    let phone = phone_of(&sandbox, &app, "alice", &code).await.unwrap();
    assert_eq!(phone.e164(), "+8613800138000");
}

#[tokio::test]
async fn union_id_is_shared_in_a_group_and_openid_differs_per_app() {
    let sandbox = sandbox().await;
    let mut seen = Vec::new();
    for (app_id, secret) in [(MAIN_APP, MAIN_SECRET), (SECOND_APP, SECOND_SECRET)] {
        let app = program(&sandbox, app_id, secret, Some("acme"));
        seen.push(app.login(&sandbox.login_code("alice", app_id).unwrap()).await.unwrap());
    }
    assert_ne!(seen[0].subject.value, seen[1].subject.value);
    assert_eq!(seen[0].aliases, seen[1].aliases);
    assert!(seen[0].union_id().is_some());

    let lone = program(&sandbox, LONE_APP, LONE_SECRET, None);
    let identity = lone.login(&sandbox.login_code("alice", LONE_APP).unwrap()).await.unwrap();
    assert_eq!(identity.union_id(), None);
}

#[tokio::test]
async fn codes_are_valid_once_for_their_app_and_purpose() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let login = || sandbox.login_code("alice", MAIN_APP).unwrap();

    let once = login();
    app.login(&once).await.unwrap();
    assert_eq!(failure(app.login(&once).await), ProviderFailure::CodeUsed);

    let other_apps_code = sandbox.login_code("alice", SECOND_APP).unwrap();
    assert_eq!(failure(app.login(&other_apps_code).await), ProviderFailure::CodeInvalid);
    let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
    assert_eq!(failure(app.login(&phone).await), ProviderFailure::CodeInvalid);

    let expired = login();
    sandbox.advance(Duration::from_secs(301));
    assert_eq!(failure(app.login(&expired).await), ProviderFailure::CodeInvalid);

    let as_phone = phone_of(&sandbox, &app, "alice", &login()).await;
    assert_eq!(failure(as_phone), ProviderFailure::CodeInvalid);
}

#[tokio::test]
async fn phone_code_of_another_user_is_refused() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let bobs = sandbox.phone_code("bob", MAIN_APP).unwrap();
    let stolen = phone_of(&sandbox, &app, "alice", &bobs).await;
    assert_eq!(failure(stolen), ProviderFailure::CodeInvalid);
    assert_eq!(phone_of(&sandbox, &app, "bob", &bobs).await.unwrap().e164(), "+8613900139000");
}

#[tokio::test]
async fn high_risk_user_is_blocked() {
    let sandbox = sandbox().await;
    let change = UserChange { user: "alice".into(), blocked: Some(true), ..Default::default() };
    sandbox.change_user(change).unwrap();
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    assert_eq!(failure(main_program(&sandbox).login(&code).await), ProviderFailure::UserBlocked);
}

#[tokio::test]
async fn foreign_phone_number_keeps_its_country_code() {
    let sandbox = sandbox().await;
    let user = Some("chan".into());
    let phone = Some("91234567".into());
    let country = Some("852".into());
    let user = NewUser { user, phone, country_code: country, ..Default::default() };
    sandbox.add_user(user).unwrap();
    let code = sandbox.phone_code("chan", MAIN_APP).unwrap();
    let phone = phone_of(&sandbox, &main_program(&sandbox), "chan", &code).await.unwrap();
    assert_eq!(phone.e164(), "+85291234567");
}

#[tokio::test]
async fn wrong_secret_or_app_id_is_misconfigured() {
    let sandbox = sandbox().await;
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    for (app_id, secret) in [(MAIN_APP, SECOND_SECRET), ("wx0000000000000000", MAIN_SECRET)] {
        let app = program(&sandbox, app_id, secret, None);
        assert_eq!(failure(app.login(&code).await), ProviderFailure::Misconfigured);
        let owner = Subject { namespace: format!("wechat:app:{app_id}"), ..owner() };
        let code = PhoneCode::parse("phonecode").unwrap();
        let outcome = app.program.redeem_phone_code(&owner, &code).await;
        assert_eq!(failure(outcome), ProviderFailure::Misconfigured);
    }
    assert!(
        main_program(&sandbox).login(&code).await.is_ok(),
        "the failed calls did not redeem the code"
    );
}

#[tokio::test]
async fn lost_response_after_redeem_is_not_retried() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    sandbox.inject_fault(Fault { drop: true, after: true, ..Fault::at(LOGIN) }).unwrap();
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    assert!(is_unavailable(&app.login(&code).await));
    assert_eq!(sandbox.log(Some(LOGIN)).len(), 1);

    sandbox.inject_fault(Fault { errcode: Some(-1), after: true, ..Fault::at(LOGIN) }).unwrap();
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    assert_eq!(failure(app.login(&code).await), ProviderFailure::CodeInvalid);
    assert_eq!(sandbox.log(Some(LOGIN)).len(), 3);

    sandbox.inject_fault(Fault { errcode: Some(-1), ..Fault::at(LOGIN) }).unwrap();
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    assert!(app.login(&code).await.is_ok());
}

#[tokio::test]
async fn access_token_is_renewed_before_it_expires() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    for _ in 0..40 {
        let code = sandbox.phone_code("alice", MAIN_APP).unwrap();
        phone_of(&sandbox, &app, "alice", &code).await.unwrap();
        sandbox.advance(Duration::from_mins(10));
        app.clock.set(time(&sandbox));
    }
    let fetches = sandbox.log(Some(TOKEN)).len();
    assert!((4..=8).contains(&fetches), "{fetches} fetches in 400 minutes");
    assert_eq!(sandbox.log(Some(PHONE)).len(), 40, "no call had a stale token");
}

#[tokio::test]
async fn access_token_invalidated_by_another_program_is_replaced() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let code = || sandbox.phone_code("alice", MAIN_APP).unwrap();
    phone_of(&sandbox, &app, "alice", &code()).await.unwrap();

    sandbox.advance(Duration::from_mins(1));
    force_new_token(&sandbox).await;
    phone_of(&sandbox, &app, "alice", &code()).await.unwrap();
    assert_eq!(sandbox.log(Some(PHONE)).len(), 3);
    assert_eq!(
        sandbox.log(Some(TOKEN)).len(),
        3,
        "one fetch here, one by the other program, one here"
    );
}

/// Fetches a token with forced refresh, as another program with the same app secret might do.
async fn force_new_token(sandbox: &Sandbox) {
    let body = json!({
        "grant_type": "client_credential", "appid": MAIN_APP, "secret": MAIN_SECRET,
        "force_refresh": true,
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{TOKEN}", sandbox.base_url());
    let answer = client.post(url).body(body.to_string()).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("access_token"));
}

#[tokio::test]
async fn date_header_gives_wechats_time() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let config = WechatHttpConfig { base_url: sandbox.base_url().into(), ..Default::default() };
    let date = WechatHttp::new(&config).unwrap().date().await.unwrap();
    let now = adapters::system::SystemClock.now();
    assert!(now.since(date) < Duration::from_secs(5) && date <= now, "{date:?} {now:?}");
    let unreachable =
        WechatHttpConfig { base_url: "http://127.0.0.1:9".into(), ..Default::default() };
    assert_eq!(WechatHttp::new(&unreachable).unwrap().date().await, None);
}
