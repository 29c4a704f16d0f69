//! Routes for WeChat's message push.

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
use crate::request::body::RawBody;
use crate::request::fields::{ECHOSTR, MESSAGE_SIGNATURE, NONCE, SIGNATURE, TIMESTAMP};
use crate::request::form::{Form, FromForm};
use crate::request::path::Path;
use crate::request::query::Query;

/// Handlers of WeChat's message push. The signature in the query authenticates WeChat.
#[derive(Clone)]
pub struct PushApi {
    pub(crate) receive_push: Arc<ReceivePush>,
}

#[expect(clippy::unused_async, reason = "handlers are async, and this one awaits nothing")]
#[craft]
impl PushApi {
    /// Verify the message push URL
    ///
    /// WeChat calls it when the URL is entered in its console.
    #[craft(endpoint(operation_id = "checkPush", tags("wechat")))]
    pub(crate) async fn check(
        &self,
        app: Path<AppName>,
        query: Query<CheckRequest>,
    ) -> Result<PlainText, ErrorResponse<ReceivePushError>> {
        self.receive_push.verify(&app.0, &query.0.signature)?;
        Ok(PlainText(query.0.echostr))
    }

    /// Receive a WeChat message push
    ///
    /// The message is JSON or XML, and encrypted if the app has an AES key. The response is `success` after
    /// the message is stored. Data whose authorization the user has revoked in WeChat (phone number, profile
    /// or the whole account) are erased within seconds. Other messages are ignored.
    #[craft(endpoint(operation_id = "receivePush", tags("wechat")))]
    pub(crate) async fn receive(
        &self,
        app: Path<AppName>,
        query: Query<PushRequest>,
        body: RawBody,
    ) -> Result<PlainText, ErrorResponse<ReceivePushError>> {
        let receive = self.receive_push.clone();
        let work = async move { receive.run(&app.0, &query.0.0, &body.0).await };
        run_detached(work).await?;
        Ok(PlainText("success".to_owned()))
    }
}

/// Signature of a message.
pub(crate) struct PushRequest(PushSignature);

impl FromForm for PushRequest {
    const NAME: &'static str = "PushRequest";
    const DESCRIPTION: &'static str = "Signature of a message.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let signature = form.required(&SIGNATURE);
        let timestamp = form.required(&TIMESTAMP);
        let nonce = form.required(&NONCE);
        let message_signature = form.optional(&MESSAGE_SIGNATURE);
        Some(Self(PushSignature {
            signature: signature?,
            message_signature,
            timestamp: timestamp?,
            nonce: nonce?,
        }))
    }
}

/// Text to echo, with its signature.
pub(crate) struct CheckRequest {
    signature: PushSignature,
    echostr: String,
}

impl FromForm for CheckRequest {
    const NAME: &'static str = "CheckRequest";
    const DESCRIPTION: &'static str = "Text to echo, with its signature.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let signature = PushRequest::from_form(form);
        let echostr = form.required(&ECHOSTR);
        Some(Self { signature: signature?.0, echostr: echostr? })
    }
}

/// Plain text response.
pub(crate) struct PlainText(String);

#[async_trait]
impl Writer for PlainText {
    async fn write(self, _req: &mut Request, _depot: &mut Depot, res: &mut salvo::Response) {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        res.headers_mut().insert(CONTENT_TYPE, plain);
        res.body(self.0);
    }
}

impl EndpointOutRegister for PlainText {
    fn register(_components: &mut Components, operation: &mut Operation) {
        let text = Content::new(Object::with_type(BasicType::String));
        let response =
            Response::new("The text that WeChat expects.").add_content("text/plain", text);
        operation.responses.insert("200", response);
    }
}
