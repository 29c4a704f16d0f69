//! WeChat stub. It is minimal, so that the server is measured and not the stub.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::http::{Reply, failure, json, parameter, read_body, serve};
use crate::user;

/// Session key of all users: 16 bytes in Base64.
const SESSION_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";

pub(crate) async fn run(listen: SocketAddr, app_id: String) -> Result<()> {
    let app_id: Arc<str> = app_id.into();
    serve(listen, move |request| handle(Arc::clone(&app_id), request)).await
}

async fn handle(app_id: Arc<str>, request: Request<Incoming>) -> Result<Reply> {
    match request.uri().path() {
        "/sns/jscode2session" => {
            let user = parameter(request.uri().query(), "js_code").and_then(user::from_code);
            let openid = user::openid(user.context("js_code is not a code of the benchmark")?);
            let body = format!(r#"{{"session_key":"{SESSION_KEY}","openid":"{openid}"}}"#);
            Ok(json(body))
        }
        "/cgi-bin/stable_token" | "/cgi-bin/token" => {
            Ok(json(r#"{"access_token":"a-token-that-is-always-valid","expires_in":7200}"#))
        }
        "/wxa/business/getuserphonenumber" => {
            let body: Value = serde_json::from_slice(&read_body(request.into_body()).await?)?;
            let user = body["code"].as_str().and_then(user::from_code);
            let number = user::phone(user.context("code is not a code of the benchmark")?);
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
            let info = json!({
                "phoneNumber": number, "purePhoneNumber": number, "countryCode": "86",
                "watermark": { "timestamp": now, "appid": &*app_id },
            });
            let body = json!({ "errcode": 0, "errmsg": "ok", "phone_info": info });
            Ok(json(body.to_string()))
        }
        _ => Ok(failure(StatusCode::NOT_FOUND, "the WeChat stub has no such path")),
    }
}
