//! Which failures a route can answer with, told by its types to the OpenAPI document.

use std::marker::PhantomData;

use domain::ports::store::error::StoreError;
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
use domain::use_cases::session::authenticate::AuthenticateError;
use domain::use_cases::session::log_out::EndSessionError;
use domain::use_cases::session::refresh::RefreshError;
use salvo::http::StatusCode;
use salvo::oapi::{
    BasicType, Components, Content, EndpointOutRegister, Example, Header, Object, Operation, RefOr,
    Response,
};
use salvo::{Depot, Request, Response as HttpResponse, Writer, async_trait};

use crate::error::ApiError;
use crate::error::id::ErrorId;
use crate::response::envelope;

/// A failure of a use case that fails with `E`.
pub(crate) struct ErrorResponse<E> {
    error: ApiError,
    by: PhantomData<fn() -> E>,
}

/// Which ids the errors of a use case become.
pub(crate) trait ErrorIds: Into<ApiError> {
    /// Each of them.
    const IDS: &'static [ErrorId];
}

impl<E: ErrorIds> From<E> for ErrorResponse<E> {
    fn from(error: E) -> Self {
        Self { error: error.into(), by: PhantomData }
    }
}

impl<E> From<ApiError> for ErrorResponse<E> {
    fn from(error: ApiError) -> Self {
        Self { error, by: PhantomData }
    }
}

#[async_trait]
impl<E> Writer for ErrorResponse<E> {
    async fn write(self, req: &mut Request, depot: &mut Depot, res: &mut HttpResponse) {
        self.error.write(req, depot, res).await;
    }
}

impl<E: ErrorIds> EndpointOutRegister for ErrorResponse<E> {
    fn register(components: &mut Components, operation: &mut Operation) {
        document(components, operation, E::IDS);
    }
}

impl ErrorIds for LoginError {
    const IDS: &'static [ErrorId] = &[
        ErrorId::InvalidRequest,
        ErrorId::LoginCodeInvalid,
        ErrorId::LoginCodeUsed,
        ErrorId::PhoneCodeInvalid,
        ErrorId::UserBlocked,
        ErrorId::MemberBanned,
        ErrorId::Forbidden,
        ErrorId::Conflict,
        ErrorId::RateLimited,
        ErrorId::ProviderUnavailable,
        ErrorId::ProviderMisconfigured,
        ErrorId::Internal,
    ];
}

impl ErrorIds for CodeExchangeError {
    const IDS: &'static [ErrorId] = &[
        ErrorId::InvalidRequest,
        ErrorId::LoginCodeInvalid,
        ErrorId::LoginCodeUsed,
        ErrorId::UserBlocked,
        ErrorId::Forbidden,
        ErrorId::RateLimited,
        ErrorId::ProviderUnavailable,
        ErrorId::ProviderMisconfigured,
    ];
}

impl ErrorIds for GetProfileError {
    const IDS: &'static [ErrorId] =
        &[ErrorId::Unauthenticated, ErrorId::MemberBanned, ErrorId::Internal];
}

impl ErrorIds for UpdateProfileError {
    const IDS: &'static [ErrorId] =
        &[ErrorId::Unauthenticated, ErrorId::MemberBanned, ErrorId::Internal];
}

impl ErrorIds for EraseMemberError {
    const IDS: &'static [ErrorId] = &[ErrorId::Unauthenticated, ErrorId::Internal];
}

impl ErrorIds for BindPhoneError {
    const IDS: &'static [ErrorId] = &[
        ErrorId::PhoneCodeInvalid,
        ErrorId::Unauthenticated,
        ErrorId::UserBlocked,
        ErrorId::MemberBanned,
        ErrorId::Forbidden,
        ErrorId::Conflict,
        ErrorId::RateLimited,
        ErrorId::ProviderUnavailable,
        ErrorId::ProviderMisconfigured,
        ErrorId::Internal,
    ];
}

impl ErrorIds for UseSessionKeyError {
    const IDS: &'static [ErrorId] = &[
        ErrorId::InvalidRequest,
        ErrorId::UserBlocked,
        ErrorId::Forbidden,
        ErrorId::NotFound,
        ErrorId::RateLimited,
        ErrorId::ProviderUnavailable,
        ErrorId::ProviderMisconfigured,
        ErrorId::Internal,
    ];
}

impl ErrorIds for AuthenticateError {
    const IDS: &'static [ErrorId] = &[
        ErrorId::Unauthenticated,
        ErrorId::TokenExpired,
        ErrorId::SessionRevoked,
        ErrorId::MemberBanned,
        ErrorId::Internal,
    ];
}

impl ErrorIds for RefreshError {
    const IDS: &'static [ErrorId] = &[
        ErrorId::Unauthenticated,
        ErrorId::SessionRevoked,
        ErrorId::MemberBanned,
        ErrorId::Forbidden,
        ErrorId::RateLimited,
        ErrorId::Internal,
    ];
}

impl ErrorIds for ReceivePushError {
    const IDS: &'static [ErrorId] =
        &[ErrorId::InvalidRequest, ErrorId::Forbidden, ErrorId::NotFound, ErrorId::Internal];
}

