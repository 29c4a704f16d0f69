//! `GET /`: what is here, for whoever opens it in a browser.

use salvo::prelude::{Depot, FlowCtrl, Handler, Request, Response, Text, async_trait};

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

/// Says what is here.
pub(crate) struct Welcome;

#[async_trait]
impl Handler for Welcome {
    async fn handle(&self, _: &mut Request, _: &mut Depot, res: &mut Response, _: &mut FlowCtrl) {
        let paths: String = ENDPOINTS.iter().flat_map(|at| ["  ", at.path, "\n"]).collect();
        res.render(Text::Plain(format!(
            "An offline WeChat. Use it in place of https://api.weixin.qq.com:\n\n{paths}\n{CONTROL}"
        )));
    }
}
