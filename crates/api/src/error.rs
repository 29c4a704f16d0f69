//! What goes wrong, as clients see it: every error of every use case ends in this one table.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use domain::model::rate_limit::RateLimited;
use domain::ports::app::BuildAppError;
use domain::ports::provider::{ProviderError, ProviderFailure};
use domain::ports::pushes::PushRejected;
use domain::ports::store::error::StoreError;
use domain::ports::tokens::TokenRejected;
use domain::use_cases::admin::authenticate::AuthenticateAdminError;
use domain::use_cases::admin::manage_admins::ManageAdminsError;
use domain::use_cases::admin::manage_apps::ManageAppsError;
use domain::use_cases::admin::manage_members::ManageMembersError;
use domain::use_cases::admin::query_audit_log::QueryAuditLogError;
use domain::use_cases::admin::service_status::WatchServiceError;
use domain::use_cases::admin::sign_in::SignInError;
use domain::use_cases::app::registry::CodeExchangeError;
use domain::use_cases::login::LoginError;
use domain::use_cases::member::bind_phone::BindPhoneError;
use domain::use_cases::member::erase::EraseMemberError;
use domain::use_cases::member::get_profile::GetProfileError;
use domain::use_cases::member::update_profile::UpdateProfileError;
use domain::use_cases::provider::receive_push::ReceivePushError;
use domain::use_cases::provider::use_session_key::UseSessionKeyError;
use domain::use_cases::session::authenticate::{AuthError, AuthenticateError};
use domain::use_cases::session::log_out::EndSessionError;
use domain::use_cases::session::refresh::RefreshError;
use salvo::http::StatusCode;
use salvo::{Depot, Request, Response, Writer, async_trait};
use tracing::Level;

use crate::error::conflict::Conflict;
use crate::error::id::{ErrorId, Step};

pub(crate) mod conflict;
pub mod id;

/// What is wrong with each field of a request, by its name in JSON; `body` is the body as a whole.
///
/// The reasons are for developers: English, and never what the client sent.
pub(crate) type FieldErrors = BTreeMap<String, String>;

/// A failure on its way to the client.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) id: ErrorId,
    pub(crate) status: StatusCode,
    pub(crate) field_errors: FieldErrors,
    pub(crate) conflict: Option<Conflict>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether what is left of the connection must not be read as another request.
    pub(crate) closes_connection: bool,
    /// How loudly the cause is logged.
    pub(crate) severity: Level,
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    pub(crate) fn new(id: ErrorId) -> Self {
        let severity = match id.status() {
            StatusCode::INTERNAL_SERVER_ERROR => Level::ERROR,
            StatusCode::SERVICE_UNAVAILABLE => Level::WARN,
            _ => Level::DEBUG,
        };
        Self {
            id,
            status: id.status(),
            field_errors: FieldErrors::new(),
            conflict: None,
            retry_after: None,
            closes_connection: false,
            severity,
            cause: None,
        }
    }

    /// A malformed request.
    pub(crate) fn invalid(field_errors: FieldErrors) -> Self {
        Self { field_errors, ..Self::new(ErrorId::InvalidRequest) }
    }

    /// A request that contradicts what is known.
    fn conflicting(conflict: Conflict) -> Self {
        Self { conflict: Some(conflict), ..Self::new(ErrorId::Conflict) }
    }

    /// A request of which one field is malformed.
    pub(crate) fn invalid_field(name: &str, reason: &(impl ToString + ?Sized)) -> Self {
        Self::invalid(FieldErrors::from([(name.to_owned(), reason.to_string())]))
    }

    /// A failure that nothing but its status is known of: what the router answers by itself.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(ErrorId::NotFound),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(ErrorId::PayloadTooLarge),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(ErrorId::UnsupportedMediaType),
            other if other.is_client_error() => {
                Self { status, ..Self::new(ErrorId::InvalidRequest) }
            }
            other => {
                Self::new(ErrorId::Internal).with_cause(format!("the router answered {other}"))
            }
        }
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Has the connection closed behind the answer.
    pub(crate) fn closing_connection(self) -> Self {
        Self { closes_connection: true, ..self }
    }

    /// Keeps what happened, for the log.
    pub(crate) fn with_cause(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Logs why, with everything behind it. What is the client's own doing is a mere detail.
    pub(crate) fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let (error, cause) = (self.id.id(), chain(cause.as_ref()));
        match self.severity {
            Level::ERROR => tracing::error!(error, cause, "the request failed"),
            Level::WARN => tracing::warn!(error, cause, "the request failed"),
            _ => tracing::debug!(error, cause, "the request was refused"),
        }
    }
}

/// The failure waits for the edge of the service, where it is logged and rendered.
#[async_trait]
impl Writer for ApiError {
    async fn write(self, _req: &mut Request, depot: &mut Depot, res: &mut Response) {
        res.status_code(self.status);
        depot.insert_typed(self);
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        login_failed(&error).with_cause(error)
    }
}

impl From<CodeExchangeError> for ApiError {
    fn from(error: CodeExchangeError) -> Self {
        verify_failed(&error).with_cause(error)
    }
}

