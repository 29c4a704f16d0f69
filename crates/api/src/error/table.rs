//! The error table: how the errors of all use cases are reported to clients.

use std::time::Duration;

use domain::model::admin::RoleRequired;
use domain::model::rate_limit::RateLimited;
use domain::ports::app::BuildAppError;
use domain::ports::passwords::HashError;
use domain::ports::pushes::PushRejected;
use domain::ports::store::error::StoreError;
use domain::ports::tokens::TokenRejected;
use domain::use_cases::admin::authenticate::AuthenticateAdminError;
use domain::use_cases::admin::manage_admins::ManageAdminsError;
use domain::use_cases::admin::manage_apps::ManageAppsError;
use domain::use_cases::admin::manage_members::ManageMembersError;
use domain::use_cases::admin::query_audit_log::QueryAuditLogError;
use domain::use_cases::admin::service_status::ServiceStatusError;
use domain::use_cases::admin::sign_in::SignInError;
use domain::use_cases::app::registry::CodeExchangeError;
use domain::use_cases::login::LoginError;
use domain::use_cases::member::access_error::MemberAccessError;
use domain::use_cases::member::bind_phone::BindPhoneError;
use domain::use_cases::member::erase::EraseMemberError;
use domain::use_cases::provider::receive_push::ReceivePushError;
use domain::use_cases::provider::use_session_key::UseSessionKeyError;
use domain::use_cases::session::authenticate::{AuthError, AuthenticateError};
use domain::use_cases::session::log_out::EndSessionError;
use domain::use_cases::session::refresh::RefreshError;
use tracing::Level;

use crate::error::conflict::Conflict;
use crate::error::id::{ErrorId, Step};
use crate::error::report::{
    InvalidField, LoggedAt, ProviderAt, Recursive, RetryLater, Wrapped, error_table,
};

/// Value of `Retry-After` while the store is unavailable. Connections to a database that is back are
/// opened within this time.
const STORE_RETRY_AFTER: Duration = Duration::from_secs(2);

/// Value of `Retry-After` while too many passwords are being hashed. The waiting ones take less than this.
const HASH_RETRY_AFTER: Duration = Duration::from_secs(2);

