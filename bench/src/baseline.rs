//! Baseline server: only the unavoidable work of each request, over bare hyper.
//!
//! It has no sessions, bans, audit log, limits or envelope. It cannot be used in production, but
//! shows the maximum throughput of the machine.

pub(crate) mod statement;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::database::Database;
use crate::http::{Reply, failure, json, parameter, read_body, serve};

/// Response of the same size as the server's to `GET /me`.
const ME: &str = r#"{"code":200,"msg":"操作成功","data":{"memberId":"01900000-0000-7000-8000-000000000001","nickName":"bench","avatar":null,"gender":0,"phone":null,"createdAt":"2026-11-20T10:00:00Z"},"operationTime":"2026-11-20T10:00:00Z"}"#;

/// Response of the same size as the server's to an introspection.
const ACTIVE: &str = r#"{"active":true,"token_type":"Bearer","sub":"01900000-0000-7000-8000-000000000001","sid":"01900000-0000-7000-8000-000000000001","app":"main","iat":1750000000,"exp":1750007200,"jti":"01900000-0000-7000-8000-000000000001"}"#;

struct Baseline {
    database: Database,
    wechat: String,
    client: Client<HttpConnector, Full<Bytes>>,
    signer: token::Signer,
}

pub(crate) async fn run(listen: SocketAddr, database: &str, wechat: &str) -> Result<()> {
    let database = Database::open(database).await?;
    statement::prepare(&database).await?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let signer = token::Signer::new()?;
    let baseline = Arc::new(Baseline { database, wechat: wechat.to_owned(), client, signer });
    serve(listen, move |request| {
        let baseline = Arc::clone(&baseline);
        async move { baseline.handle(request).await }
    })
    .await
}

impl Baseline {
    async fn handle(&self, request: Request<Incoming>) -> Result<Reply> {
        match request.uri().path() {
            "/login" => self.log_in(request).await,
            "/token/refresh" => self.refresh(request).await,
            "/me" => Ok(self.read(&request)),
            "/oauth/introspect" => self.introspect(request).await,
            _ => Ok(failure(StatusCode::NOT_FOUND, "the baseline has no such path")),
        }
    }

    /// Calls WeChat once, or twice with a phone code; executes one statement; signs one token.
    async fn log_in(&self, request: Request<Incoming>) -> Result<Reply> {
        let body: Value = serde_json::from_slice(&read_body(request.into_body()).await?)?;
        let code = body["code"].as_str().context("the request has no code")?;
        let query = format!(
            "/sns/jscode2session?appid=a&secret=b&js_code={code}&grant_type=authorization_code"
        );
        let session = self.call(Request::get(self.url(&query)).body(Full::default())?).await?;
        let openid = session["openid"].as_str().context("the response has no openid")?;
        if let Some(code) = body["phoneCode"].as_str() {
            let url = self.url("/wxa/business/getuserphonenumber?access_token=a");
            let body = json!({ "code": code, "openid": openid }).to_string();
            let phone = self.call(Request::post(url).body(body.into())?).await?;
            ensure!(phone["phone_info"].is_object(), "the response has no phone number");
        }
        let member = statement::upsert(&self.database, openid).await?;
        self.tokens(member)
    }

    /// Executes one statement; signs one token.
    async fn refresh(&self, request: Request<Incoming>) -> Result<Reply> {
        let body: Value = serde_json::from_slice(&read_body(request.into_body()).await?)?;
        let token = body["refreshToken"].as_str().context("the request has no refreshToken")?;
        let member = Uuid::try_parse(token)?;
        ensure!(statement::advance(&self.database, member).await?, "the member does not exist");
        self.tokens(member)
    }

    /// Verifies one token.
    fn read(&self, request: &Request<Incoming>) -> Reply {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        if token.is_some_and(|token| self.signer.is_signed(token)) {
            json(ME)
        } else {
            failure(StatusCode::UNAUTHORIZED, "the token is not signed by the baseline")
        }
    }

    /// Verifies one token. The caller is not authenticated.
    async fn introspect(&self, request: Request<Incoming>) -> Result<Reply> {
        let body = read_body(request.into_body()).await?;
        let token = parameter(std::str::from_utf8(&body).ok(), "token");
        Ok(if token.is_some_and(|token| self.signer.is_signed(token)) {
            json(ACTIVE)
        } else {
            failure(StatusCode::UNAUTHORIZED, "the token is not signed by the baseline")
        })
    }

    fn tokens(&self, member: Uuid) -> Result<Reply> {
        let token = self.signer.sign(member)?;
        Ok(json(format!(
            r#"{{"code":200,"msg":"操作成功","data":{{"token":"{token}","refreshToken":"{member}","expiresIn":7200,"nickName":"bench","memberId":"{member}","isNew":false}},"operationTime":"2026-11-20T10:00:00Z"}}"#
        )))
    }

    async fn call(&self, request: Request<Full<Bytes>>) -> Result<Value> {
        let response = self.client.request(request).await?;
        Ok(serde_json::from_slice(&read_body(response.into_body()).await?)?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.wechat)
    }
}
