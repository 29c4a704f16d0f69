//! Access token: shared fetches, renewal and rejection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::upstream::{Gate, Upstream};
use super::*;

/// Redeems the phone codes `code0`, `code1`, … concurrently.
async fn redeem_phones(app: &App, count: usize) -> Vec<Result<PhoneNumber, ProviderError>> {
    let mut calls = JoinSet::new();
    for index in 0..count {
        let program = Arc::clone(&app.program);
        let code = PhoneCode::parse(&format!("code{index}")).unwrap();
        calls.spawn(async move { program.redeem_phone_code(&owner(), &code).await });
    }
    calls.join_all().await
}

#[tokio::test]
async fn access_token_is_requested_without_forced_refresh() {
    let upstream = Upstream::start(success).await;
    App::at(upstream.url()).phone("phonecode").await.unwrap();
    let [request, _] = upstream.requests().try_into().unwrap();
    assert!(request.head.starts_with(&format!("POST {TOKEN} HTTP/1.1\r\n")), "{}", request.head);
    let expected = json!({
        "grant_type": "client_credential", "appid": APP_ID, "secret": SECRET, "force_refresh": false,
    });
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn concurrent_calls_share_one_access_token_fetch() {
    let gate = Gate::closed();
    let reply_gate = gate.clone();
    // The fetch is refused, so that no thousand connections for phone codes follow.
    let upstream = Upstream::start(move |_| reply_gate.behind(body(refusal(40164)))).await;
    let app = App::at(upstream.url());
    let (outcomes, ()) = tokio::join!(redeem_phones(&app, 1000), async {
        upstream.reached(TOKEN, 1).await;
        gate.open();
    });
    assert_eq!(outcomes.len(), 1000);
    for outcome in outcomes {
        assert_eq!(failure(outcome), ProviderFailure::Misconfigured);
    }
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn access_token_is_reused() {
    let upstream = Upstream::start(success).await;
    let app = App::at(upstream.url());
    assert!(redeem_phones(&app, 100).await.iter().all(Result::is_ok));
    assert_eq!((upstream.count(TOKEN), upstream.count(PHONE)), (1, 100));
}

#[tokio::test]
async fn cancelled_caller_does_not_stop_the_fetch() {
    let gate = Gate::closed();
    let reply_gate = gate.clone();
    let upstream = Upstream::start(move |request| match request.path() {
        TOKEN => reply_gate.behind(success(request)),
        _ => success(request),
    })
    .await;
    let app = App::at(upstream.url());
    let caller = app.spawn_phone("phonecode");
    upstream.reached(TOKEN, 1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    gate.open();
    assert!(app.phone("phonecode").await.is_ok());
    assert_eq!(upstream.count(TOKEN), 1);
}

#[tokio::test]
async fn fetch_aborted_with_its_runtime_is_restarted() {
    let replies = [Reply::Unfinished(Vec::new()), body(token("71_token"))];
    let ok = body(phone_info(FixedClock::default().now()));
    let upstream = Upstream::script(replies.into_iter().chain([ok])).await;
    let app = App::at(upstream.url());
    let program = Arc::clone(&app.program);
    let (gone, done) = tokio::sync::oneshot::channel::<()>();
    let elsewhere = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let owner = owner();
        let code = PhoneCode::parse("phonecode").unwrap();
        runtime.block_on(async {
            tokio::select! {
                outcome = program.redeem_phone_code(&owner, &code) => panic!("{outcome:?}"),
                _ = done => {}
            }
        });
    });
    upstream.reached(TOKEN, 1).await;
    drop(gone);
    elsewhere.join().unwrap();
    assert!(app.phone("phonecode").await.is_ok());
}

#[tokio::test]
async fn stale_token_is_fetched_once_and_each_call_retried_once() {
    // All fifty calls are sent with the old token before the first of them is rejected.
    let barrier = Arc::new(Barrier::new(50));
    let fetched = AtomicUsize::new(0);
    let upstream = Upstream::start(move |request| match request.path() {
        TOKEN => {
            let number = fetched.fetch_add(1, Ordering::SeqCst);
            body(token(&format!("71_{number}")))
        }
        _ if request.param("access_token").as_deref() == Some("71_0") => {
            Reply::Together(Arc::clone(&barrier), Box::new(body(refusal(40001))))
        }
        _ => success(request),
    })
    .await;
    let app = App::at(upstream.url());
    assert!(redeem_phones(&app, 50).await.iter().all(Result::is_ok));
    assert_eq!((upstream.count(TOKEN), upstream.count(PHONE)), (2, 100));
    for index in 0..50 {
        let code = format!("code{index}");
        let sent = upstream.requests().iter().filter(|request| request.code() == code).count();
        assert_eq!(sent, 2, "{code}");
    }
}

#[tokio::test]
async fn late_rejection_of_the_old_token_keeps_the_new_one() {
    let gate = Gate::closed();
    let fetched = AtomicUsize::new(0);
    let reply_gate = gate.clone();
    let upstream = Upstream::start(move |request| match request.path() {
        TOKEN => {
            let number = fetched.fetch_add(1, Ordering::SeqCst);
            body(token(&format!("71_{number}")))
        }
        _ if request.param("access_token").as_deref() != Some("71_0") => success(request),
        _ if request.code() == "slow" => reply_gate.behind(body(refusal(42001))),
        _ => body(refusal(42001)),
    })
    .await;
    let app = App::at(upstream.url());
    let slow = app.spawn_phone("slow");
    upstream.reached(PHONE, 1).await;
    app.phone("quick").await.unwrap();
    assert_eq!(upstream.count(TOKEN), 2);
    gate.open();
    slow.await.unwrap().unwrap();
    assert_eq!(upstream.count(TOKEN), 2, "the new token was never rejected");
}

#[tokio::test]
async fn access_token_is_renewed_in_the_background() {
    let clock = Arc::new(FixedClock::default());
    let gate = Gate::closed();
    let time = Arc::clone(&clock);
    let reply_gate = gate.clone();
    let fetched = AtomicUsize::new(0);
    let upstream = Upstream::start(move |request| match request.path() {
        TOKEN if fetched.fetch_add(1, Ordering::SeqCst) == 0 => body(token("71_old")),
        TOKEN => reply_gate.behind(body(token("71_new"))),
        _ => body(phone_info(time.now())),
    })
    .await;
    let http = WechatHttpConfig { base_url: upstream.url(), ..Default::default() };
    let app = App::over(&http, app(), Arc::clone(&clock));
    let used =
        || upstream.requests().iter().rev().find_map(|request| request.param("access_token"));

    app.phone("first").await.unwrap();
    clock.advance(Duration::from_secs(6899));
    app.phone("before").await.unwrap();
    assert_eq!(upstream.count(TOKEN), 1, "more than five minutes are left");

    clock.advance(Duration::from_secs(1));
    for code in ["within", "again"] {
        app.phone(code).await.unwrap();
        assert_eq!(used().as_deref(), Some("71_old"), "{code}");
    }
    upstream.reached(TOKEN, 2).await;
    gate.open();
    while used().as_deref() == Some("71_old") {
        app.phone("then").await.unwrap();
    }
    assert_eq!(used().as_deref(), Some("71_new"));
    assert_eq!(upstream.count(TOKEN), 2);
}

#[tokio::test]
async fn failed_renewal_keeps_the_valid_token() {
    let fetched = AtomicUsize::new(0);
    let upstream = Upstream::start(move |request| match request.path() {
        TOKEN if fetched.fetch_add(1, Ordering::SeqCst) > 0 => body(refusal(40164)),
        TOKEN => body(json!({ "access_token": "71_old", "expires_in": 310 })),
        _ => success(request),
    })
    .await;
    let app = App::at(upstream.url());
    app.phone("first").await.unwrap();
    app.clock.advance(Duration::from_secs(200));
    app.phone("second").await.unwrap();
    upstream.reached(TOKEN, 2).await;
    for _ in 0..10 {
        app.phone("third").await.unwrap();
    }
    assert_eq!(upstream.count(TOKEN), 2, "no fetch for a second after a failure");
    app.clock.advance(Duration::from_secs(110));
    assert_eq!(
        failure(app.phone("late").await),
        ProviderFailure::Misconfigured,
        "the token has expired"
    );
}

#[tokio::test]
async fn failed_fetch_is_not_repeated_within_a_second() {
    let upstream = Upstream::always(|| body(refusal(40125))).await;
    let app = App::at(upstream.url());
    for _ in 0..10 {
        assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
    }
    assert_eq!(upstream.count(TOKEN), 1);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.count(TOKEN), 2);
    app.clock.set(FixedClock::default().now());
    assert_eq!(failure(app.phone("phonecode").await), ProviderFailure::Misconfigured);
    assert_eq!(upstream.count(TOKEN), 3, "a clock set back does not prolong the outage");
}

#[tokio::test]
async fn access_token_with_zero_lifetime_is_used() {
    let upstream = Upstream::start(|request| match request.path() {
        TOKEN => body(json!({ "access_token": "71_token", "expires_in": 0 })),
        _ => success(request),
    })
    .await;
    let app = App::at(upstream.url());
    for _ in 0..10 {
        app.phone("phonecode").await.unwrap();
    }
    assert_eq!(upstream.count(TOKEN), 1);
}

#[tokio::test]
async fn hanging_token_endpoint_times_out() {
    let upstream = Upstream::always(|| Reply::Unfinished(Vec::new())).await;
    let app = App::at(upstream.url());
    let started = Instant::now();
    assert!(redeem_phones(&app, 20).await.iter().all(is_unavailable));
    assert!(started.elapsed() < Duration::from_millis(1500) + SLACK, "{:?}", started.elapsed());
    assert_eq!(upstream.requests().len(), 1);
}
