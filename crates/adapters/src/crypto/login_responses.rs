//! Login codes as fingerprints, and the answers kept for them, sealed.

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

use crate::crypto::sealer::{Place, Sealer};

/// Seals the answers to logins.
pub struct SealedAnswers(Arc<Sealer>);

/// An answer as it is sealed.
#[derive(Serialize, Deserialize)]
struct Answer<'a> {
    member: u128,
    #[serde(borrow)]
    nickname: Cow<'a, str>,
    is_new: bool,
    merged: Vec<u128>,
    access_token: &'a str,
    refresh_token: &'a str,
    /// In seconds.
    expires_in: u64,
}

impl SealedAnswers {
    /// Answers under the keys of `sealer`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }
}

impl LoginSeal for SealedAnswers {
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

    #[expect(clippy::expect_used, reason = "text and numbers are always JSON")]
    fn seal(&self, code: &Fingerprint, answer: &LoggedIn) -> Vec<u8> {
        let answer = Answer {
            member: answer.member.0.as_u128(),
            nickname: answer.nickname.as_str().into(),
            is_new: answer.is_new,
            merged: answer.merged.iter().map(|merged| merged.0.as_u128()).collect(),
            access_token: answer.tokens.access_token.expose(),
            refresh_token: answer.tokens.refresh_token.expose(),
            expires_in: answer.tokens.expires_in.as_secs(),
        };
        let json = Zeroizing::new(serde_json::to_vec(&answer).expect("an answer is JSON"));
        self.0.seal(place(code), &json)
    }

    fn open(&self, code: &Fingerprint, sealed: &[u8]) -> Result<LoggedIn, UnsealError> {
        let json = self.0.open(place(code), sealed).map_err(|error| UnsealError(error.into()))?;
        read(&json).ok_or_else(|| UnsealError("it holds no answer".into()))
    }
}

/// No error of reading is told: it would quote what it read.
fn read(json: &[u8]) -> Option<LoggedIn> {
    let answer: Answer<'_> = serde_json::from_slice(json).ok()?;
    Some(LoggedIn {
        member: member(answer.member),
        nickname: Nickname::parse(&answer.nickname).ok()?,
        is_new: answer.is_new,
        merged: answer.merged.into_iter().map(member).collect(),
        tokens: TokenPair {
            access_token: AccessToken::new(answer.access_token.into()),
            refresh_token: RefreshToken::new(answer.refresh_token.into()),
            expires_in: Duration::from_secs(answer.expires_in),
        },
    })
}

fn member(id: u128) -> MemberId {
    MemberId(Uuid::from_u128(id))
}

fn place(code: &Fingerprint) -> Place<'_> {
    Place { table: "redemption", column: "answer", row: &code.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::master_key::MasterKey;
    use crate::crypto::sealer::SealingKey;

    const CODE: Fingerprint = Fingerprint([1; 32]);

    fn seal() -> SealedAnswers {
        let key = MasterKey::from_base64("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=").unwrap();
        SealedAnswers::new(Arc::new(Sealer::new(SealingKey::new(&key))))
    }

    fn answer() -> LoggedIn {
        LoggedIn {
            member: member(u128::MAX),
            nickname: Nickname::parse("\"引号\\\" 🎉").unwrap(),
            is_new: true,
            merged: vec![member(1), member(2)],
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
    fn an_answer_opens_as_it_was_sealed_and_for_its_own_code_only() {
        let sealed = seal().seal(&CODE, &answer());
        let opened = seal().open(&CODE, &sealed).unwrap();
        assert_eq!(opened.tokens.access_token.expose(), "access.token.canary");
        assert_eq!(opened.tokens.refresh_token.expose(), "refresh-canary");
        // All the rest shows in debug output.
        assert_eq!(format!("{opened:?}"), format!("{:?}", answer()));
        assert!(seal().open(&Fingerprint([2; 32]), &sealed).is_err());
        assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
    }

    #[test]
    fn a_code_is_recognised_within_its_app() {
        let (main, other) = (AppName::parse("main").unwrap(), AppName::parse("other").unwrap());
        let code = LoginCode::parse("code").unwrap();
        assert_eq!(seal().code_fingerprint(&main, &code), seal().code_fingerprint(&main, &code));
        assert_ne!(seal().code_fingerprint(&main, &code), seal().code_fingerprint(&other, &code));
        assert_ne!(
            seal().code_fingerprint(&main, &code),
            seal().code_fingerprint(&main, &LoginCode::parse("c0de").unwrap())
        );
    }

    #[test]
    fn whatever_a_request_asks_for_makes_it_another_one_but_how_to_settle_a_conflict() {
        let key = IdempotencyKey::parse("key").unwrap();
        let print = |request: &LoginRequest| seal().request_fingerprint(&key, request);
        let different = [
            LoginRequest { app: Some("main".into()), ..request() },
            LoginRequest { code: LoginCode::parse("c0de").unwrap(), ..request() },
            LoginRequest { phone_code: PhoneCode::parse("p").ok(), ..request() },
            LoginRequest { nickname: Nickname::parse("Ann").ok(), ..request() },
        ];
        for other in &different {
            assert_ne!(print(other), print(&request()), "{other:?}");
        }
        let other_key = IdempotencyKey::parse("another").unwrap();
        assert_ne!(seal().request_fingerprint(&other_key, &request()), print(&request()));
        let settled = LoginRequest {
            on_conflict: Some(domain::model::identity::conflict_policy::ConflictResolution::Merge),
            ..request()
        };
        assert_eq!(print(&settled), print(&request()));
    }
}