impl From<GetProfileError> for ApiError {
    fn from(error: GetProfileError) -> Self {
        let id = match &error {
            GetProfileError::NotFound => ErrorId::Unauthenticated,
            GetProfileError::Banned(_) => ErrorId::MemberBanned,
            GetProfileError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<UpdateProfileError> for ApiError {
    fn from(error: UpdateProfileError) -> Self {
        let id = match &error {
            UpdateProfileError::NotFound => ErrorId::Unauthenticated,
            UpdateProfileError::Banned(_) => ErrorId::MemberBanned,
            UpdateProfileError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<EraseMemberError> for ApiError {
    fn from(error: EraseMemberError) -> Self {
        let id = match &error {
            EraseMemberError::NotFound => ErrorId::Unauthenticated,
            EraseMemberError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<BindPhoneError> for ApiError {
    fn from(error: BindPhoneError) -> Self {
        let answer = match &error {
            BindPhoneError::NotFound => Self::new(ErrorId::Unauthenticated),
            BindPhoneError::Provider(error) => provider_failed(error, Step::Phone),
            BindPhoneError::Undecipherable => Self::new(ErrorId::PhoneCodeInvalid),
            BindPhoneError::PhoneTaken => Self::conflicting(Conflict::REQUIRED_PHONE_TAKEN),
            BindPhoneError::AppDisabled(_) => Self::new(ErrorId::Forbidden),
            BindPhoneError::Banned(_) => Self::new(ErrorId::MemberBanned),
            BindPhoneError::Store(_) => Self::new(ErrorId::Internal),
        };
        answer.with_cause(error)
    }
}

impl From<UseSessionKeyError> for ApiError {
    fn from(error: UseSessionKeyError) -> Self {
        let answer = match &error {
            UseSessionKeyError::UnknownApp | UseSessionKeyError::NotKept => {
                Self::invalid_field("app", &error)
            }
            UseSessionKeyError::AppDisabled(_) => Self::new(ErrorId::Forbidden),
            UseSessionKeyError::NoKey => Self::new(ErrorId::NotFound),
            UseSessionKeyError::Provider(error) => provider_failed(error, Step::SessionKey),
            UseSessionKeyError::Store(_) => Self::new(ErrorId::Internal),
        };
        answer.with_cause(error)
    }
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        let id = match &error {
            AuthenticateError::Token(TokenRejected::Invalid) => ErrorId::Unauthenticated,
            AuthenticateError::Token(TokenRejected::Expired) => ErrorId::TokenExpired,
            AuthenticateError::SessionEnded => ErrorId::SessionRevoked,
            AuthenticateError::Banned(_) => ErrorId::MemberBanned,
            AuthenticateError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Unauthenticated(error) => error.into(),
            AuthError::RateLimited(error) => error.into(),
        }
    }
}

impl From<RateLimited> for ApiError {
    fn from(error: RateLimited) -> Self {
        Self::new(ErrorId::RateLimited).retry_after(error.retry_after).with_cause(error)
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        let answer = match &error {
            RefreshError::Invalid => Self::new(ErrorId::Unauthenticated),
            RefreshError::RateLimited(error) => (*error).into(),
            RefreshError::Ended => Self::new(ErrorId::SessionRevoked),
            // There may be a thief: the operator should know.
            RefreshError::Reused => {
                Self { severity: Level::WARN, ..Self::new(ErrorId::SessionRevoked) }
            }
            RefreshError::AppDisabled(_) => Self::new(ErrorId::Forbidden),
            RefreshError::Banned(_) => Self::new(ErrorId::MemberBanned),
            RefreshError::Store(_) | RefreshError::Signing(_) => Self::new(ErrorId::Internal),
        };
        answer.with_cause(error)
    }
}

impl From<ReceivePushError> for ApiError {
    fn from(error: ReceivePushError) -> Self {
        let answer = match &error {
            ReceivePushError::UnknownApp => Self::new(ErrorId::NotFound),
            ReceivePushError::Rejected(PushRejected::Malformed(what)) => {
                Self::invalid_field("body", *what)
            }
            ReceivePushError::Rejected(PushRejected::Forged | PushRejected::WrongRecipient)
            | ReceivePushError::Stale
            | ReceivePushError::Replayed => Self::new(ErrorId::Forbidden),
            ReceivePushError::Store(_) => Self::new(ErrorId::Internal),
        };
        answer.with_cause(error)
    }
}

impl From<EndSessionError> for ApiError {
    fn from(error: EndSessionError) -> Self {
        let id = match &error {
            EndSessionError::NotFound => ErrorId::NotFound,
            EndSessionError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        let id = match &error {
            SignInError::Refused => ErrorId::Unauthenticated,
            SignInError::Hash(_) | SignInError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<AuthenticateAdminError> for ApiError {
    fn from(error: AuthenticateAdminError) -> Self {
        let id = match &error {
            AuthenticateAdminError::SignedOut => ErrorId::Unauthenticated,
            AuthenticateAdminError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<ManageAdminsError> for ApiError {
    fn from(error: ManageAdminsError) -> Self {
        let id = match &error {
            ManageAdminsError::Forbidden(_)
            | ManageAdminsError::SelfModification
            | ManageAdminsError::WrongPassword => ErrorId::Forbidden,
            ManageAdminsError::NotFound => ErrorId::NotFound,
            ManageAdminsError::NotInvited(_) => ErrorId::Unauthenticated,
            ManageAdminsError::Hash(_) | ManageAdminsError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<ManageAppsError> for ApiError {
    fn from(error: ManageAppsError) -> Self {
        let answer = match &error {
            ManageAppsError::Forbidden(_) => Self::new(ErrorId::Forbidden),
            ManageAppsError::NotFound => Self::new(ErrorId::NotFound),
            ManageAppsError::Configured => Self::conflicting(Conflict::APP_CONFIGURED),
            ManageAppsError::Taken => Self::conflicting(Conflict::APP_TAKEN),
            ManageAppsError::RotationInProgress(_) => Self::conflicting(Conflict::APP_ROTATION),
            ManageAppsError::NoRotation(_) => Self::conflicting(Conflict::NO_APP_ROTATION),
            ManageAppsError::InUse => Self::conflicting(Conflict::APP_IN_USE),
            ManageAppsError::InvalidSecret(BuildAppError::Secret(why)) => {
                Self::invalid_field("secret", why)
            }
            ManageAppsError::InvalidSecret(BuildAppError::Push(why)) => {
                Self::invalid_field("pushToken", why)
            }
            ManageAppsError::InvalidSecret(BuildAppError::Sealed(_))
            | ManageAppsError::Store(_) => Self::new(ErrorId::Internal),
        };
        answer.with_cause(error)
    }
}

impl From<ManageMembersError> for ApiError {
    fn from(error: ManageMembersError) -> Self {
        let id = match &error {
            ManageMembersError::Forbidden(_) => ErrorId::Forbidden,
            ManageMembersError::NotFound => ErrorId::NotFound,
            ManageMembersError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<QueryAuditLogError> for ApiError {
    fn from(error: QueryAuditLogError) -> Self {
        let id = match &error {
            QueryAuditLogError::Forbidden(_) => ErrorId::Forbidden,
            QueryAuditLogError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<WatchServiceError> for ApiError {
    fn from(error: WatchServiceError) -> Self {
        let id = match &error {
            WatchServiceError::Forbidden(_) => ErrorId::Forbidden,
            WatchServiceError::Store(_) => ErrorId::Internal,
        };
        Self::new(id).with_cause(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorId::Internal).with_cause(error)
    }
}

fn login_failed(error: &LoginError) -> ApiError {
    match error {
        LoginError::Verify(error) => verify_failed(error),
        LoginError::CodeUsed => ApiError::new(ErrorId::LoginCodeUsed),
        LoginError::Phone(error) => provider_failed(error, Step::Phone),
        LoginError::GuestAccount | LoginError::RegistrationClosed => {
            ApiError::new(ErrorId::Forbidden)
        }
        LoginError::PhoneRequired => ApiError::invalid_field("phoneCode", error),
        LoginError::Banned { .. } => ApiError::new(ErrorId::MemberBanned),
        LoginError::PhoneTaken { phone_required: false, .. } => {
            ApiError::conflicting(Conflict::PHONE_TAKEN)
        }
        LoginError::PhoneTaken { phone_required: true, .. } => {
            ApiError::conflicting(Conflict::REQUIRED_PHONE_TAKEN)
        }
        LoginError::MergeRequired => ApiError::conflicting(Conflict::MERGE_REQUIRED),
        // Somebody is mistaken about who this is: an alarm for the operator.
        LoginError::UnionIdChanged(_) => {
            ApiError { severity: Level::ERROR, ..ApiError::conflicting(Conflict::UNION_ID_CHANGED) }
        }
        LoginError::Shared(error) => login_failed(error),
        LoginError::Store(_) | LoginError::Signing(_) | LoginError::Unseal(_) => {
            ApiError::new(ErrorId::Internal)
        }
    }
}

fn verify_failed(error: &CodeExchangeError) -> ApiError {
    match error {
        CodeExchangeError::UnknownApp => ApiError::invalid_field("app", error),
        CodeExchangeError::AppDisabled(_) => ApiError::new(ErrorId::Forbidden),
        CodeExchangeError::Provider(error) => provider_failed(error, Step::Login),
    }
}

fn provider_failed(error: &ProviderError, step: Step) -> ApiError {
    let answer = ApiError::new(ErrorId::of_provider(error.failure, step));
    match error.failure {
        ProviderFailure::Throttled { retry_after }
        | ProviderFailure::Unavailable { retry_after } => answer.retry_after(retry_after),
        ProviderFailure::CodeInvalid
        | ProviderFailure::CodeUsed
        | ProviderFailure::UserBlocked
        | ProviderFailure::Refused
        | ProviderFailure::Misconfigured => answer,
    }
}

/// An error and everything behind it, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |&error| error.source());
    sources.fold(error.to_string(), |chain, source| format!("{chain}: {source}"))
}