impl ErrorIds for EndSessionError {
    const IDS: &'static [ErrorId] = &[ErrorId::NotFound, ErrorId::Internal];
}

impl ErrorIds for SignInError {
    const IDS: &'static [ErrorId] = &[ErrorId::Unauthenticated, ErrorId::Internal];
}

impl ErrorIds for AuthenticateAdminError {
    const IDS: &'static [ErrorId] = &[ErrorId::Unauthenticated, ErrorId::Internal];
}

impl ErrorIds for ManageAdminsError {
    const IDS: &'static [ErrorId] =
        &[ErrorId::Unauthenticated, ErrorId::Forbidden, ErrorId::NotFound, ErrorId::Internal];
}

impl ErrorIds for ManageAppsError {
    const IDS: &'static [ErrorId] = &[
        ErrorId::InvalidRequest,
        ErrorId::Forbidden,
        ErrorId::NotFound,
        ErrorId::Conflict,
        ErrorId::Internal,
    ];
}

impl ErrorIds for ManageMembersError {
    const IDS: &'static [ErrorId] = &[ErrorId::Forbidden, ErrorId::NotFound, ErrorId::Internal];
}

impl ErrorIds for QueryAuditLogError {
    const IDS: &'static [ErrorId] = &[ErrorId::Forbidden, ErrorId::Internal];
}

impl ErrorIds for WatchServiceError {
    const IDS: &'static [ErrorId] = &[ErrorId::Forbidden, ErrorId::Internal];
}

impl ErrorIds for StoreError {
    const IDS: &'static [ErrorId] = &[ErrorId::Internal];
}

/// Adds failures to an operation: one response a status, one example an id.
pub(crate) fn document(components: &mut Components, operation: &mut Operation, ids: &[ErrorId]) {
    let schema = envelope::failure_schema(components);
    for id in ids {
        let response = operation.responses.entry(id.status().as_str().to_owned());
        let RefOr::Type(response) = response.or_insert_with(|| RefOr::Type(Response::default()))
        else {
            continue;
        };
        let content = response.contents.entry("application/json".to_owned());
        let content = content.or_insert_with(|| Content::new(schema.clone()));
        if content.examples.contains_key(id.id()) {
            continue;
        }
        let example = Example::new().value(envelope::failure_example(*id));
        content.examples.insert(id.id().to_owned(), example.into());
        let line_break = if response.description.is_empty() { "" } else { "\n" };
        response.description.extend([line_break, "- `", id.id(), "`: ", id.meaning()]);
        if let StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE = id.status() {
            response.headers.insert("retry-after".to_owned(), retry_after());
        }
    }
}

