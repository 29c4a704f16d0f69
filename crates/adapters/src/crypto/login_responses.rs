//! Fingerprints of login codes, and encryption at rest of the responses stored for them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use domain::model::app::name::AppName;
use domain::model::fingerprint::Fingerprint;
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::MemberId;
use domain::model::member::nickname::Nickname;
use domain::model::secret::{AccessToken, IdempotencyKey, LoginCode, PhoneCode, RefreshToken};
use domain::model::session::token_pair::TokenPair;
use domain::ports::login_seal::{LoginSeal, UnsealError};
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::crypto::sealer::{SealContext, Sealer};

/// Seals the responses to logins.
pub struct SealedLoginResponses(Arc<Sealer>);

/// Login response in its stored form, before sealing.
#[derive(Serialize, Deserialize)]
struct StoredLogin<'a> {
    member: u128,
    #[serde(borrow)]
    nickname: Cow<'a, str>,
    is_new: bool,
    merged: Vec<u128>,
    access_token: &'a str,
    refresh_token: &'a str,
    /// Lifetime of the access token in seconds.
    expires_in: u64,
}

impl SealedLoginResponses {
    /// Creates the seal with the keys of `sealer`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }
}

impl LoginSeal for SealedLoginResponses {
    fn code_fingerprint(&self, app: &AppName, code: &LoginCode) -> Fingerprint {
        let parts = [app.as_str().as_bytes(), code.expose().as_bytes()];
        Fingerprint(self.0.fingerprint("login code", &parts))
    }

    fn request_fingerprint(&self, key: &IdempotencyKey, request: &LoginRequest) -> Fingerprint {
        let LoginRequest { app, code, phone_code, nickname, on_conflict: _, idempotency_key: _ } =
            request;
        let app = app.as_deref().unwrap_or_default();
        let phone_code = phone_code.as_ref().map_or("", PhoneCode::expose);
        let nickname = nickname.as_ref().map_or("", Nickname::as_str);
        let parts = [key.expose(), app, code.expose(), phone_code, nickname].map(str::as_bytes);
        Fingerprint(self.0.fingerprint("login request", &parts))
    }

    #[expect(clippy::expect_used, reason = "text and numbers always serialize to JSON")]
    fn seal(&self, code: &Fingerprint, response: &LoggedIn) -> Vec<u8> {
        let stored = StoredLogin {
            member: response.member.0.as_u128(),
            nickname: response.nickname.as_str().into(),
            is_new: response.is_new,
            merged: response.merged.iter().map(|merged| merged.0.as_u128()).collect(),
            access_token: response.tokens.access_token.expose(),
            refresh_token: response.tokens.refresh_token.expose(),
            expires_in: response.tokens.expires_in.as_secs(),
        };
        let json = Zeroizing::new(serde_json::to_vec(&stored).expect("a stored login is JSON"));
        self.0.seal_with_row_key(seal_context(code), &json)
    }

    fn open(&self, code: &Fingerprint, sealed: &[u8]) -> Result<LoggedIn, UnsealError> {
        let opened = self.0.open(seal_context(code), sealed);
        let json = opened.map_err(|error| UnsealError(error.into()))?;
        decode(&json).ok_or_else(|| UnsealError("the opened value is not a login response".into()))
    }
}

/// Decodes a stored login. Errors carry no detail, because serde's error messages quote the input.
fn decode(json: &[u8]) -> Option<LoggedIn> {
    let stored: StoredLogin<'_> = serde_json::from_slice(json).ok()?;
    Some(LoggedIn {
        member: member_id(stored.member),
        nickname: Nickname::parse(&stored.nickname).ok()?,
        is_new: stored.is_new,
        merged: stored.merged.into_iter().map(member_id).collect(),
        tokens: TokenPair {
            access_token: AccessToken::new(stored.access_token.into()),
            refresh_token: RefreshToken::new(stored.refresh_token.into()),
            expires_in: Duration::from_secs(stored.expires_in),
        },
    })
}

