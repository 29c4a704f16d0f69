//! Fake login seal: stores responses in memory and seals them as numbers.

use std::sync::Mutex;

use domain::model::app::name::AppName;
use domain::model::fingerprint::Fingerprint;
use domain::model::fingerprint::TransientFingerprints;
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::nickname::Nickname;
use domain::model::secret::{AccessToken, IdempotencyKey, LoginCode, PhoneCode, RefreshToken};
use domain::model::session::token_pair::TokenPair;
use domain::ports::login_seal::{LoginSeal, UnsealError};

use crate::fake::fingerprints::MemoryFingerprints;

/// Fingerprints codes and requests, and stores responses in memory.
#[derive(Debug, Default)]
pub struct MemorySeal(Mutex<Vec<(Fingerprint, LoggedIn)>>);

impl LoginSeal for MemorySeal {
    fn code_fingerprint(&self, app: &AppName, code: &LoginCode) -> Fingerprint {
        let parts = [app.as_str(), code.expose()].map(str::as_bytes);
        MemoryFingerprints.fingerprint("login code", &parts)
    }

    fn request_fingerprint(&self, key: &IdempotencyKey, request: &LoginRequest) -> Fingerprint {
        let app = request.app.as_deref().unwrap_or_default();
        let phone_code = request.phone_code.as_ref().map_or("", PhoneCode::expose);
        let nickname = request.nickname.as_ref().map_or("", Nickname::as_str);
        let parts = [key.expose(), app, request.code.expose(), phone_code, nickname];
        MemoryFingerprints.fingerprint("login request", &parts.map(str::as_bytes))
    }

    fn seal(&self, code: &Fingerprint, response: &LoggedIn) -> Vec<u8> {
        let mut responses = self.0.lock().unwrap();
        responses.push((*code, copy(response)));
        responses.len().to_be_bytes().to_vec()
    }

    fn open(&self, code: &Fingerprint, sealed: &[u8]) -> Result<LoggedIn, UnsealError> {
        let number = sealed.try_into().map(usize::from_be_bytes).unwrap_or_default();
        let responses = self.0.lock().unwrap();
        match number.checked_sub(1).and_then(|index| responses.get(index)) {
            Some((sealed_for, response)) if sealed_for == code => Ok(copy(response)),
            Some(_) | None => Err(UnsealError("never sealed, or for another code".into())),
        }
    }
}

/// Copies a login response. The type is not `Clone`, so that secrets are not cloned by accident.
fn copy(response: &LoggedIn) -> LoggedIn {
    let TokenPair { access_token, refresh_token, expires_in } = &response.tokens;
    LoggedIn {
        member: response.member,
        nickname: response.nickname.clone(),
        is_new: response.is_new,
        merged: response.merged.clone(),
        tokens: TokenPair {
            access_token: AccessToken::new(access_token.expose().into()),
            refresh_token: RefreshToken::new(refresh_token.expose().into()),
            expires_in: *expires_in,
        },
    }
}