fn retry_after() -> Header {
    Header::new(Object::with_type(BasicType::Integer).minimum(1))
        .description("Seconds to wait before trying again.")
        .required(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use domain::model::admin::{NotInvited, Role, RoleRequired};
    use domain::model::app::registered::{NoRotation, RotationInProgress};
    use domain::model::identity::UnionIdChanged;
    use domain::model::member::{Banned, MemberId};
    use domain::model::rate_limit::RateLimited;
    use domain::ports::app::AppDisabled;
    use domain::ports::app::BuildAppError;
    use domain::ports::login_seal::UnsealError;
    use domain::ports::passwords::HashError;
    use domain::ports::provider::{ProviderError, ProviderFailure};
    use domain::ports::pushes::PushRejected;
    use domain::ports::store::error::Contention;
    use domain::ports::tokens::{SigningError, TokenRejected};
    use uuid::Uuid;

    use super::*;

    fn provider_errors() -> impl Iterator<Item = ProviderError> {
        let retry_after = Duration::from_secs(1);
        let failures = [
            ProviderFailure::CodeInvalid,
            ProviderFailure::CodeUsed,
            ProviderFailure::UserBlocked,
            ProviderFailure::Refused,
            ProviderFailure::Throttled { retry_after },
            ProviderFailure::Unavailable { retry_after },
            ProviderFailure::Misconfigured,
        ];
        failures.into_iter().map(|failure| ProviderError::new(failure, "a cause"))
    }

    fn verify_errors() -> impl Iterator<Item = CodeExchangeError> {
        let others = [CodeExchangeError::UnknownApp, CodeExchangeError::AppDisabled(AppDisabled)];
        provider_errors().map(CodeExchangeError::from).chain(others)
    }

    fn store() -> StoreError {
        StoreError::new("a cause")
    }

    /// The document tells of every id that the errors become, and of no other.
    fn assert_told<E: ErrorIds>(errors: impl IntoIterator<Item = E>) {
        let become_ids: BTreeSet<ErrorId> =
            errors.into_iter().map(|error| error.into().id).collect();
        assert_eq!(become_ids, E::IDS.iter().copied().collect());
    }

    #[test]
    fn the_document_tells_of_every_id_that_an_error_becomes() {
        let others = [
            LoginError::GuestAccount,
            LoginError::PhoneRequired,
            LoginError::RegistrationClosed,
            LoginError::Banned { member: None },
            LoginError::PhoneTaken { phone_required: false, source: Contention::new("x") },
            LoginError::PhoneTaken { phone_required: true, source: Contention::new("x") },
            LoginError::MergeRequired,
            LoginError::UnionIdChanged(UnionIdChanged { member: MemberId(Uuid::nil()) }),
            LoginError::CodeUsed,
            LoginError::Shared(Arc::new(LoginError::Store(store()))),
            LoginError::Unseal(UnsealError("a cause".into())),
            LoginError::Store(store()),
            LoginError::Signing(SigningError("a cause".into())),
        ];
        let phone = provider_errors().map(LoginError::Phone);
        assert_told(verify_errors().map(LoginError::from).chain(phone).chain(others));
        assert_told(verify_errors());
        assert_told([
            GetProfileError::NotFound,
            GetProfileError::Banned(Banned),
            GetProfileError::Store(store()),
        ]);
        assert_told([
            UpdateProfileError::NotFound,
            UpdateProfileError::Banned(Banned),
            UpdateProfileError::Store(store()),
        ]);
        let others = [
            BindPhoneError::NotFound,
            BindPhoneError::Undecipherable,
            BindPhoneError::PhoneTaken,
            BindPhoneError::AppDisabled(AppDisabled),
            BindPhoneError::Banned(Banned),
            BindPhoneError::Store(store()),
        ];
        assert_told(provider_errors().map(BindPhoneError::from).chain(others));
        let others = [
            UseSessionKeyError::UnknownApp,
            UseSessionKeyError::NotKept,
            UseSessionKeyError::AppDisabled(AppDisabled),
            UseSessionKeyError::NoKey,
            UseSessionKeyError::Store(store()),
        ];
        assert_told(provider_errors().map(UseSessionKeyError::from).chain(others));
        assert_told([EraseMemberError::NotFound, EraseMemberError::Store(store())]);
        assert_told([
            AuthenticateError::Token(TokenRejected::Invalid),
            AuthenticateError::Token(TokenRejected::Expired),
            AuthenticateError::SessionEnded,
            AuthenticateError::Banned(Banned),
            AuthenticateError::Store(store()),
        ]);
        assert_told([
            RefreshError::Invalid,
            RefreshError::RateLimited(RateLimited { retry_after: Duration::from_secs(1) }),
            RefreshError::Ended,
            RefreshError::Reused,
            RefreshError::AppDisabled(AppDisabled),
            RefreshError::Banned(Banned),
            RefreshError::Store(store()),
            RefreshError::Signing(SigningError("a cause".into())),
        ]);
        let rejected = [
            PushRejected::Forged,
            PushRejected::WrongRecipient,
            PushRejected::Malformed("a cause"),
        ];
        assert_told(rejected.into_iter().map(ReceivePushError::from).chain([
            ReceivePushError::UnknownApp,
            ReceivePushError::Stale,
            ReceivePushError::Replayed,
            ReceivePushError::Store(store()),
        ]));
        assert_told([EndSessionError::NotFound, EndSessionError::Store(store())]);
        assert_told([store()]);
    }

    #[test]
    fn the_document_tells_administrators_as_much() {
        assert_told([
            SignInError::Refused,
            SignInError::Hash(HashError("a cause".into())),
            SignInError::Store(store()),
        ]);
        assert_told([AuthenticateAdminError::SignedOut, AuthenticateAdminError::Store(store())]);
        assert_told([
            ManageAdminsError::Forbidden(RoleRequired(Role::Admin)),
            ManageAdminsError::SelfModification,
            ManageAdminsError::NotFound,
            ManageAdminsError::NotInvited(NotInvited),
            ManageAdminsError::WrongPassword,
            ManageAdminsError::Hash(HashError("a cause".into())),
            ManageAdminsError::Store(store()),
        ]);
        assert_told([
            ManageMembersError::Forbidden(RoleRequired(Role::Operator)),
            ManageMembersError::NotFound,
            ManageMembersError::Store(store()),
        ]);
        assert_told([
            ManageAppsError::Forbidden(RoleRequired(Role::Admin)),
            ManageAppsError::NotFound,
            ManageAppsError::Configured,
            ManageAppsError::Taken,
            ManageAppsError::RotationInProgress(RotationInProgress),
            ManageAppsError::NoRotation(NoRotation),
            ManageAppsError::InUse,
            ManageAppsError::InvalidSecret(BuildAppError::Secret("a cause".into())),
            ManageAppsError::InvalidSecret(BuildAppError::Push("a cause".into())),
            ManageAppsError::InvalidSecret(BuildAppError::Sealed("a cause".into())),
            ManageAppsError::Store(store()),
        ]);
        assert_told([
            QueryAuditLogError::Forbidden(RoleRequired(Role::Viewer)),
            QueryAuditLogError::Store(store()),
        ]);
        assert_told([
            WatchServiceError::Forbidden(RoleRequired(Role::Viewer)),
            WatchServiceError::Store(store()),
        ]);
    }
}
