//! The floor: the unavoidable work of each request over bare hyper. It has no sessions, no bans, no
//! record, no limits and no envelope, so nobody could run it; nothing can be much faster either.

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
use crate::http::{Answer, json, parameter, refused, serve, whole};

/// As much as `GET /me` of the server answers.
const ME: &str = r#"{"code":200,"msg":"操作成功","data":{"memberId":"01900000-0000-7000-8000-000000000001","nickName":"bench","avatar":null,"gender":0,"phone":null,"createdAt":"2026-11-20T10:00:00Z"},"operationTime":"2026-11-20T10:00:00Z"}"#;

/// As much as an introspection answers.
const ACTIVE: &str = r#"{"active":true,"token_type":"Bearer","sub":"01900000-0000-7000-8000-000000000001","sid":"01900000-0000-7000-8000-000000000001","app":"main","iat":1750000000,"exp":1750007200,"jti":"01900000-0000-7000-8000-000000000001"}"#;

struct Floor {
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
    let (wechat, signer) = (wechat.to_owned(), token::Signer::new()?);
    let floor = Arc::new(Floor { database, wechat, client, signer });
    serve(listen, move |request| {
        let floor = Arc::clone(&floor);
        async move { floor.answer(request).await }
    })
    .await
}

impl Floor {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer> {
        match request.uri().path() {
            "/login" => self.log_in(request).await,
            "/token/refresh" => self.refresh(request).await,
            "/me" => Ok(self.read(&request)),
            "/oauth/introspect" => self.introspect(request).await,
            _ => Ok(refused(StatusCode::NOT_FOUND, "the floor has no such path")),
        }
    }

    /// One call to WeChat, or two or three with a phone code; one statement; one signature.
    async fn log_in(&self, request: Request<Incoming>) -> Result<Answer> {
        let body: Value = serde_json::from_slice(&whole(request.into_body()).await?)?;
        let code = body["code"].as_str().context("there is no code")?;
        let query = format!(
            "/sns/jscode2session?appid=a&secret=b&js_code={code}&grant_type=authorization_code"
        );
        let session = self.ask(Request::get(self.url(&query)).body(Full::default())?).await?;
        let openid = session["openid"].as_str().context("there is no openid")?;
        if let Some(code) = body["phoneCode"].as_str() {
            let url = self.url("/wxa/business/getuserphonenumber?access_token=a");
            let body = json!({ "code": code, "openid": openid }).to_string();
            let phone = self.ask(Request::post(url).body(body.into())?).await?;
            ensure!(phone["phone_info"].is_object(), "there is no phone number");
        }
        let member = statement::upsert(&self.database, openid).await?;
        self.tokens(member)
    }

    /// One statement, one signature.
    async fn refresh(&self, request: Request<Incoming>) -> Result<Answer> {
        let body: Value = serde_json::from_slice(&whole(request.into_body()).await?)?;
        let token = body["refreshToken"].as_str().context("there is no refreshToken")?;
        let member = Uuid::try_parse(token)?;
        ensure!(statement::advance(&self.database, member).await?, "there is no such member");
        self.tokens(member)
    }

    /// One verification.
    fn read(&self, request: &Request<Incoming>) -> Answer {
        let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|value| value.strip_prefix("Bearer "));
        if token.is_some_and(|token| self.signer.is_signed(token)) {
            json(ME)
        } else {
            refused(StatusCode::UNAUTHORIZED, "the token is not the floor's")
        }
    }

    /// One verification. Who asks is not checked.
    async fn introspect(&self, request: Request<Incoming>) -> Result<Answer> {
        let body = whole(request.into_body()).await?;
        let token = parameter(std::str::from_utf8(&body).ok(), "token");
        Ok(if token.is_some_and(|token| self.signer.is_signed(token)) {
            json(ACTIVE)
        } else {
            refused(StatusCode::UNAUTHORIZED, "the token is not the floor's")
        })
    }

    fn tokens(&self, member: Uuid) -> Result<Answer> {
        let token = self.signer.sign(member)?;
        Ok(json(format!(
            r#"{{"code":200,"msg":"操作成功","data":{{"token":"{token}","refreshToken":"{member}","expiresIn":7200,"nickName":"bench","memberId":"{member}","isNew":false}},"operationTime":"2026-11-20T10:00:00Z"}}"#
        )))
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Value> {
        let answer = self.client.request(request).await?;
        Ok(serde_json::from_slice(&whole(answer.into_body()).await?)?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.wechat)
    }
}
