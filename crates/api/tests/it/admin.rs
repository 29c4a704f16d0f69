//! Administration API and console.

mod admins;
mod apps;
mod console;
mod service_status;

use std::time::Duration;

use domain::model::admin::Role;
use serde_json::Value;

use crate::call::{Answer, Call};
use crate::harness::TestApp;

/// A signed-in administrator.
struct AdminFixture<'a> {
    app: &'a TestApp,
    cookie: String,
}

impl<'a> AdminFixture<'a> {
    /// Creates an administrator with this role and signs in.
    async fn new(role: Role, app: &'a TestApp) -> Self {
        let cookie = app.admin(role.name(), role).await;
        Self { app, cookie }
    }

    /// Sends a request one millisecond after the previous one, so that audit events have distinct times.
    async fn send(&self, call: Call) -> Answer {
        self.app.clock.advance(Duration::from_millis(1));
        let call = call.header("cookie", &self.cookie).header("x-requested-with", "fetch");
        let answer = call.send(self.app).await;
        assert!(!answer.body.contains("canary"), "{}", answer.body);
        answer
    }

    /// Sends a request that succeeds, and returns its data.
    async fn data(&self, call: Call) -> Value {
        let answer = self.send(call).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"].clone()
    }
}
