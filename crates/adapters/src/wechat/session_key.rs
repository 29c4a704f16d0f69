//! What the session key of a user is good for at WeChat.

use std::str;

use async_trait::async_trait;
use domain::model::identity::Subject;
use domain::model::member::phone::PhoneNumber;
use domain::model::provider::session_key::EncryptedData;
use domain::model::secret::SessionKey;
use domain::ports::provider::ProviderError;
use domain::ports::session_keys::SessionKeyOperations;
use secrecy::ExposeSecret;

use super::call_error::{CallError, Cause};
use super::endpoint::Endpoint;
use super::errcode::Class;
use super::{TOKEN_CALL_MAX, WechatMiniProgram, open_data, twice_at_most};
use crate::wechat::response::{Phone, Reply};

impl WechatMiniProgram {
    fn open_phone(&self, key: &SessionKey, data: &EncryptedData) -> Result<PhoneNumber, Cause> {
        let text = open_data::decrypt(key, data);
        let text = text.ok_or(Cause::Unintelligible("it does not decrypt"))?;
        self.trusted(Phone::parse(&text)?)
    }

    /// What WeChat answers a call that shows the user's session key; `None` when it is not theirs any
    /// more.
    async fn ask(
        &self,
        at: Endpoint,
        user: &Subject,
        key: &SessionKey,
    ) -> Result<Option<Reply>, CallError> {
        let openid = self.openid(user).map_err(|cause| cause.at(at))?;
        let proof = open_data::proof_of(key);
        let call = || async {
            let token = self.token(at).await?;
            let query = [
                ("access_token", token.expose_secret()),
                ("openid", openid),
                ("signature", proof.as_str()),
                ("sig_method", "hmac_sha256"),
            ];
            self.heeding(&token, self.http.get(at, &query).await)
        };
        match twice_at_most(at, TOKEN_CALL_MAX, call).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if error.class() == Some(Class::CodeInvalid) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl SessionKeyOperations for WechatMiniProgram {
    fn decrypt_phone(&self, key: &SessionKey, data: &EncryptedData) -> Option<PhoneNumber> {
        let opened = self.open_phone(key, data);
        opened.inspect_err(|cause| tracing::info!(%cause, "encrypted data gave no number")).ok()
    }

    fn is_signed(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool {
        open_data::is_signed(key, raw_data, signature)
    }

    async fn is_current(&self, user: &Subject, key: &SessionKey) -> Result<bool, ProviderError> {
        let answer = self.ask(Endpoint::CheckSession, user, key).await;
        answer.map(|reply| reply.is_some()).map_err(|error| error.report(self.clock.now()))
    }

    async fn rotate(
        &self,
        user: &Subject,
        key: &SessionKey,
    ) -> Result<Option<SessionKey>, ProviderError> {
        let at = Endpoint::ResetSession;
        let answer = self.ask(at, user, key).await;
        let fresh = answer.and_then(|reply| {
            let fresh = reply.map(|reply| reply.session_key().map(SessionKey::new)).transpose();
            fresh.map_err(|cause| cause.at(at))
        });
        fresh.map_err(|error| error.report(self.clock.now()))
    }
}
