//! Webhook delivery of the running program to receivers that fail, hang and recover.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{MAIN_APP, NewUser};

use crate::harness::webhook_receiver::{Receiver, Request, ResponseMode, TIMEOUT};
use crate::harness::{
    Answer, Program, borrowed, environment, menshen, new_user, unlimited_sandbox,
};

fn secret(seed: u8) -> String {
    format!("whsec_{}", STANDARD.encode([seed; 32]))
}

/// Returns the settings of a receiver.
fn settings_of(name: &str, receiver: &Receiver, seed: u8) -> Vec<(String, String)> {
    let key = |field: &str| format!("MENSHEN_WEBHOOKS__{name}__{field}");
    vec![(key("URL"), receiver.url()), (key("SECRET"), secret(seed))]
}

/// Kinds of the events of a member that [`change_member`] creates and deletes, in order.
const EXPECTED_KINDS: [&str; 7] = [
    "member.registered",
    "member.profile_changed",
    "member.phone_bound",
    "member.profile_changed",
    "member.banned",
    "member.unbanned",
    "member.erased",
];

/// Creates a member, makes every change of [`EXPECTED_KINDS`] alternately on both instances, and returns
/// the member's id.
async fn change_member(
    sandbox: &Sandbox,
    (one, other): (&Program, &Program),
    settings: &[(String, String)],
    nth: usize,
) -> String {
    let phone = format!("138{nth:08}");
    let user = sandbox.add_user(NewUser { phone: Some(phone), ..NewUser::default() });
    let user = user.unwrap().user;
    let code = || sandbox.login_code(&user, MAIN_APP).unwrap();
    let login = one.log_in(&code(), None).await;
    let token = login["token"].as_str().unwrap().to_owned();
    let member = login["memberId"].as_str().unwrap().to_owned();
    let rename = async |program: &Program, name: &str| {
        let change = json!({ "nickName": name });
        let answer = Answer::of(program.patch("/me", &change).bearer_auth(&token)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    rename(other, "canary in a name").await;
    let phone_code = json!({ "phoneCode": sandbox.phone_code(&user, MAIN_APP).unwrap() });
    let bound = Answer::of(one.put("/me/phone", &phone_code).bearer_auth(&token)).await;
    assert_eq!(bound.status, 200, "{}", bound.text);
    rename(other, "another canary").await;
    for command in ["ban", "unban"] {
        let mut command = menshen(&[command, &member], settings);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let login_after_unban = one.log_in(&code(), None).await;
    let erased = one.delete("/me").bearer_auth(login_after_unban["token"].as_str().unwrap());
    assert_eq!(Answer::of(erased).await.status, 200);
    member
}

/// Asserts that a request follows the Standard Webhooks specification and contains ids only.
fn assert_valid(request: &Request, secrets: &[String]) {
    assert!(request.path.starts_with("/hooks/"), "the redirect was followed: {}", request.path);
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(uuid::Uuid::parse_str(request.id()).unwrap().get_version_num(), 7);
    let sent_at = request.headers["webhook-timestamp"].parse::<u64>().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(sent_at) < 2 * TIMEOUT.as_secs(), "{sent_at}");
    for secret in secrets {
        assert!(request.is_signed_with(secret), "{request:?}");
    }
    assert!(!request.is_signed_with(&secret(99)));
    let (kind, member) = request.event();
    let timestamp = request.json()["timestamp"].clone();
    let expected = json!({ "type": kind, "timestamp": timestamp, "data": { "memberId": member } });
    assert_eq!(request.json(), expected, "the body contains other data");
}

#[tokio::test]
async fn unreliable_receiver_gets_every_event_signed_and_in_order() {
    let sandbox = unlimited_sandbox().await;
    let failures = [
        ResponseMode::Status(500),
        ResponseMode::Disconnect,
        ResponseMode::LoseResponse,
        ResponseMode::Redirect,
        ResponseMode::Hang,
        ResponseMode::Status(503),
        ResponseMode::TruncateBody,
        ResponseMode::Status(404),
        ResponseMode::LoseResponse,
        ResponseMode::Status(410),
    ];
    let crm = Receiver::start(&[&failures[..], &failures[..4], &failures[5..]].concat()).await;
    let bans = Receiver::start(&[]).await;
    let mut settings = [settings_of("CRM", &crm, 1), settings_of("BANS", &bans, 2)].concat();
    for (key, value) in [
        ("MENSHEN_WEBHOOKS__BANS__FORMER_SECRET", secret(3)),
        ("MENSHEN_WEBHOOKS__BANS__EVENTS", "member.banned, member.erased".to_owned()),
        ("MENSHEN_LOG__FILTER", "trace".to_owned()),
    ] {
        settings.push((key.to_owned(), value));
    }
    let one = Program::start_with(&sandbox, &borrowed(&settings)).await;
    let settings = [environment(one.database(), &sandbox), settings].concat();
    let other = Program::start_with(&sandbox, &borrowed(&settings)).await;

    let mut members = vec![];
    for nth in 0..3 {
        members.push(change_member(&sandbox, (&one, &other), &settings, nth).await);
    }
    let output_of_other = other.output();
    other.kill().await;
    for nth in 3..5 {
        members.push(change_member(&sandbox, (&one, &one), &settings, nth).await);
    }
    for member in &members {
        let is_complete = |crm: &Receiver| {
            let kinds = crm.kinds_of(member);
            assert!(
                EXPECTED_KINDS.iter().zip(&kinds).all(|(next, kind)| next == kind),
                "{kinds:?}"
            );
            kinds.len() == EXPECTED_KINDS.len()
        };
        crm.wait_until("all events of a member", is_complete).await;
        let has_ban = |bans: &Receiver| bans.kinds_of(member) == ["member.banned", "member.erased"];
        bans.wait_until("ban and deletion of a member", has_ban).await;
    }
    let deadline = Instant::now() + TIMEOUT;
    while one.query::<i64>("SELECT COUNT(*) FROM outbox").await > 0 {
        assert!(Instant::now() < deadline, "delivered events remain in the outbox");
    }

    let requests = crm.requests();
    assert!(
        requests.len() > members.len() * EXPECTED_KINDS.len() + failures.len(),
        "nothing was retried"
    );
    for request in &requests {
        assert_valid(request, &[secret(1)]);
    }
    for request in &bans.requests() {
        assert_valid(request, &[secret(2), secret(3)]);
        let same = requests.iter().find(|known| known.id() == request.id());
        assert_eq!(same.map(|known| &known.body), Some(&request.body), "one event, one message");
    }
    let page = Answer::of(one.get("/metrics")).await.text;
    let oldest = |name: &str| format!("oldest_undelivered_seconds{{receiver=\"{name}\"}} 0\n");
    for expected in [oldest("crm").as_str(), oldest("bans").as_str(), "outcome=\"failed\""] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
    let output = output_of_other + &one.output();
    assert!(output.contains("webhook delivery works again"), "{output}");
    for hidden in ["canary-in-the", "whsec_", &secret(1)[6..], &secret(2)[6..], &secret(3)[6..]] {
        assert!(!output.contains(hidden), "{hidden} is in the log");
    }
}

#[tokio::test]
async fn hanging_receiver_delays_no_other_receiver_and_no_other_member() {
    let sandbox = unlimited_sandbox().await;
    let down = Receiver::start(&[ResponseMode::Hang; 99]).await;
    let up = Receiver::start(&[]).await;
    let settings = [settings_of("DOWN", &down, 1), settings_of("UP", &up, 2)].concat();
    let program = Program::start_with(&sandbox, &borrowed(&settings)).await;
    let mut members = vec![];
    for _ in 0..3 {
        let code = sandbox.login_code(&new_user(&sandbox), MAIN_APP).unwrap();
        members.push(program.log_in(&code, None).await["memberId"].as_str().unwrap().to_owned());
    }
    for member in &members {
        up.wait_until("an event", |up| up.kinds_of(member) == ["member.registered"]).await;
        let was_attempted =
            |down: &Receiver| down.requests().iter().any(|request| request.event().1 == *member);
        down.wait_until("an attempt", was_attempted).await;
    }
    assert!(down.accepted().is_empty());
}

#[tokio::test]
async fn shutdown_waits_for_running_webhook_deliveries() {
    let sandbox = unlimited_sandbox().await;
    let crm = Receiver::start(&[ResponseMode::AcceptSlowly]).await;
    let settings = settings_of("CRM", &crm, 1);
    let program = Program::start_with(&sandbox, &borrowed(&settings)).await;
    let code = || sandbox.login_code(&new_user(&sandbox), MAIN_APP).unwrap();
    program.log_in(&code(), None).await;
    crm.wait_until("an event", |crm| !crm.requests().is_empty()).await;
    let (status, database) = program.terminate().await;
    assert!(status.success(), "{status}");
    let program = Program::start_on(database, &sandbox, &borrowed(&settings)).await;
    let stored: i64 = program.query("SELECT COUNT(*) FROM outbox").await;
    assert_eq!(stored, 0, "the event would be delivered again");
    assert_eq!(crm.requests().len(), 1);
}

#[tokio::test]
async fn event_older_than_max_age_is_abandoned_and_logged() {
    let sandbox = unlimited_sandbox().await;
    let crm = Receiver::start(&[ResponseMode::Status(500); 99]).await;
    let program = Program::start_with(&sandbox, &borrowed(&settings_of("CRM", &crm, 1))).await;
    let code = sandbox.login_code(&new_user(&sandbox), MAIN_APP).unwrap();
    let member = program.log_in(&code, None).await["memberId"].as_str().unwrap().to_owned();
    crm.wait_until("an attempt", |crm| !crm.requests().is_empty()).await;
    program.execute("UPDATE outbox SET at = at - 432000000").await;
    let deadline = Instant::now() + TIMEOUT;
    let abandoned = "menshen_webhook_attempts_total{receiver=\"crm\",outcome=\"abandoned\"} 1\n";
    while !Answer::of(program.get("/metrics")).await.text.contains(abandoned) {
        assert!(Instant::now() < deadline, "{}", program.output());
    }
    let output = program.output();
    let line = output.lines().find(|line| line.contains("webhook delivery abandoned: ")).unwrap();
    for expected in ["ERROR", "crm", "member.registered", &member, "HTTP status 500"] {
        assert!(line.contains(expected), "{expected} in {line}");
    }
    assert_eq!(program.query::<i64>("SELECT COUNT(*) FROM outbox").await, 0);
}

#[tokio::test]
async fn without_receivers_no_event_is_stored() {
    let sandbox = unlimited_sandbox().await;
    let program = Program::start(&sandbox).await;
    program.log_in(&sandbox.login_code("alice", MAIN_APP).unwrap(), None).await;
    assert_eq!(program.query::<i64>("SELECT COUNT(*) FROM outbox").await, 0);
    assert_eq!(program.query::<i64>("SELECT COUNT(*) FROM member").await, 1);
}
