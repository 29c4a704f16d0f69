//! Errcodes of the table, injected into the sandbox for every endpoint.

use adapters::wechat::endpoint::Endpoint;
use adapters::wechat::errcode::{Class, Row, TABLE};
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};
use wechat_sandbox::fault::Fault;

use super::*;

/// Failure of an operation whose calls to `endpoint` always return `errcode`, and the number of these calls.
async fn inject(sandbox: &Sandbox, endpoint: Endpoint, errcode: i64) -> (ProviderFailure, usize) {
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
async fn every_errcode_maps_to_its_failure_on_every_endpoint() {
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
            let outcome = inject(&sandbox, endpoint, row.code()).await;
            assert_eq!(outcome, (class.failure(now), repeats), "{} {endpoint:?}", row.code());
        }
    }
}

#[tokio::test]
async fn unknown_errcode_is_an_outage_on_every_endpoint() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    for endpoint in Endpoint::ALL {
        for errcode in [1, 9_999_999, -2, i64::MAX, i64::MIN] {
            assert!(Row::find(errcode).is_none());
            let (failure, calls) = inject(&sandbox, endpoint, errcode).await;
            let down = matches!(failure, ProviderFailure::Unavailable { .. });
            assert!(down && calls == 1, "{errcode} {endpoint:?}: {failure:?} after {calls} calls");
        }
    }
}

/// Repeats some failures by hand, so that an error in the table does not go unnoticed.
#[tokio::test]
async fn common_errcodes_map_to_expected_failures() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    // The clock is at ten o'clock and 123 milliseconds: the next full minute is a minute away.
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
        assert_eq!(inject(&sandbox, Endpoint::CodeToSession, errcode).await.0, login, "{errcode}");
        assert_eq!(inject(&sandbox, Endpoint::PhoneNumber, errcode).await.0, phone, "{errcode}");
    }
    let (token, _) = inject(&sandbox, Endpoint::StableToken, 40001).await;
    assert_eq!(token, ProviderFailure::Misconfigured);
}
