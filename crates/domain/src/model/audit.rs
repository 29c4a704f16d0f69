//! What happened that matters to security, for those who look into it later.

pub mod query;

use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};
use uuid::Uuid;

use crate::model::admin::AdminId;
use crate::model::app::name::AppName;
use crate::model::member::MemberId;
use crate::model::request_id::RequestId;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;

/// An event. It names ids only, no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Which event this is; later ones sort later.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: AuditKind,
    /// What of that kind, in a word: why somebody was refused, which key or role it was about.
    pub detail: Option<String>,
    /// To which member.
    pub member: Option<MemberId>,
    /// In which session, where it was one's doing.
    pub session: Option<SessionId>,
    /// Which other member it is about: the one who was merged into this one.
    pub merged_member: Option<MemberId>,
    /// In which app.
    pub app: Option<AppName>,
    /// Which administrator did it.
    pub actor: Option<AdminId>,
    /// To which administrator it happened.
    pub target_admin: Option<AdminId>,
    /// In which request.
    pub request: Option<RequestId>,
}

/// What happened.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum AuditKind {
    /// Somebody became a member, and is logged in.
    Registered,
    /// A member logged in.
    LoggedIn,
    /// Somebody was not let in; the detail says why.
    LoginRefused,
    /// A refresh token was shown again after its grace; the session was ended.
    RefreshTokenReused,
    /// The login code behind the session was sent again, by somebody who does not know its request.
    LoginCodeReused,
    /// The provider named another union id than before; nobody was let in.
    UnionIdChanged,
    /// Another member turned out to be the same person, and is now this one.
    Merged,
    /// The member has another phone number than before.
    PhoneChanged,
    /// An administrator was shown the member's whole phone number.
    PhoneUnmasked,
    /// Sessions of the member were ended by an administrator.
    SessionsEnded,
    /// The member was banned, and all their sessions ended.
    Banned,
    /// The member was let in again.
    Unbanned,
    /// The member was erased; this is all that tells of them.
    Erased,
    /// A key was made that will sign access tokens; the detail names it.
    SigningKeyAdded,
    /// A key was given the time from which on it signs; the detail names it.
    SigningKeyStarted,
    /// A key is no longer believed; the detail names it.
    SigningKeyRemoved,
    /// The database was sealed anew.
    Rekeyed,
    /// Somebody was invited to become an administrator, or to choose another password; the detail is
    /// the role.
    AdminInvited,
    /// An administrator chose a password.
    AdminPasswordSet,
    /// An administrator was given another role, or was shut out; the detail says which.
    AdminChanged,
    /// An administrator signed in.
    AdminSignedIn,
    /// Somebody was refused who claimed to be an administrator.
    AdminRefused,
    /// An app was added.
    AppAdded,
    /// An app was changed; the detail says what of it.
    AppChanged,
    /// A new secret was put in the place of an app's, or that was ended or taken back; the detail says
    /// which.
    AppSecretRotated,
    /// An app lets nobody in from now on.
    AppDisabled,
    /// An app lets people in again.
    AppEnabled,
    /// An app is no more.
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
    /// The same, of a member.
    #[must_use]
    pub fn with_member(self, member: MemberId) -> Self {
        Self { member: Some(member), ..self }
    }

    /// The same, in an app.
    #[must_use]
    pub fn in_app(self, app: AppName) -> Self {
        Self { app: Some(app), ..self }
    }

    /// The same, in a session.
    #[must_use]
    pub fn in_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// The same, as an administrator's doing, if it was one's.
    #[must_use]
    pub fn with_actor(self, admin: Option<AdminId>) -> Self {
        Self { actor: admin, ..self }
    }

    /// The same, with what of its kind it was.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for &kind in AuditKind::ALL {
            assert_eq!(AuditKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(AuditKind::from_name("rained"), None);
    }
}
