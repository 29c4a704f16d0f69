//! Error ids: the stable codes of failures, each with its HTTP status, messages and meaning.

use domain::ports::provider::ProviderFailure;
use salvo::http::StatusCode;
use strum::VariantArray;

/// Stable id of a failure, in the field `error` of the response.
///
/// Variants are in the order of the documentation, which is generated from this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum ErrorId {
    /// The request is malformed.
    InvalidRequest,
    /// The provider does not accept the login code.
    LoginCodeInvalid,
    /// The login code was redeemed before.
    LoginCodeUsed,
    /// The provider does not accept the phone code.
    PhoneCodeInvalid,
    /// Credentials are missing or invalid.
    Unauthenticated,
    /// The access token has expired.
    TokenExpired,
    /// The session has ended.
    SessionRevoked,
    /// The provider blocks the user.
    UserBlocked,
    /// The member is banned.
    MemberBanned,
    /// The caller has no permission.
    Forbidden,
    /// The path or the resource does not exist.
    NotFound,
    /// The request contradicts existing data.
    Conflict,
    /// The body exceeds the size limit.
    PayloadTooLarge,
    /// The body has another content type than the route accepts.
    UnsupportedMediaType,
    /// A rate limit is exceeded.
    RateLimited,
    /// The provider cannot be reached or does not respond properly.
    ProviderUnavailable,
    /// The database cannot be used now, or too many requests wait for it.
    ServiceUnavailable,
    /// The provider rejects the credentials or the address of the app.
    ProviderMisconfigured,
    /// An internal error occurred.
    Internal,
}

/// Call to the provider that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Redemption of a login code.
    Login,
    /// Redemption of a phone code.
    Phone,
    /// Use of a session key.
    SessionKey,
}

impl ErrorId {
    /// All ids, in the order of the documentation.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the error id for a failure of the provider at `step`.
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

    /// Returns the id as in responses, for example `login_code_used`.
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
            Self::ServiceUnavailable => "service_unavailable",
            Self::ProviderMisconfigured => "provider_misconfigured",
            Self::Internal => "internal",
        }
    }

    /// Returns the HTTP status. The one exception is an unsupported method: it is
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
            Self::ProviderUnavailable | Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::ProviderMisconfigured | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the Chinese message for the user.
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
            Self::ServiceUnavailable => "服务繁忙，请稍后再试",
            Self::ProviderMisconfigured => "服务配置有误，请联系管理员",
            Self::Internal => "服务器内部错误，请稍后再试",
        }
    }

    /// Returns the English message for the user.
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
            Self::TokenExpired => "Authentication failed, the login has expired, please log in",
            Self::SessionRevoked => "Authentication failed, the session has ended, please log in",
            Self::UserBlocked => "This account is at risk and cannot log in for now",
            Self::MemberBanned => "This account is banned, please contact support",
            Self::Forbidden => "This is not allowed",
            Self::NotFound => "Nothing was found here",
            Self::Conflict => "This phone number or account belongs to another member",
            Self::PayloadTooLarge => "The request is too large",
            Self::UnsupportedMediaType => "Only JSON is supported",
            Self::RateLimited => "Too many requests, please try again later",
            Self::ProviderUnavailable => "Login is not available for the moment, please try again",
            Self::ServiceUnavailable => "The service is busy, please try again later",
            Self::ProviderMisconfigured => {
                "The service is not set up properly, please contact its operator"
            }
            Self::Internal => "Something went wrong, please try again later",
        }
    }

    /// Returns the meaning and the remedy, in English, for developers.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "The request is malformed; `fields` has the reasons. Do not retry it unchanged."
            }
            Self::LoginCodeInvalid => {
                "The login code is wrong, expired or from another app. Get a new one with `wx.login` \
                 and retry once."
            }
            Self::LoginCodeUsed => {
                "The login code was redeemed by another request, or more than 60 seconds ago. Get a \
                 new one with `wx.login` and retry once."
            }
            Self::PhoneCodeInvalid => {
                "The phone code is wrong, expired, used or from another user, or the encrypted data \
                 contain no phone number. Let the user tap the phone button again. After a failed \
                 login, get a new login code too."
            }
            Self::Unauthenticated => {
                "The access token, service account key or refresh token is missing or invalid. Log \
                 in. In the admin API: the administrator is not signed in, or the name, password or \
                 invitation code is wrong."
            }
            Self::TokenExpired => "The access token has expired. Refresh it or log in.",
            Self::SessionRevoked => {
                "The session has ended: by a logout, for security reasons, or because it was not \
                 refreshed in time. Log in."
            }
            Self::UserBlocked => "The provider blocks this user as a risk. Do not retry.",
            Self::MemberBanned => "The member is banned. Do not retry.",
            Self::Forbidden => {
                "The caller has no permission: the user is a guest without an account, the app does \
                 not register new members or is disabled, or the provider rejects the operation for \
                 this user. In the admin API: the operation requires another role or concerns the \
                 administrator's own account, or the current password is wrong."
            }
            Self::NotFound => "The path or the resource does not exist.",
            Self::Conflict => {
                "The request contradicts existing data; `conflict` has the reason and the choices. \
                 If it is sent again with the same idempotency key and `onConflict`, it needs no new \
                 codes."
            }
            Self::PayloadTooLarge => "The body exceeds the size limit.",
            Self::UnsupportedMediaType => {
                "The body is not declared as `application/json` in UTF-8 without content coding."
            }
            Self::RateLimited => {
                "Too many requests to this service, or from it to the provider. Retry after \
                 `Retry-After` seconds, with a new login code."
            }
            Self::ProviderUnavailable => {
                "The provider is unreachable, overloaded or slow, or its response is invalid. Retry \
                 after `Retry-After` seconds with new codes."
            }
            Self::ServiceUnavailable => {
                "The database of this service is unreachable or overloaded. Retry after \
                 `Retry-After` seconds; a login needs new codes unless it has an idempotency key."
            }
            Self::ProviderMisconfigured => {
                "The provider rejects the app id, the secret or the server's address. The operator \
                 has to correct the configuration; clients cannot."
            }
            Self::Internal => "Internal error. The cause is in the log under `requestId`.",
        }
    }
}
