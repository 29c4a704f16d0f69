//! Logins that are interrupted at each of their messages to and from the database.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;
use wechat_sandbox::config::MAIN_APP;

use super::ProxiedProgram;
use crate::harness::fault_proxy::Fault;
use crate::harness::{Answer, INCONSISTENT_ROWS, new_user};

testkit::on_every_server! {
    soak_login_is_complete_or_absent_after_a_fault_at_each_message
}

/// Maximum time until a login succeeds after the fault of one connection.
const RECOVERY_TIME: Duration = Duration::from_secs(15);

/// Minimum number of messages of a login. With fewer, the faults were not injected into the login.
const MIN_MESSAGES: usize = 10;

/// Maximum number of messages of a login, including its repetition.
const MAX_MESSAGES: usize = 200;

/// Sessions without their audit event, and members without theirs, or the other way round. The query returns
/// 0 for a consistent database.
const INCOMPLETE_LOGINS: &str = "SELECT ABS((SELECT COUNT(*) FROM session)
    - (SELECT COUNT(*) FROM audit_event WHERE kind IN ('registered', 'logged_in')))
    + ABS((SELECT COUNT(*) FROM member)
    - (SELECT COUNT(*) FROM audit_event WHERE kind = 'registered'))";

async fn soak_login_is_complete_or_absent_after_a_fault_at_each_message(database: FreshDatabase) {
    let kind = database.kind();
    let service = ProxiedProgram::start(database, &[]).await;
    // A swallowed message takes as long as the timeout of the statement.
    let faults = [Fault::Cut, Fault::Reset, Fault::Swallow];
    let faults = &faults[..iterations(2, 3)];
    let begun = Instant::now();
    let mut injected = 0;
    for fault in faults {
        injected += interrupt_logins(&service, *fault).await;
    }
    println!(
        "{kind:?}: {injected} logins interrupted, each at another message: complete or absent, {:.0?}",
        begun.elapsed()
    );
}

/// Injects the fault into the first, second, third … message of a login until the login succeeds without it.
/// Returns the number of faults.
async fn interrupt_logins(service: &ProxiedProgram, fault: Fault) -> usize {
    let ProxiedProgram { program, proxy, sandbox } = service;
    for forwarded in 0..MAX_MESSAGES {
        let user = new_user(sandbox);
        let log_in = async || {
            let code = sandbox.login_code(&user, MAIN_APP).unwrap();
            Answer::of(program.post("/login", &json!({ "code": code }))).await
        };
        proxy.fault_after(forwarded, fault);
        let answer = log_in().await;
        let is_untouched = proxy.disarm();
        let interrupted = Instant::now();
        let mut member = None;
        if answer.status == StatusCode::OK {
            member = Some(answer.body["data"]["memberId"].clone());
        } else {
            let retry_after = answer.headers.contains_key("retry-after");
            let context = format!("{fault:?} after {forwarded} messages: {}", answer.text);
            assert_eq!(
                (answer.status, retry_after),
                (StatusCode::SERVICE_UNAVAILABLE, true),
                "{context}"
            );
        }
        let again = loop {
            let again = log_in().await;
            if again.status == StatusCode::OK {
                break again.body["data"].clone();
            }
            assert_eq!(again.status, StatusCode::SERVICE_UNAVAILABLE, "{}", again.text);
            let elapsed = interrupted.elapsed();
            assert!(elapsed < RECOVERY_TIME, "{fault:?} after {forwarded} messages: {elapsed:?}");
        };
        if let Some(member) = member {
            assert_eq!((&again["memberId"], &again["isNew"]), (&member, &Value::Bool(false)));
        }
        assert_eq!(program.query::<i64>(INCONSISTENT_ROWS).await, 0, "{fault:?} after {forwarded}");
        assert_eq!(program.query::<i64>(INCOMPLETE_LOGINS).await, 0, "{fault:?} after {forwarded}");
        if is_untouched && answer.status == StatusCode::OK {
            assert!(forwarded > MIN_MESSAGES, "a login has only {forwarded} messages");
            return forwarded;
        }
    }
    panic!("a login has more than {MAX_MESSAGES} messages");
}
