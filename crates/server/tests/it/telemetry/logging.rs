//! Logging while standard output is not read.

use wechat_sandbox::Sandbox;
use wechat_sandbox::config::Config;

use crate::harness::{Answer, Program};
use crate::telemetry::metrics::{metrics, value};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::await_holding_lock, reason = "the reader of the output waits for the lock")]
async fn requests_and_shutdown_go_on_while_log_lines_are_dropped() {
    const DROPPED: &str = "menshen_log_lines_dropped_total";
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let program = Program::start_with(&sandbox, &[("MENSHEN_LOG__FILTER", "trace")]).await;
    {
        let _stalled = program.stall_output();
        let mut dropped = 0.0;
        for round in 0.. {
            for _ in 0..100 {
                assert_eq!(Answer::of(program.get("/nothing")).await.status, 404);
            }
            dropped = value(&metrics(&program).await, DROPPED).unwrap();
            if dropped > 0.0 {
                break;
            }
            assert!(round < 100, "no line was dropped");
        }
        assert!(dropped > 0.0);
    }
    let (status, _database) = program.terminate().await;
    assert!(status.success(), "{status}");
}
