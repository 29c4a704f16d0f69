//! Audit events: security-relevant operations and refusals.

pub mod query;
pub mod refusals;

use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};
use uuid::Uuid;

use crate::model::admin::AdminId;
use crate::model::app::name::AppName;
use crate::model::member::MemberId;
use crate::model::request_id::RequestId;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;

/// Audit event. It contains ids only, no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Id of the event; ids of later events sort later.
    pub id: Uuid,
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of the event.
    pub kind: AuditKind,
    /// Kind-specific detail, for example a refusal reason, a key id or a role.
    pub detail: Option<String>,
    /// Number of occurrences that the event stands for. It is 1, except for refusals without a known member.
    pub count: u32,
    /// Affected member.
    pub member: Option<MemberId>,
    /// Session in which it happened.
    pub session: Option<SessionId>,
    /// Member that was merged into the affected member.
    pub merged_member: Option<MemberId>,
    /// App in which it happened.
    pub app: Option<AppName>,
    /// Administrator who performed the operation.
    pub actor: Option<AdminId>,
    /// Affected administrator.
    pub target_admin: Option<AdminId>,
    /// Request in which it happened.
    pub request: Option<RequestId>,
}

/// Kind of an audit event.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum AuditKind {
    /// First login: a member was registered and logged in.
    Registered,
    /// An existing member logged in.
    LoggedIn,
    /// A login was refused; the detail is the reason.
    LoginRefused,
    /// A refresh token was reused after its grace period, or is newer than the database, as the detail
    /// states; the session was ended.
    RefreshTokenReused,
    /// The login code of the session was reused by another request.
    LoginCodeReused,
    /// The provider returned a different union id than before; the login was refused.
    UnionIdChanged,
    /// Another member of the same person was merged into this one.
    Merged,
    /// The member's phone number changed.
    PhoneChanged,
    /// An administrator viewed the member's full phone number.
    PhoneUnmasked,
    /// An administrator ended sessions of the member, or the operator those of all members; the detail
    /// states the latter.
    SessionsEnded,
    /// The member was banned, and all their sessions were ended.
    Banned,
    /// The member's ban was lifted.
    Unbanned,
    /// The member was erased; this event is all that remains of them.
    Erased,
    /// A signing key was added; the detail is its id.
    SigningKeyAdded,
    /// A signing key was scheduled to sign; the detail is its id.
    SigningKeyStarted,
    /// A signing key was removed and its tokens are rejected; the detail is its id.
    SigningKeyRemoved,
    /// The database was re-encrypted with a new sealing key.
    Rekeyed,
    /// An administrator was invited, or invited to set a new password; the detail is the role.
    AdminInvited,
    /// An administrator set a password.
    AdminPasswordSet,
    /// An administrator's role changed, or the account was deactivated; the detail states the change.
    AdminChanged,
    /// An administrator signed in.
    AdminSignedIn,
    /// A sign-in as an administrator was refused.
    AdminRefused,
    /// An app was registered.
    AppAdded,
    /// An app was changed; the detail names the settings.
    AppChanged,
    /// A rotation of an app's secret was started, finished or cancelled; the detail states which.
    AppSecretRotated,
    /// An app was disabled.
    AppDisabled,
    /// An app was enabled.
    AppEnabled,
    /// An app was removed.
    AppRemoved,
}

impl AuditKind {
    /// All kinds of audit events.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// Stored and public names of the kinds, in the order of [`Self::ALL`].
    pub const NAMES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Stored and public name of the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

impl AuditEvent {
    /// Sets the affected member.
    #[must_use]
    pub fn with_member(self, member: MemberId) -> Self {
        Self { member: Some(member), ..self }
    }

    /// Sets the app.
    #[must_use]
    pub fn in_app(self, app: AppName) -> Self {
        Self { app: Some(app), ..self }
    }

    /// Sets the session.
    #[must_use]
    pub fn in_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// Sets the administrator who performed the operation; `None` if no administrator did.
    #[must_use]
    pub fn with_actor(self, admin: Option<AdminId>) -> Self {
        Self { actor: admin, ..self }
    }

    /// Sets the kind-specific detail.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_kind_names_are_unique() {
        for &kind in AuditKind::ALL {
            assert_eq!(AuditKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(AuditKind::from_name("rained"), None);
    }
}
