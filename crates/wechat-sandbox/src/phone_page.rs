//! `GET /`: the virtual phone for browsers, a plain text overview for other clients.

use salvo::http::{HeaderValue, header};
use salvo::prelude::{Depot, FlowCtrl, Handler, Request, Response, Router, Text, async_trait};

use crate::wechat_api::endpoint::ENDPOINTS;

const CONTROL_API: &str = "\
Control API, JSON (the fields are in its README):

  GET POST PATCH   /_sandbox/users         users; alice and bob exist from the start
  GET POST PATCH   /_sandbox/apps          mini programs and their Open Platform accounts
  POST             /_sandbox/codes/login   {\"user\":\"alice\"}: the code that wx.login would return
  POST             /_sandbox/codes/phone   {\"user\":\"alice\"}: the code of the phone number button
  POST             /_sandbox/encrypt       {\"user\":\"alice\"}: encryptedData, iv, rawData, signature
  GET POST DELETE  /_sandbox/faults        fault injection
  GET POST         /_sandbox/clock         {\"advance_seconds\":300}
  POST             /_sandbox/push          sends a message push to a server on this machine
  POST             /_sandbox/push/check    checks the URL of a push receiver
  GET DELETE       /_sandbox/log           all calls received, including secrets
  POST             /_sandbox/reset         restores the first start
";

const HTML: File = File("text/html", include_str!("../page/index.html"));
const SCRIPT: File = File("text/javascript", include_str!("../page/phone.js"));
const STYLE: File = File("text/css", include_str!("../page/page.css"));

/// Routes of the page's script and style sheet, under `/_sandbox/page`.
pub(crate) fn files() -> Router {
    let at = |path: &str| Router::with_path(path);
    at("page").push(at("phone.js").get(SCRIPT)).push(at("page.css").get(STYLE))
}

/// Handler of `/`: the page for clients that accept HTML, otherwise the overview.
pub(crate) struct PhonePage;

#[async_trait]
impl Handler for PhonePage {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        res.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        if req.header::<&str>("accept").is_some_and(|accept| accept.contains(HTML.0)) {
            return HTML.render(res);
        }
        let paths: String =
            ENDPOINTS.iter().flat_map(|endpoint| ["  ", endpoint.path, "\n"]).collect();
        res.render(Text::Plain(format!(
            "WeChat sandbox. Use it in place of https://api.weixin.qq.com:\n\n{paths}\n\
             {CONTROL_API}\n\
             Open this address in a browser for the virtual phone.\n"
        )));
    }
}

/// File embedded in the program: content type and content.
#[derive(Clone, Copy)]
struct File(&'static str, &'static str);

impl File {
    fn render(self, res: &mut Response) {
        let content_type = HeaderValue::from_str(&format!("{}; charset=utf-8", self.0));
        res.headers_mut().extend(content_type.map(|value| (header::CONTENT_TYPE, value)));
        // The file names carry no version, so a browser must not reuse the file of another version.
        res.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        res.body(self.1);
    }
}

#[async_trait]
impl Handler for File {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        self.render(res);
    }
}
