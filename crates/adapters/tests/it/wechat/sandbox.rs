//! The whole road against the offline WeChat, which judges the calls as WeChat would.

use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, LONE_APP, LONE_SECRET, MAIN_APP, MAIN_SECRET, NewUser};
use wechat_sandbox::config::{SECOND_APP, SECOND_SECRET};
use wechat_sandbox::fault::Fault;
use wechat_sandbox::users::UserChange;

use super::*;

/// A program of that app at the sandbox, by the sandbox's time.
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

/// Tests that move its clock on move the app's along with it.
async fn sandbox() -> Sandbox {
    let config = Config { watermarks_by_own_clock: true, ..Config::default() };
    Sandbox::start(config).await.unwrap()
}

/// Logs a user in and asks for the phone number.
async fn phone_of(
    sandbox: &Sandbox,
    app: &App,
    user: &str,
    code: &str,
) -> Result<PhoneNumber, ProviderError> {
    let login = sandbox.login_code(user, MAIN_APP).unwrap();
    let verified = app.login(&login).await.unwrap();
    app.program.redeem_phone_code(&verified.subject, &PhoneCode::parse(code).unwrap()).await
}

#[tokio::test]
async fn a_user_logs_in_and_shows_a_phone_number() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let verified = app.login(&sandbox.login_code("alice", MAIN_APP).unwrap()).await.unwrap();
    assert_eq!(verified.subject.namespace, format!("wechat:app:{MAIN_APP}"));
    assert_eq!(verified.aliases[0].namespace, "wechat:open:acme");

    let code = sandbox.phone_code("alice", MAIN_APP).unwrap();
    let phone = phone_of(&sandbox, &app, "alice", &code).await.unwrap();
    assert_eq!(phone.e164(), "+8613800138000");
}

#[tokio::test]
async fn one_person_has_one_union_id_in_a_group_and_an_openid_per_app() {
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
    let verified = lone.login(&sandbox.login_code("alice", LONE_APP).unwrap()).await.unwrap();
    assert_eq!(verified.union_id(), None);
}

#[tokio::test]
async fn codes_work_once_in_their_app_and_for_their_purpose() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let login = || sandbox.login_code("alice", MAIN_APP).unwrap();

    let once = login();
    app.login(&once).await.unwrap();
    assert_eq!(failure(app.login(&once).await), ProviderFailure::CodeUsed);

    let foreign = sandbox.login_code("alice", SECOND_APP).unwrap();
    assert_eq!(failure(app.login(&foreign).await), ProviderFailure::CodeInvalid);
    let phone = sandbox.phone_code("alice", MAIN_APP).unwrap();
    assert_eq!(failure(app.login(&phone).await), ProviderFailure::CodeInvalid);

    let late = login();
    sandbox.advance(Duration::from_secs(301));
    assert_eq!(failure(app.login(&late).await), ProviderFailure::CodeInvalid);

    let as_phone = phone_of(&sandbox, &app, "alice", &login()).await;
    assert_eq!(failure(as_phone), ProviderFailure::CodeInvalid);
}

#[tokio::test]
async fn the_phone_code_of_another_user_is_refused() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let bobs = sandbox.phone_code("bob", MAIN_APP).unwrap();
    let stolen = phone_of(&sandbox, &app, "alice", &bobs).await;
    assert_eq!(failure(stolen), ProviderFailure::CodeInvalid);
    assert_eq!(phone_of(&sandbox, &app, "bob", &bobs).await.unwrap().e164(), "+8613900139000");
}

#[tokio::test]
async fn a_user_at_risk_is_kept_out() {
    let sandbox = sandbox().await;
    let change = UserChange { user: "alice".into(), blocked: Some(true), ..Default::default() };
    sandbox.change_user(change).unwrap();
    let code = sandbox.login_code("alice", MAIN_APP).unwrap();
    assert_eq!(failure(main_program(&sandbox).login(&code).await), ProviderFailure::UserBlocked);
}

#[tokio::test]
async fn a_number_from_abroad_keeps_its_country_code() {
    let sandbox = sandbox().await;
    let (user, phone, country) = (Some("chan".into()), Some("91234567".into()), Some("852".into()));
    let user = NewUser { user, phone, country_code: country, ..Default::default() };
    sandbox.add_user(user).unwrap();
    let code = sandbox.phone_code("chan", MAIN_APP).unwrap();
    let phone = phone_of(&sandbox, &main_program(&sandbox), "chan", &code).await.unwrap();
    assert_eq!(phone.e164(), "+85291234567");
}

#[tokio::test]
async fn a_wrong_secret_or_app_is_the_operators_trouble() {
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
    assert!(main_program(&sandbox).login(&code).await.is_ok(), "the code was not spent by that");
}

#[tokio::test]
async fn an_answer_lost_after_the_code_was_spent_costs_one_code() {
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
async fn a_token_outlives_its_hours_by_being_renewed() {
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
    assert_eq!(sandbox.log(Some(PHONE)).len(), 40, "no call was refused for its token");
}

#[tokio::test]
async fn a_token_that_another_program_put_out_is_replaced() {
    let sandbox = sandbox().await;
    let app = main_program(&sandbox);
    let code = || sandbox.phone_code("alice", MAIN_APP).unwrap();
    phone_of(&sandbox, &app, "alice", &code()).await.unwrap();

    sandbox.advance(Duration::from_mins(1));
    force_new_token(&sandbox).await;
    phone_of(&sandbox, &app, "alice", &code()).await.unwrap();
    assert_eq!(sandbox.log(Some(PHONE)).len(), 3);
    assert_eq!(sandbox.log(Some(TOKEN)).len(), 3, "ours, the other program's, ours");
}

/// What a careless neighbour with the same app secret does.
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
async fn wechats_own_time_is_told_to_the_second() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let config = WechatHttpConfig { base_url: sandbox.base_url().into(), ..Default::default() };
    let date = WechatHttp::new(&config).unwrap().date().await.unwrap();
    let now = adapters::system::SystemClock.now();
    assert!(now.since(date) < Duration::from_secs(5) && date <= now, "{date:?} {now:?}");
    let nobody = WechatHttpConfig { base_url: "http://127.0.0.1:9".into(), ..Default::default() };
    assert_eq!(WechatHttp::new(&nobody).unwrap().date().await, None);
}
