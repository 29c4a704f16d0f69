//! Every errcode of the table, forced from the offline WeChat, at every call.

use adapters::wechat::endpoint::Endpoint;
use adapters::wechat::errcode::{Class, Row, TABLE};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::fault::Fault;

use super::*;

/// What a call meets that is always answered with `errcode`, and how often it reached WeChat.
async fn forced(sandbox: &Sandbox, endpoint: Endpoint, errcode: i64) -> (ProviderFailure, usize) {
    assert_eq!(APP_ID, MAIN_APP);
    sandbox.clear_faults();
    sandbox.clear_log();
    let path = endpoint.path();
    sandbox.inject_fault(Fault { errcode: Some(errcode), times: 9, ..Fault::at(path) }).unwrap();
    let app = App::at(sandbox.base_url());
    let failure = match endpoint {
        Endpoint::CodeToSession => failure(app.login("code").await),
        Endpoint::PhoneNumber | Endpoint::StableToken => failure(app.phone("phonecode").await),
        Endpoint::CheckSession => {
            let current = app.program.is_current(&owner(), &session_key()).await;
            current.map_or_else(|error| error.failure, |_no| ProviderFailure::CodeInvalid)
        }
        Endpoint::ResetSession => {
            let fresh = app.program.rotate(&owner(), &session_key()).await;
            fresh.map_or_else(|error| error.failure, |_none| ProviderFailure::CodeInvalid)
        }
    };
    (failure, sandbox.log(Some(path)).len())
}

#[tokio::test]
async fn every_errcode_leads_to_its_failure_at_every_call() {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let now = FixedClock::default().now();
    for row in TABLE {
        for endpoint in Endpoint::ALL {
            let class = row.class(endpoint);
            let repeats = match (class, endpoint) {
                (Class::Busy, Endpoint::StableToken) => 1,
                (Class::Busy | Class::StaleToken, _) => 2,
                _ => 1,
            };
            let outcome = forced(&sandbox, endpoint, row.code()).await;
            assert_eq!(outcome, (class.failure(now), repeats), "{} {endpoint:?}", row.code());
        }
    }
}

#[tokio::test]
async fn an_errcode_that_nobody_knows_is_an_outage() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    for endpoint in Endpoint::ALL {
        for errcode in [1, 9_999_999, -2, i64::MAX, i64::MIN] {
            assert!(Row::find(errcode).is_none());
            let (failure, calls) = forced(&sandbox, endpoint, errcode).await;
            let down = matches!(failure, ProviderFailure::Unavailable { .. });
            assert!(down && calls == 1, "{errcode} {endpoint:?}: {failure:?} after {calls} calls");
        }
    }
}

/// A few by hand, so that the table and this test cannot be wrong together.
#[tokio::test]
async fn the_errcodes_that_matter_most_lead_where_users_expect() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    // Ten o'clock and 123 milliseconds: the next full minute is a minute away.
    let throttled = ProviderFailure::Throttled { retry_after: Duration::from_mins(1) };
    for (errcode, login, phone) in [
        (40029, ProviderFailure::CodeInvalid, ProviderFailure::CodeInvalid),
        (40003, ProviderFailure::Misconfigured, ProviderFailure::CodeInvalid),
        (40163, ProviderFailure::CodeUsed, ProviderFailure::CodeUsed),
        (40226, ProviderFailure::UserBlocked, ProviderFailure::UserBlocked),
        (45011, throttled, throttled),
        (45009, ProviderFailure::Misconfigured, ProviderFailure::Misconfigured),
        (40013, ProviderFailure::Misconfigured, ProviderFailure::Misconfigured),
        (40125, ProviderFailure::Misconfigured, ProviderFailure::Misconfigured),
        (87014, ProviderFailure::Refused, ProviderFailure::Refused),
    ] {
        assert_eq!(forced(&sandbox, Endpoint::CodeToSession, errcode).await.0, login, "{errcode}");
        assert_eq!(forced(&sandbox, Endpoint::PhoneNumber, errcode).await.0, phone, "{errcode}");
    }
    let (token, _) = forced(&sandbox, Endpoint::StableToken, 40001).await;
    assert_eq!(token, ProviderFailure::Misconfigured);
}