error_table! {
    LoginError {
        LoginError::Verify(error) => Wrapped::<CodeExchangeError>::new(), with error;
        LoginError::CodeUsed => ErrorId::LoginCodeUsed;
        LoginError::Phone(error) => ProviderAt(Step::Phone), with error;
        LoginError::GuestAccount | LoginError::RegistrationClosed => ErrorId::Forbidden;
        error @ LoginError::PhoneRequired => InvalidField("phoneCode"), with error;
        LoginError::Banned { .. } => ErrorId::MemberBanned;
        LoginError::PhoneTaken { phone_required: false, .. } => Conflict::PHONE_TAKEN;
        LoginError::PhoneTaken { phone_required: true, .. } => Conflict::REQUIRED_PHONE_TAKEN;
        LoginError::MergeRequired => Conflict::MERGE_REQUIRED;
        // An identity may be assigned to the wrong member: the operator has to look into it.
        LoginError::UnionIdChanged(_) => LoggedAt(Level::ERROR, Conflict::UNION_ID_CHANGED);
        LoginError::Shared(error) => Recursive::<LoginError>::new(), with error;
        LoginError::Store(error) => Wrapped::<StoreError>::new(), with error;
        LoginError::Signing(_) | LoginError::Unseal(_) => ErrorId::Internal;
    }

    CodeExchangeError {
        error @ CodeExchangeError::UnknownApp => InvalidField("app"), with error;
        CodeExchangeError::AppDisabled(_) => ErrorId::Forbidden;
        CodeExchangeError::Provider(error) => ProviderAt(Step::Login), with error;
    }

    RefreshError {
        RefreshError::Invalid => ErrorId::Unauthenticated;
        RefreshError::RateLimited(error) => Wrapped::<RateLimited>::new(), with error;
        RefreshError::Ended => ErrorId::SessionRevoked;
        // The refresh token may be stolen: the operator should see it in the log.
        RefreshError::Reused => LoggedAt(Level::WARN, ErrorId::SessionRevoked);
        RefreshError::AppDisabled(_) => ErrorId::Forbidden;
        RefreshError::Banned(_) => ErrorId::MemberBanned;
        RefreshError::Store(error) => Wrapped::<StoreError>::new(), with error;
        RefreshError::Signing(_) => ErrorId::Internal;
    }

    AuthenticateError {
        AuthenticateError::Token(TokenRejected::Invalid) => ErrorId::Unauthenticated;
        AuthenticateError::Token(TokenRejected::Expired) => ErrorId::TokenExpired;
        AuthenticateError::SessionEnded => ErrorId::SessionRevoked;
        AuthenticateError::Banned(_) => ErrorId::MemberBanned;
        AuthenticateError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    AuthError {
        AuthError::Unauthenticated(error) => Wrapped::<AuthenticateError>::new(), with error;
        AuthError::RateLimited(error) => Wrapped::<RateLimited>::new(), with error;
    }

    EndSessionError {
        EndSessionError::NotFound => ErrorId::NotFound;
        EndSessionError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    MemberAccessError {
        MemberAccessError::NotFound => ErrorId::Unauthenticated;
        MemberAccessError::Banned(_) => ErrorId::MemberBanned;
        MemberAccessError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    BindPhoneError {
        BindPhoneError::Access(error) => Wrapped::<MemberAccessError>::new(), with error;
        BindPhoneError::Provider(error) => ProviderAt(Step::Phone), with error;
        BindPhoneError::Undecipherable => ErrorId::PhoneCodeInvalid;
        BindPhoneError::PhoneTaken => Conflict::REQUIRED_PHONE_TAKEN;
        BindPhoneError::AppDisabled(_) => ErrorId::Forbidden;
    }

    EraseMemberError {
        EraseMemberError::NotFound => ErrorId::Unauthenticated;
        EraseMemberError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    UseSessionKeyError {
        error @ (UseSessionKeyError::UnknownApp | UseSessionKeyError::NotKept) =>
            InvalidField("app"), with error;
        UseSessionKeyError::AppDisabled(_) => ErrorId::Forbidden;
        UseSessionKeyError::NoKey => ErrorId::NotFound;
        UseSessionKeyError::Provider(error) => ProviderAt(Step::SessionKey), with error;
        UseSessionKeyError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    ReceivePushError {
        ReceivePushError::UnknownApp => ErrorId::NotFound;
        ReceivePushError::Rejected(PushRejected::Malformed(reason)) =>
            InvalidField("body"), with reason;
        ReceivePushError::Rejected(PushRejected::Forged | PushRejected::WrongRecipient)
        | ReceivePushError::Stale
        | ReceivePushError::Replayed => ErrorId::Forbidden;
        ReceivePushError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    SignInError {
        SignInError::Refused => ErrorId::Unauthenticated;
        SignInError::RateLimited(error) => Wrapped::<RateLimited>::new(), with error;
        SignInError::Hash(error) => Wrapped::<HashError>::new(), with error;
        SignInError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    AuthenticateAdminError {
        AuthenticateAdminError::SignedOut => ErrorId::Unauthenticated;
        AuthenticateAdminError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    ManageAdminsError {
        ManageAdminsError::Forbidden(_)
        | ManageAdminsError::SelfModification
        | ManageAdminsError::WrongPassword => ErrorId::Forbidden;
        ManageAdminsError::NotFound => ErrorId::NotFound;
        ManageAdminsError::NotInvited(_) => ErrorId::Unauthenticated;
        ManageAdminsError::RateLimited(error) => Wrapped::<RateLimited>::new(), with error;
        ManageAdminsError::Hash(error) => Wrapped::<HashError>::new(), with error;
        ManageAdminsError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    ManageAppsError {
        ManageAppsError::Forbidden(_) => ErrorId::Forbidden;
        ManageAppsError::NotFound => ErrorId::NotFound;
        ManageAppsError::Configured => Conflict::APP_CONFIGURED;
        ManageAppsError::Taken => Conflict::APP_TAKEN;
        ManageAppsError::RotationInProgress(_) => Conflict::APP_ROTATION;
        ManageAppsError::NoRotation(_) => Conflict::NO_APP_ROTATION;
        ManageAppsError::InUse => Conflict::APP_IN_USE;
        ManageAppsError::InvalidSecret(BuildAppError::Secret(reason)) =>
            InvalidField("secret"), with reason;
        ManageAppsError::InvalidSecret(BuildAppError::Push(reason)) =>
            InvalidField("pushToken"), with reason;
        ManageAppsError::InvalidSecret(BuildAppError::Sealed(_)) => ErrorId::Internal;
        ManageAppsError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    ManageMembersError {
        ManageMembersError::Forbidden(_) => ErrorId::Forbidden;
        ManageMembersError::NotFound => ErrorId::NotFound;
        ManageMembersError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    QueryAuditLogError {
        QueryAuditLogError::Forbidden(_) => ErrorId::Forbidden;
        QueryAuditLogError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    ServiceStatusError {
        ServiceStatusError::Forbidden(_) => ErrorId::Forbidden;
        ServiceStatusError::Store(error) => Wrapped::<StoreError>::new(), with error;
    }

    RoleRequired {
        RoleRequired(_) => ErrorId::Forbidden;
    }

    HashError {
        HashError::Busy => RetryLater(ErrorId::ServiceUnavailable), with HASH_RETRY_AFTER;
        HashError::Failed(_) => ErrorId::Internal;
    }

    RateLimited {
        RateLimited { retry_after } => RetryLater(ErrorId::RateLimited), with *retry_after;
    }

    StoreError {
        StoreError::Unavailable(_) => RetryLater(ErrorId::ServiceUnavailable), with STORE_RETRY_AFTER;
        StoreError::Failed(_) => ErrorId::Internal;
    }
}