fn member_id(id: u128) -> MemberId {
    MemberId(Uuid::from_u128(id))
}

fn seal_context(code: &Fingerprint) -> SealContext<'_> {
    SealContext { table: "redemption", column: "answer", row: &code.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::master_key::MasterKey;
    use crate::crypto::sealer::SealingKey;

    const CODE: Fingerprint = Fingerprint([1; 32]);

    fn seal() -> SealedLoginResponses {
        let key = MasterKey::from_base64("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=").unwrap();
        SealedLoginResponses::new(Arc::new(Sealer::new(SealingKey::new(&key))))
    }

    fn response() -> LoggedIn {
        LoggedIn {
            member: member_id(u128::MAX),
            nickname: Nickname::parse("\"引号\\\" 🎉").unwrap(),
            is_new: true,
            merged: vec![member_id(1), member_id(2)],
            tokens: TokenPair {
                access_token: AccessToken::new("access.token.canary".into()),
                refresh_token: RefreshToken::new("refresh-canary".into()),
                expires_in: Duration::from_hours(2),
            },
        }
    }

    fn request() -> LoginRequest {
        LoginRequest {
            app: None,
            code: LoginCode::parse("code").unwrap(),
            phone_code: None,
            nickname: None,
            on_conflict: None,
            idempotency_key: None,
        }
    }

    #[test]
    fn sealed_login_response_opens_only_for_its_code() {
        let sealed = seal().seal(&CODE, &response());
        let opened = seal().open(&CODE, &sealed).unwrap();
        assert_eq!(opened.tokens.access_token.expose(), "access.token.canary");
        assert_eq!(opened.tokens.refresh_token.expose(), "refresh-canary");
        // The debug output shows all other fields.
        assert_eq!(format!("{opened:?}"), format!("{:?}", response()));
        assert!(seal().open(&Fingerprint([2; 32]), &sealed).is_err());
        assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
    }

    /// The stored responses of the previous version are valid for five minutes after an update.
    #[test]
    fn response_in_format_1_opens() {
        let mut sealed = seal().seal(&CODE, &response());
        let json = seal().0.open(seal_context(&CODE), &sealed).unwrap();
        sealed = seal().0.seal(seal_context(&CODE), &json);
        assert!(seal().open(&CODE, &sealed).is_ok());
    }

    #[test]
    fn code_fingerprint_depends_on_app_and_code() {
        let main = AppName::parse("main").unwrap();
        let other = AppName::parse("other").unwrap();
        let code = LoginCode::parse("code").unwrap();
        assert_eq!(seal().code_fingerprint(&main, &code), seal().code_fingerprint(&main, &code));
        assert_ne!(seal().code_fingerprint(&main, &code), seal().code_fingerprint(&other, &code));
        assert_ne!(
            seal().code_fingerprint(&main, &code),
            seal().code_fingerprint(&main, &LoginCode::parse("c0de").unwrap())
        );
    }

    #[test]
    fn request_fingerprint_covers_all_fields_except_conflict_resolution() {
        let key = IdempotencyKey::parse("key").unwrap();
        let fingerprint = |request: &LoginRequest| seal().request_fingerprint(&key, request);
        let different = [
            LoginRequest { app: Some("main".into()), ..request() },
            LoginRequest { code: LoginCode::parse("c0de").unwrap(), ..request() },
            LoginRequest { phone_code: PhoneCode::parse("p").ok(), ..request() },
            LoginRequest { nickname: Nickname::parse("Ann").ok(), ..request() },
        ];
        for other in &different {
            assert_ne!(fingerprint(other), fingerprint(&request()), "{other:?}");
        }
        let other_key = IdempotencyKey::parse("another").unwrap();
        assert_ne!(seal().request_fingerprint(&other_key, &request()), fingerprint(&request()));
        let resolved = LoginRequest {
            on_conflict: Some(domain::model::identity::conflict_policy::ConflictResolution::Merge),
            ..request()
        };
        assert_eq!(fingerprint(&resolved), fingerprint(&request()));
    }
}
