//! The stand-in for WeChat: bare, so that the load is on the server and not on it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::http::{Answer, json, parameter, refused, serve, whole};
use crate::user;

/// Sixteen bytes in Base64, the same for everybody.
const SESSION_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";

pub(crate) async fn run(listen: SocketAddr, app_id: String) -> Result<()> {
    let app_id: Arc<str> = app_id.into();
    serve(listen, move |request| answer(Arc::clone(&app_id), request)).await
}

async fn answer(app_id: Arc<str>, request: Request<Incoming>) -> Result<Answer> {
    match request.uri().path() {
        "/sns/jscode2session" => {
            let user = parameter(request.uri().query(), "js_code").and_then(user::of_code);
            let openid = user::openid(user.context("js_code is none of the benchmark's")?);
            let body = format!(r#"{{"session_key":"{SESSION_KEY}","openid":"{openid}"}}"#);
            Ok(json(body))
        }
        "/cgi-bin/stable_token" | "/cgi-bin/token" => {
            Ok(json(r#"{"access_token":"a-token-that-is-always-good","expires_in":7200}"#))
        }
        "/wxa/business/getuserphonenumber" => {
            let body: Value = serde_json::from_slice(&whole(request.into_body()).await?)?;
            let user = body["code"].as_str().and_then(user::of_code);
            let number = user::phone(user.context("code is none of the benchmark's")?);
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
            let info = json!({
                "phoneNumber": number, "purePhoneNumber": number, "countryCode": "86",
                "watermark": { "timestamp": now, "appid": &*app_id },
            });
            let body = json!({ "errcode": 0, "errmsg": "ok", "phone_info": info });
            Ok(json(body.to_string()))
        }
        _ => Ok(refused(StatusCode::NOT_FOUND, "WeChat has no such path here")),
    }
}
