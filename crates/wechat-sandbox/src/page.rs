//! `GET /`: a phone to play with for whoever opens it in a browser, and what is here for anybody else.

use salvo::http::{HeaderValue, header};
use salvo::prelude::{Depot, FlowCtrl, Handler, Request, Response, Router, Text, async_trait};

use crate::face::endpoint::ENDPOINTS;

const CONTROL: &str = "\
The control face, JSON (its README has the fields):

  GET POST PATCH   /_sandbox/users         people; alice and bob are there from the start
  GET POST PATCH   /_sandbox/apps          mini programs, and the Open Platform they are bound to
  POST             /_sandbox/codes/login   {\"user\":\"alice\"}: what wx.login would give
  POST             /_sandbox/codes/phone   {\"user\":\"alice\"}: what the phone button would give
  POST             /_sandbox/encrypt       {\"user\":\"alice\"}: encryptedData, iv, rawData, signature
  GET POST DELETE  /_sandbox/faults        what shall go wrong, and how often
  GET POST         /_sandbox/clock         {\"advance_seconds\":300}
  POST             /_sandbox/push          a message push to a server of this machine
  POST             /_sandbox/push/check    the check of its URL
  GET DELETE       /_sandbox/log           every call received, secrets included
  POST             /_sandbox/reset         as on the first start
";

const HTML: File = File("text/html", include_str!("../page/index.html"));
const SCRIPT: File = File("text/javascript", include_str!("../page/phone.js"));
const STYLE: File = File("text/css", include_str!("../page/page.css"));

/// The page's files beside its HTML, which are under `/_sandbox/page`.
pub(crate) fn files() -> Router {
    let at = |path: &str| Router::with_path(path);
    at("page").push(at("phone.js").get(SCRIPT)).push(at("page.css").get(STYLE))
}

/// Says what is here: to a browser by the page, to anybody else by a text.
pub(crate) struct Welcome;

#[async_trait]
impl Handler for Welcome {
    async fn handle(&self, req: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        res.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        if req.header::<&str>("accept").is_some_and(|accepted| accepted.contains(HTML.0)) {
            return HTML.render(res);
        }
        let paths: String = ENDPOINTS.iter().flat_map(|at| ["  ", at.path, "\n"]).collect();
        res.render(Text::Plain(format!(
            "An offline WeChat. Use it in place of https://api.weixin.qq.com:\n\n{paths}\n{CONTROL}\n\
             In a browser this is a phone to play with.\n"
        )));
    }
}

/// A file that is part of the program: its type, and what is in it.
#[derive(Clone, Copy)]
struct File(&'static str, &'static str);

impl File {
    fn render(self, res: &mut Response) {
        let content_type = HeaderValue::from_str(&format!("{}; charset=utf-8", self.0));
        res.headers_mut().extend(content_type.map(|value| (header::CONTENT_TYPE, value)));
        // The next version of the program has another one under the same name.
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
