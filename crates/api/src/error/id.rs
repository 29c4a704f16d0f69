//! The error ids clients can rely on: one table of id, status, messages and meaning.

use domain::ports::provider::ProviderFailure;
use salvo::http::StatusCode;

/// Why a request failed, as every failure names it in `error`.
///
/// Ids are stable: clients act on them. The table behind them is rendered into the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorId {
    /// The request is malformed.
    InvalidRequest,
    /// The login code leads to nobody.
    LoginCodeInvalid,
    /// The login code was spent before.
    LoginCodeUsed,
    /// The phone code leads to no number.
    PhoneCodeInvalid,
    /// The caller has not shown who they are.
    Unauthenticated,
    /// The access token is too old.
    TokenExpired,
    /// The session was ended.
    SessionRevoked,
    /// The provider keeps the user out.
    UserBlocked,
    /// This service keeps the member out.
    MemberBanned,
    /// The caller may not do this.
    Forbidden,
    /// Nothing is there.
    NotFound,
    /// What is there already is in the way.
    Conflict,
    /// The body is too long.
    PayloadTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Too many requests.
    RateLimited,
    /// The provider does not answer properly.
    ProviderUnavailable,
    /// The provider refuses the app itself.
    ProviderMisconfigured,
    /// Something broke in here.
    Internal,
}

/// What the provider was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The login code.
    Login,
    /// The phone code.
    Phone,
    /// The session key.
    SessionKey,
}

