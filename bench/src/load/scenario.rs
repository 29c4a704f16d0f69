//! Kinds of requests, and the clients that send them.

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

/// Number of sessions, over all connections, between which requests alternate.
const SESSIONS: u64 = 256;

/// A kind of request.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// `POST /login` of an unknown user.
    NewMember,
    /// `POST /login` of an unknown user with a phone code.
    NewMemberPhone,
    /// `POST /login` of an existing member.
    ReturningLogin,
    /// `POST /token/refresh`.
    Refresh,
    /// `GET /me`.
    Me,
    /// `POST /oauth/introspect` of an access token.
    TokenCheck,
}

/// Sender of the requests on one connection.
pub(super) struct LoadClient {
    scenario: Scenario,
    host: String,
    service_key: String,
    /// Number of the connection, from 0 to `connections` - 1.
    number: u64,
    connections: u64,
    members: u64,
    first_new: u64,
    /// Start time of the run, which makes its codes unique.
    run: u128,
    /// Number of requests so far.
    sent: u64,
    /// State of the random number generator.
    random: u64,
    sessions: Vec<Session>,
}

struct Session {
    token: String,
    refresh_token: String,
}

impl LoadClient {
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
            sent: 0,
            random: number + 1,
            sessions: vec![],
        })
    }

    /// Creates the sessions that the scenario needs.
    pub(super) async fn prepare(&mut self, connection: &mut Connection) -> Result<()> {
        let count = match self.scenario {
            Scenario::Refresh | Scenario::Me | Scenario::TokenCheck => {
                SESSIONS.div_ceil(self.connections)
            }
            Scenario::NewMember | Scenario::NewMemberPhone | Scenario::ReturningLogin => 0,
        };
        for _ in 0..count {
            self.sent += 1;
            let member = self.random_member();
            let login = self.login(member, false)?;
            let response = connection.send(login).await.context("a member cannot log in")?;
            self.sessions.push(Session::parse(&response)?);
        }
        Ok(())
    }

    /// Returns the next request.
    pub(super) fn request(&mut self) -> Result<Request<Full<Bytes>>> {
        self.sent += 1;
        match self.scenario {
            Scenario::NewMember => self.login(self.new_member(), false),
            Scenario::NewMemberPhone => self.login(self.new_member(), true),
            Scenario::ReturningLogin => {
                let member = self.random_member();
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

    /// Processes a response: a refreshed session has new tokens.
    pub(super) fn process(&mut self, response: &[u8]) -> Result<()> {
        if self.scenario == Scenario::Refresh {
            let index = self.session_index();
            let session = self.sessions.get_mut(index).context("the client has no session")?;
            *session = Session::parse(response)?;
        }
        Ok(())
    }

    fn login(&self, member: u64, with_phone: bool) -> Result<Request<Full<Bytes>>> {
        let nonce = format!("{}-{}-{}", self.run, self.number, self.sent);
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

    fn new_member(&self) -> u64 {
        self.first_new + self.number + self.sent * self.connections
    }

    /// Returns a random existing member (xorshift).
    fn random_member(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % self.members + 1
    }

    fn session(&self) -> Result<&Session> {
        self.sessions.get(self.session_index()).context("the client has no session")
    }

    /// Returns the index of the current request's session.
    fn session_index(&self) -> usize {
        usize::try_from(self.sent).unwrap_or_default() % self.sessions.len().max(1)
    }
}

impl Session {
    /// Reads the tokens from the response to a login or a refresh.
    fn parse(response: &[u8]) -> Result<Self> {
        let response: Value = serde_json::from_slice(response)?;
        let field = |name: &str| {
            let value = response["data"][name].as_str().map(str::to_owned);
            value.with_context(|| format!("the response has no {name}"))
        };
        Ok(Self { token: field("token")?, refresh_token: field("refreshToken")? })
    }
}
