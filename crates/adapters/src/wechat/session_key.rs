//! Operations with a user's session key.

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
use super::{TOKEN_CALL_TIMEOUT, WechatMiniProgram, open_data, retry_once};
use crate::wechat::response::{Phone, Response};

impl WechatMiniProgram {
    fn decrypt_phone_data(
        &self,
        key: &SessionKey,
        data: &EncryptedData,
    ) -> Result<PhoneNumber, Cause> {
        let plaintext = open_data::decrypt(key, data);
        let plaintext = plaintext.ok_or(Cause::InvalidResponse("the data cannot be decrypted"))?;
        self.check_watermark(Phone::parse(&plaintext)?)
    }

    /// Calls an endpoint with proof of the user's session key. Returns `None` if the key is not the current one.
    async fn call_with_session_key(
        &self,
        endpoint: Endpoint,
        user: &Subject,
        key: &SessionKey,
    ) -> Result<Option<Response>, CallError> {
        let openid = self.openid_of(user).map_err(|cause| cause.at(endpoint))?;
        let proof = open_data::proof_of(key);
        let call = || async {
            let token = self.access_token(endpoint).await?;
            let query = [
                ("access_token", token.expose_secret()),
                ("openid", openid),
                ("signature", proof.as_str()),
                ("sig_method", "hmac_sha256"),
            ];
            self.reject_stale_token(&token, self.http.get(endpoint, &query).await)
        };
        match retry_once(endpoint, TOKEN_CALL_TIMEOUT, call).await {
            Ok(response) => Ok(Some(response)),
            Err(error) if error.class() == Some(Class::CodeInvalid) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl SessionKeyOperations for WechatMiniProgram {
    fn decrypt_phone(&self, key: &SessionKey, data: &EncryptedData) -> Option<PhoneNumber> {
        let decrypted = self.decrypt_phone_data(key, data);
        decrypted.inspect_err(|cause| tracing::info!(%cause, "encrypted phone data rejected")).ok()
    }

    fn is_signed(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool {
        open_data::is_signed(key, raw_data, signature)
    }

    async fn is_current(&self, user: &Subject, key: &SessionKey) -> Result<bool, ProviderError> {
        let response = self.call_with_session_key(Endpoint::CheckSession, user, key).await;
        let is_current = response.map(|response| response.is_some());
        is_current.map_err(|error| error.report(self.clock.now()))
    }

    async fn rotate(
        &self,
        user: &Subject,
        key: &SessionKey,
    ) -> Result<Option<SessionKey>, ProviderError> {
        let endpoint = Endpoint::ResetSession;
        let response = self.call_with_session_key(endpoint, user, key).await;
        let new_key = response.and_then(|response| {
            let new_key = response.map(|response| response.session_key().map(SessionKey::new));
            new_key.transpose().map_err(|cause| cause.at(endpoint))
        });
        new_key.map_err(|error| error.report(self.clock.now()))
    }
}