impl ErrorId {
    /// Every id, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::InvalidRequest,
        Self::LoginCodeInvalid,
        Self::LoginCodeUsed,
        Self::PhoneCodeInvalid,
        Self::Unauthenticated,
        Self::TokenExpired,
        Self::SessionRevoked,
        Self::UserBlocked,
        Self::MemberBanned,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::ProviderUnavailable,
        Self::ProviderMisconfigured,
        Self::Internal,
    ];

    /// What a client is told when the provider fails at `step`.
    #[must_use]
    pub const fn of_provider(failure: ProviderFailure, step: Step) -> Self {
        match (failure, step) {
            (ProviderFailure::CodeInvalid, Step::Login) => Self::LoginCodeInvalid,
            (ProviderFailure::CodeUsed, Step::Login) => Self::LoginCodeUsed,
            (ProviderFailure::CodeInvalid | ProviderFailure::CodeUsed, Step::Phone) => {
                Self::PhoneCodeInvalid
            }
            (ProviderFailure::CodeInvalid | ProviderFailure::CodeUsed, Step::SessionKey) => {
                Self::NotFound
            }
            (ProviderFailure::UserBlocked, _) => Self::UserBlocked,
            (ProviderFailure::Refused, _) => Self::Forbidden,
            (ProviderFailure::Throttled { .. }, _) => Self::RateLimited,
            (ProviderFailure::Unavailable { .. }, _) => Self::ProviderUnavailable,
            (ProviderFailure::Misconfigured, _) => Self::ProviderMisconfigured,
        }
    }

    /// The id as it stands in an answer, e.g. `login_code_used`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::LoginCodeInvalid => "login_code_invalid",
            Self::LoginCodeUsed => "login_code_used",
            Self::PhoneCodeInvalid => "phone_code_invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::TokenExpired => "token_expired",
            Self::SessionRevoked => "session_revoked",
            Self::UserBlocked => "user_blocked",
            Self::MemberBanned => "member_banned",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderMisconfigured => "provider_misconfigured",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status it comes with. A wrong method is the one exception: it is
    /// [`Self::InvalidRequest`] with 405.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::PhoneCodeInvalid => StatusCode::BAD_REQUEST,
            Self::LoginCodeInvalid
            | Self::LoginCodeUsed
            | Self::Unauthenticated
            | Self::TokenExpired
            | Self::SessionRevoked => StatusCode::UNAUTHORIZED,
            Self::UserBlocked | Self::MemberBanned | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::ProviderUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::ProviderMisconfigured | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the user is told in Chinese.
    #[must_use]
    pub const fn message_zh(self) -> &'static str {
        match self {
            Self::InvalidRequest => "请求参数有误",
            Self::LoginCodeInvalid => "登录凭证无效或已过期，请重新登录",
            Self::LoginCodeUsed => "登录凭证已被使用，请重新登录",
            Self::PhoneCodeInvalid => "手机号授权已失效，请重新授权",
            Self::Unauthenticated => "认证失败，请先登录",
            Self::TokenExpired => "认证失败，登录已过期，请重新登录",
            Self::SessionRevoked => "认证失败，登录已失效，请重新登录",
            Self::UserBlocked => "该账号存在风险，暂时无法登录",
            Self::MemberBanned => "账号已被停用，请联系客服",
            Self::Forbidden => "没有权限执行此操作",
            Self::NotFound => "请求的资源不存在",
            Self::Conflict => "该手机号或账号已属于其他会员",
            Self::PayloadTooLarge => "请求内容过大",
            Self::UnsupportedMediaType => "仅支持 JSON 格式的请求",
            Self::RateLimited => "操作过于频繁，请稍后再试",
            Self::ProviderUnavailable => "登录服务暂时不可用，请稍后再试",
            Self::ProviderMisconfigured => "服务配置有误，请联系管理员",
            Self::Internal => "服务器内部错误，请稍后再试",
        }
    }

    /// What the user is told in English.
    #[must_use]
    pub const fn message_en(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid",
            Self::LoginCodeInvalid => {
                "The login code is not valid or has expired, please log in again"
            }
            Self::LoginCodeUsed => "The login code was used before, please log in again",
            Self::PhoneCodeInvalid => "The phone number was not confirmed, please allow it again",
            Self::Unauthenticated => "Authentication failed, please log in",
            Self::TokenExpired => "Authentication failed, the login has expired",
            Self::SessionRevoked => "Authentication failed, the login was ended",
            Self::UserBlocked => "This account is at risk and cannot log in for now",
            Self::MemberBanned => "This account is banned, please contact support",
            Self::Forbidden => "This is not allowed",
            Self::NotFound => "Nothing was found here",
            Self::Conflict => "This phone number or account belongs to another member",
            Self::PayloadTooLarge => "The request is too large",
            Self::UnsupportedMediaType => "Only JSON is understood",
            Self::RateLimited => "Too many requests, please try again later",
            Self::ProviderUnavailable => "Login is not available for the moment, please try again",
            Self::ProviderMisconfigured => {
                "The service is not set up properly, please contact its operator"
            }
            Self::Internal => "Something went wrong, please try again later",
        }
    }

    /// What happened and what a client does about it, in English, for developers.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "The request is malformed; `fields` says what and why. Do not send it again as \
                 it is."
            }
            Self::LoginCodeInvalid => {
                "The login code is wrong, expired or another app's. Fetch a new one with \
                 `wx.login` and try once more."
            }
            Self::LoginCodeUsed => {
                "The login code was redeemed before, by another request or more than 60 seconds ago. \
                 Fetch a new one with `wx.login` and try once more."
            }
            Self::PhoneCodeInvalid => {
                "The phone code is wrong, expired, used or another user's, or the encrypted data \
                 give no phone number. Let the user tap the phone button again; after a login the \
                 login code is spent too."
            }
            Self::Unauthenticated => {
                "There is no token or service key in `Authorization`, or it is not a good one, \
                 or the refresh token is none. Log in. Of administrators: nobody is signed in, or \
                 name, password or invitation are not good."
            }
            Self::TokenExpired => "The access token is too old. Refresh it or log in.",
            Self::SessionRevoked => {
                "The session has ended: by the member, for their safety, or because it was not \
                 prolonged in time. Log in."
            }
            Self::UserBlocked => "The provider keeps this user out as a risk. Do not try again.",
            Self::MemberBanned => "The member is banned here. Do not try again.",
            Self::Forbidden => {
                "The caller may not do this: a visitor without an account, an app that takes \
                 no new members or is disabled, or a thing the provider refuses for this user. Of administrators: it takes another \
                 role, is their own account, or the present password is another one."
            }
            Self::NotFound => "There is no such address or thing.",
            Self::Conflict => {
                "It contradicts what is known; `conflict` says what, and how the request can be \
                 sent again. What `onConflict` adds under the same idempotency key needs no new \
                 code."
            }
            Self::PayloadTooLarge => "The body is longer than the limit.",
            Self::UnsupportedMediaType => {
                "The body is not declared as `application/json` in UTF-8 without content \
                 coding."
            }
            Self::RateLimited => {
                "Too many requests, to this service or from it to the provider. Wait for \
                 `Retry-After` seconds, then try again; a login code must be a new one."
            }
            Self::ProviderUnavailable => {
                "The provider is down, busy, slow or unintelligible. Wait for `Retry-After` \
                 seconds, then come with a new code."
            }
            Self::ProviderMisconfigured => {
                "The provider refuses the app itself (its id, secret or address). An alarm for \
                 the operator; nothing a client can mend."
            }
            Self::Internal => "Something broke in here; the cause is in the log under `requestId`.",
        }
    }
}
