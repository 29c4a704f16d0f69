//! What WeChat sends by itself.

use std::sync::Arc;

use domain::model::app::name::AppName;
use domain::ports::pushes::PushSignature;
use domain::use_cases::provider::receive_push::{ReceivePush, ReceivePushError};
use salvo::craft::craft;
use salvo::http::header::{CONTENT_TYPE, HeaderValue};
use salvo::oapi::{
    BasicType, Components, Content, EndpointOutRegister, Object, Operation, Response,
};
use salvo::writing::Writer;
use salvo::{Depot, Request, async_trait};

use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::{ECHOSTR, MESSAGE_SIGNATURE, NONCE, SIGNATURE, TIMESTAMP};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::RawBody;
use crate::request::path::Path;
use crate::request::query::Query;

/// Routes for WeChat's message push, whose credential is the signature in the query.
#[derive(Clone)]
pub struct PushApi {
    pub(crate) receive_push: Arc<ReceivePush>,
}

#[expect(clippy::unused_async, reason = "a handler is async, even one that only checks")]
#[craft]
impl PushApi {
    /// Answer WeChat's check of this address
    ///
    /// WeChat calls it when the address is entered in its console.
    #[craft(endpoint(operation_id = "checkPush", tags("wechat")))]
    pub(crate) async fn check(
        &self,
        app: Path<AppName>,
        query: Query<CheckRequest>,
    ) -> Result<Plain, ErrorResponse<ReceivePushError>> {
        self.receive_push.verify(&app.0, &query.0.signature)?;
        Ok(Plain(query.0.echostr))
    }

    /// Take a message of WeChat's
    ///
    /// In JSON or XML, encrypted where the app has a key. Answered `success` once it is kept; what users
    /// take back at WeChat (their phone number, name and picture, or the whole account) is erased within
    /// seconds afterwards. What it says else is ignored.
    #[craft(endpoint(operation_id = "receivePush", tags("wechat")))]
    pub(crate) async fn receive(
        &self,
        app: Path<AppName>,
        query: Query<PushRequest>,
        body: RawBody,
    ) -> Result<Plain, ErrorResponse<ReceivePushError>> {
        let receive = self.receive_push.clone();
        let work = async move { receive.run(&app.0, &query.0.0, &body.0).await };
        run_detached(work).await?;
        Ok(Plain("success".to_owned()))
    }
}

/// The signature of a message.
pub(crate) struct PushRequest(PushSignature);

impl FromForm for PushRequest {
    const NAME: &'static str = "PushRequest";
    const DESCRIPTION: &'static str = "The signature of a message.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (signature, timestamp) = (form.required(&SIGNATURE), form.required(&TIMESTAMP));
        let (nonce, message_signature) = (form.required(&NONCE), form.optional(&MESSAGE_SIGNATURE));
        let (signature, timestamp) = (signature?, timestamp?);
        Some(Self(PushSignature { signature, message_signature, timestamp, nonce: nonce? }))
    }
}

/// What is to be echoed, with its signature.
pub(crate) struct CheckRequest {
    signature: PushSignature,
    echostr: String,
}

impl FromForm for CheckRequest {
    const NAME: &'static str = "CheckRequest";
    const DESCRIPTION: &'static str = "What is to be echoed, with its signature.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (signature, echostr) = (PushRequest::from_form(form), form.required(&ECHOSTR));
        Some(Self { signature: signature?.0, echostr: echostr? })
    }
}

/// A bare text, as WeChat expects it.
pub(crate) struct Plain(String);

#[async_trait]
impl Writer for Plain {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        res.headers_mut().insert(CONTENT_TYPE, plain);
        res.body(self.0);
    }
}

impl EndpointOutRegister for Plain {
    fn register(_components: &mut Components, operation: &mut Operation) {
        let text = Content::new(Object::with_type(BasicType::String));
        let response = Response::new("What WeChat expects.").add_content("text/plain", text);
        operation.responses.insert("200", response);
    }
}
