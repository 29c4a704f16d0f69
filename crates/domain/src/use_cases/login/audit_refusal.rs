//! Somebody was not let in: what goes on record of that.

use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::fingerprint::Fingerprint;
use crate::model::member::MemberId;
use crate::ports::app::App;
use crate::ports::provider::{ProviderError, ProviderFailure};
use crate::ports::store::error::StoreError;
use crate::use_cases::app::registry::CodeExchangeError;
use crate::use_cases::login::{Login, LoginError};
use crate::use_cases::retry::retry_on_contention;

/// Why somebody was not let in, as the record has it.
pub(super) enum RefusalReason {
    /// The code let somebody in before.
    CodeUsed,
    /// The provider contradicts what it said of this member.
    UnionIdChanged(MemberId),
    /// This member is banned, or one who was erased.
    Banned(Option<MemberId>),
    /// Something that is known of nobody in particular.
    Other(&'static str),
}

impl LoginError {
    /// Why the login was refused; `None` where it failed, which says nothing about who asked.
    fn refusal(&self) -> Option<RefusalReason> {
        match self {
            Self::Verify(CodeExchangeError::Provider(error)) => {
                refusal_by(error, RefusalReason::CodeUsed)
            }
            Self::Phone(error) => refusal_by(error, RefusalReason::Other("phone_code_used")),
            Self::CodeUsed => Some(RefusalReason::CodeUsed),
            Self::UnionIdChanged(changed) => Some(RefusalReason::UnionIdChanged(changed.member)),
            Self::Banned { member } => Some(RefusalReason::Banned(*member)),
            Self::GuestAccount => Some(RefusalReason::Other("guest_account")),
            Self::PhoneRequired => Some(RefusalReason::Other("phone_required")),
            Self::RegistrationClosed => Some(RefusalReason::Other("registration_closed")),
            Self::PhoneTaken { .. } => Some(RefusalReason::Other("phone_taken")),
            Self::MergeRequired => Some(RefusalReason::Other("merge_required")),
            Self::Verify(CodeExchangeError::UnknownApp | CodeExchangeError::AppDisabled(_))
            | Self::Shared(_)
            | Self::Store(_)
            | Self::Signing(_)
            | Self::Unseal(_) => None,
        }
    }

    /// Whether the code was redeemed before, be it us or the provider who knows.
    pub(super) fn is_code_used(&self) -> bool {
        matches!(self.refusal(), Some(RefusalReason::CodeUsed))
    }
}

fn refusal_by(error: &ProviderError, code_used: RefusalReason) -> Option<RefusalReason> {
    match error.failure {
        ProviderFailure::CodeUsed => Some(code_used),
        ProviderFailure::CodeInvalid => Some(RefusalReason::Other("code_invalid")),
        ProviderFailure::UserBlocked => Some(RefusalReason::Other("user_blocked")),
        ProviderFailure::Refused => Some(RefusalReason::Other("refused_by_provider")),
        ProviderFailure::Throttled { .. }
        | ProviderFailure::Unavailable { .. }
        | ProviderFailure::Misconfigured => None,
    }
}

impl Login {
    /// The outcome, after a refusal was recorded. That this may fail changes nothing for the client.
    pub(super) async fn audit_refusal<T>(
        &self,
        app: &App,
        code: Fingerprint,
        outcome: Result<T, LoginError>,
    ) -> Result<T, LoginError> {
        if let Some(refusal) = outcome.as_ref().err().and_then(LoginError::refusal)
            && let Err(error) = self.record(app, code, refusal).await
        {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(error, "a security event was not recorded");
        }
        outcome
    }

    async fn record(
        &self,
        app: &App,
        code: Fingerprint,
        refusal: RefusalReason,
    ) -> Result<(), StoreError> {
        let refused = |why: &str| self.events.event(AuditKind::LoginRefused).with_detail(why);
        let event = match refusal {
            RefusalReason::CodeUsed => match self.redemptions.find_redemption(&code).await? {
                Some(redeemed) => {
                    let event = self.events.event(AuditKind::LoginCodeReused);
                    event.with_member(redeemed.member).in_session(redeemed.session)
                }
                None => refused("code_used"),
            },
            RefusalReason::UnionIdChanged(member) => {
                self.events.event(AuditKind::UnionIdChanged).with_member(member)
            }
            RefusalReason::Banned(member) => AuditEvent { member, ..refused("banned") },
            RefusalReason::Other(why) => refused(why),
        };
        let event = AuditEvent { app: Some(app.name.clone()), ..event };
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.audit().record(&event).await?;
            work.commit().await
        })
        .await
    }
}
