//! Audit of refused logins.

use std::sync::Arc;

use crate::model::app::name::AppName;
use crate::model::audit::AuditKind;
use crate::model::audit::refusals::RefusalCounts;
use crate::model::fingerprint::Fingerprint;
use crate::model::member::MemberId;
use crate::model::timestamp::Timestamp;
use crate::ports::provider::{ProviderError, ProviderFailure};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::redemptions::RedemptionReader;
use crate::use_cases::app::registry::CodeExchangeError;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::login::error::LoginError;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Reason of a refusal, for the audit log.
enum RefusalReason {
    /// The code was redeemed before.
    CodeUsed,
    /// The provider returned another union id for this member.
    UnionIdChanged(MemberId),
    /// The member is banned; `None` if they were erased.
    Banned(Option<MemberId>),
    /// Any other reason, by its audit detail.
    Other(&'static str),
}

impl LoginError {
    /// Returns the reason of a refusal; `None` for failures that are not caused by the user.
    fn refusal(&self) -> Option<RefusalReason> {
        match self {
            Self::Verify(CodeExchangeError::Provider(error)) => {
                provider_refusal(error, RefusalReason::CodeUsed)
            }
            Self::Phone(error) => provider_refusal(error, RefusalReason::Other("phone_code_used")),
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

    /// Checks if the login code was redeemed before, according to the store or the provider.
    pub(super) fn is_code_used(&self) -> bool {
        matches!(self.refusal(), Some(RefusalReason::CodeUsed))
    }
}

fn provider_refusal(error: &ProviderError, code_used: RefusalReason) -> Option<RefusalReason> {
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

/// Writes refused logins to the audit log: one event for each that concerns a known member, and counts for the
/// others, which any client can cause.
pub(super) struct RefusalAudit {
    store: Arc<dyn Store>,
    redemptions: Arc<dyn RedemptionReader>,
    counts: Arc<RefusalCounts>,
    events: EventFactory,
}

impl RefusalAudit {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            redemptions: ports.readers.redemptions.clone(),
            counts: ports.refusals.clone(),
            events: EventFactory::new(ports),
        }
    }

    /// Records the error if it is a refusal. The client gets the same error even if this fails.
    pub(super) async fn record(
        &self,
        app: &AppName,
        code: Fingerprint,
        error: &LoginError,
        now: Timestamp,
    ) {
        let Some(refusal) = error.refusal() else { return };
        if let Err(error) = self.try_record(app, code, refusal, now).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(error, "audit of a refused login failed");
        }
    }

    async fn try_record(
        &self,
        app: &AppName,
        code: Fingerprint,
        refusal: RefusalReason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event = |kind, member| self.events.audit_event(kind, now).with_member(member);
        let event = match refusal {
            RefusalReason::CodeUsed => {
                let Some(redemption) = self.redemptions.find_redemption(&code).await? else {
                    self.count("code_used", app, now);
                    return Ok(());
                };
                let reused = event(AuditKind::LoginCodeReused, redemption.member);
                reused.in_session(redemption.session)
            }
            RefusalReason::UnionIdChanged(member) => event(AuditKind::UnionIdChanged, member),
            RefusalReason::Banned(Some(member)) => {
                event(AuditKind::LoginRefused, member).with_detail("banned")
            }
            RefusalReason::Banned(None) => {
                self.count("banned", app, now);
                return Ok(());
            }
            RefusalReason::Other(reason) => {
                self.count(reason, app, now);
                return Ok(());
            }
        };
        let event = event.in_app(app.clone());
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.audit().record(&event).await?;
            work.commit().await
        })
        .await
    }

    /// Counts a refusal that concerns no known member.
    fn count(&self, reason: &'static str, app: &AppName, now: Timestamp) {
        self.counts.count(AuditKind::LoginRefused, reason, Some(app.clone()), now);
    }
}
