//! The kinds of requests, and who sends them.

use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::ValueEnum;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde_json::Value;

use super::Options;
use super::connection::Connection;
use crate::user;

/// How many sessions take turns, over all connections, where requests need one.
const SESSIONS: u64 = 256;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// `POST /login` by somebody unknown.
    NewMember,
    /// The same with a phone code.
    NewMemberPhone,
    /// `POST /login` by a member.
    ReturningLogin,
    /// `POST /token/refresh`.
    Refresh,
    /// `GET /me`.
    Me,
    /// `POST /oauth/introspect` of an access token.
    TokenCheck,
}

/// Who uses one connection.
pub(super) struct Visitor {
    scenario: Scenario,
    host: String,
    service_key: String,
    /// Which of how many connections.
    number: u64,
    connections: u64,
    members: u64,
    first_new: u64,
    /// What no other run has in its codes.
    run: u128,
    asked: u64,
    chance: u64,
    sessions: Vec<Session>,
}

struct Session {
    token: String,
    refresh_token: String,
}

impl Visitor {
    pub(super) fn new(options: &Options, number: u64) -> Result<Self> {
        let run = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
        Ok(Self {
            scenario: options.scenario,
            host: options.address.clone(),
            service_key: options.service_key.clone(),
            number,
            connections: options.connections,
            members: options.members,
            first_new: options.first_new,
            run,
            asked: 0,
            chance: number + 1,
            sessions: vec![],
        })
    }

    /// Logs in as often as there are to be sessions.
    pub(super) async fn prepare(&mut self, connection: &mut Connection) -> Result<()> {
        let count = match self.scenario {
            Scenario::Refresh | Scenario::Me | Scenario::TokenCheck => {
                SESSIONS.div_ceil(self.connections)
            }
            Scenario::NewMember | Scenario::NewMemberPhone | Scenario::ReturningLogin => 0,
        };
        for _ in 0..count {
            self.asked += 1;
            let member = self.some_member();
            let login = self.login(member, false)?;
            let answer = connection.ask(login).await.context("a member cannot log in")?;
            self.sessions.push(Session::parse(&answer)?);
        }
        Ok(())
    }

    /// What to ask next.
    pub(super) fn request(&mut self) -> Result<Request<Full<Bytes>>> {
        self.asked += 1;
        match self.scenario {
            Scenario::NewMember => self.login(self.somebody_new(), false),
            Scenario::NewMemberPhone => self.login(self.somebody_new(), true),
            Scenario::ReturningLogin => {
                let member = self.some_member();
                self.login(member, false)
            }
            Scenario::Refresh => {
                let token = &self.session()?.refresh_token;
                self.post_json("/token/refresh", format!(r#"{{"refreshToken":"{token}"}}"#))
            }
            Scenario::Me => {
                let bearer = format!("Bearer {}", self.session()?.token);
                let request = Request::get("/me").header(HOST, &self.host);
                Ok(request.header(AUTHORIZATION, bearer).body(Full::default())?)
            }
            Scenario::TokenCheck => {
                let body = format!("token={}", self.session()?.token);
                let request = Request::post("/oauth/introspect")
                    .header(HOST, &self.host)
                    .header(AUTHORIZATION, format!("Bearer {}", self.service_key))
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                Ok(request.body(body.into())?)
            }
        }
    }

    /// Takes note of an answer: a refreshed session has other tokens.
    pub(super) fn answered(&mut self, answer: &[u8]) -> Result<()> {
        if self.scenario == Scenario::Refresh {
            let turn = self.turn();
            let session = self.sessions.get_mut(turn).context("there is no session")?;
            *session = Session::parse(answer)?;
        }
        Ok(())
    }

    fn login(&self, member: u64, with_phone: bool) -> Result<Request<Full<Bytes>>> {
        let nonce = format!("{}-{}-{}", self.run, self.number, self.asked);
        let code = user::code(member, &nonce);
        let body = if with_phone {
            format!(r#"{{"code":"{code}","phoneCode":"{code}"}}"#)
        } else {
            format!(r#"{{"code":"{code}"}}"#)
        };
        self.post_json("/login", body)
    }

    fn post_json(&self, path: &str, body: String) -> Result<Request<Full<Bytes>>> {
        let request = Request::post(path).header(HOST, &self.host);
        Ok(request.header(CONTENT_TYPE, "application/json").body(body.into())?)
    }

    fn somebody_new(&self) -> u64 {
        self.first_new + self.number + self.asked * self.connections
    }

    /// One of the members, by chance: xorshift.
    fn some_member(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % self.members + 1
    }

    fn session(&self) -> Result<&Session> {
        self.sessions.get(self.turn()).context("there is no session")
    }

    /// Whose turn it is.
    fn turn(&self) -> usize {
        usize::try_from(self.asked).unwrap_or_default() % self.sessions.len().max(1)
    }
}

impl Session {
    fn parse(answer: &[u8]) -> Result<Self> {
        let answer: Value = serde_json::from_slice(answer)?;
        let field = |name: &str| {
            let value = answer["data"][name].as_str().map(str::to_owned);
            value.with_context(|| format!("the answer has no {name}"))
        };
        Ok(Self { token: field("token")?, refresh_token: field("refreshToken")? })
    }
}
