//! The race of first logins, through the real program and a real database.

use std::collections::HashSet;

use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use wechat_sandbox::Sandbox;
use wechat_sandbox::config::{Config, MAIN_APP};

use crate::program::{Answer, Program};

const LOGINS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_first_logins_of_one_openid_make_one_member_and_a_thousand_good_answers() {
    let sandbox = Sandbox::start(Config { limits: false, ..Config::default() }).await.unwrap();
    let program = Program::start(&sandbox).await;
    let mut logins = JoinSet::new();
    for _ in 0..LOGINS {
        let body = json!({ "code": sandbox.login_code("alice", MAIN_APP).unwrap() });
        logins.spawn(Answer::of(program.post("/login", &body)));
    }
    let mut members = HashSet::new();
    let mut new = 0;
    for answer in logins.join_all().await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        members.insert(answer.body["data"]["memberId"].as_str().unwrap().to_owned());
        new += usize::from(answer.body["data"]["isNew"] == true);
    }
    assert_eq!((members.len(), new), (1, 1));
}
