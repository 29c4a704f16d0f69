//! Administrators: accounts, roles, invitations, passwords and sessions.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};
use uuid::Uuid;

use crate::model::fingerprint::Fingerprint;
use crate::model::id::uuid_v7;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Lifetime of an invitation.
pub const INVITATION_TTL: Duration = Duration::from_hours(24);

/// Maximum length of an administrator's name, in bytes.
pub const MAX_ADMIN_NAME_BYTES: usize = 64;

/// Permanent id of an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdminId(pub Uuid);

/// Sign-in name of an administrator: an email address or a short name, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdminName(String);

/// Error: the text is not a valid administrator name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_ADMIN_NAME_BYTES} of a to z, 0 to 9 and . _ + @ -")]
pub struct MalformedAdminName;

impl AdminName {
    /// Validates a name; it is stored unchanged.
    pub fn parse(raw: &str) -> Result<Self, MalformedAdminName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._+@-".contains(&b);
        let is_length_valid = (1..=MAX_ADMIN_NAME_BYTES).contains(&raw.len());
        if !is_length_valid || !raw.bytes().all(allowed) {
            return Err(MalformedAdminName);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Role of an administrator. Each role includes the permissions of the roles before it.
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
pub enum Role {
    /// Read access to members (phone numbers masked), the audit log and statistics.
    Viewer,
    /// Bans and unbans members, ends their sessions, and sees full phone numbers.
    Operator,
    /// Erases members, and manages administrators and apps.
    Admin,
}

impl Role {
    /// All roles, the one with the fewest permissions first.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// Stored and public names of the roles, in the order of [`Self::ALL`].
    pub const NAMES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Stored and public name of the role.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the role with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// A password's hash in PHC string format. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// One-time permission to set an account's password, held by the bearer of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Fingerprint of the invitation code.
    pub code: Fingerprint,
    /// End of the invitation's lifetime.
    pub expires_at: Timestamp,
}

/// Account of an administrator.
///
/// Accounts are deactivated and never deleted, so that every audit event keeps its actor. `version` is
/// the number of changes so far, as with [`crate::model::member::Member`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Permanent id.
    pub id: AdminId,
    /// Sign-in name; unique.
    pub name: AdminName,
    /// Role.
    pub role: Role,
    /// `false` if the account is deactivated and cannot sign in.
    pub active: bool,
    /// Hash of the password; `None` until the first invitation is accepted.
    pub password: Option<PasswordHash>,
    /// Pending invitation; `None` once it is accepted.
    pub invitation: Option<Invitation>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Number of changes so far.
    pub version: u32,
}

/// Error: the code is not a pending invitation of this account.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the invitation is unknown, used or expired")]
pub struct NotInvited;

impl Admin {
    /// Creates an account without a password. It cannot be used until an invitation is accepted.
    #[must_use]
    pub fn new(name: AdminName, role: Role, now: Timestamp, random: &dyn Random) -> Self {
        Self {
            id: AdminId(uuid_v7(now, random)),
            name,
            role,
            active: true,
            password: None,
            invitation: None,
            created_at: now,
            version: 0,
        }
    }

    /// Fails unless the account is active and has this role or one that includes it.
    pub fn ensure_role(&self, role: Role) -> Result<(), RoleRequired> {
        if !self.active || self.role < role {
            return Err(RoleRequired(role));
        }
        Ok(())
    }

    /// Adds an invitation and replaces the pending one. The current password stays valid until the
    /// invitation is accepted.
    pub fn invite(&mut self, code: Fingerprint, now: Timestamp) {
        self.invitation = Some(Invitation { code, expires_at: now.plus(INVITATION_TTL) });
    }

    /// Redeems the invitation code and sets the password. Each code can be redeemed once.
    pub fn accept(
        &mut self,
        code: &Fingerprint,
        password: PasswordHash,
        now: Timestamp,
    ) -> Result<(), NotInvited> {
        let is_redeemable =
            |invitation: &Invitation| invitation.code == *code && now < invitation.expires_at;
        if !self.active || !self.invitation.as_ref().is_some_and(is_redeemable) {
            return Err(NotInvited);
        }
        self.invitation = None;
        self.password = Some(password);
        Ok(())
    }
}

/// Lifetimes of administrators' sessions.
#[derive(Clone, Copy, Debug)]
pub struct AdminSessionPolicy {
    /// Maximum idle time.
    pub idle: Duration,
    /// Maximum lifetime, however often the session is used.
    pub absolute: Duration,
}

/// Session of an administrator in one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSession {
    /// Fingerprint of the session token.
    pub token: Fingerprint,
    /// Administrator who signed in.
    pub admin: AdminId,
    /// Time of the sign-in.
    pub created_at: Timestamp,
    /// Time of the last use, to the minute.
    pub used_at: Timestamp,
}

/// Minimum interval between two stored uses of a session; it saves a write for most requests.
const LAST_USED_RESOLUTION: Duration = Duration::from_mins(1);

impl AdminSession {
    /// Returns `true` if the session has not expired at `now`.
    #[must_use]
    pub fn is_alive(&self, policy: &AdminSessionPolicy, now: Timestamp) -> bool {
        now < self.expires_at(policy)
    }

    /// Returns the time at which it expires if it is not used before.
    #[must_use]
    pub fn expires_at(&self, policy: &AdminSessionPolicy) -> Timestamp {
        self.used_at.plus(policy.idle).min(self.created_at.plus(policy.absolute))
    }

    /// Returns `true` if the use at `now` must be stored: [`Self::used_at`] is a minute old or older.
    #[must_use]
    pub fn is_touch_due(&self, now: Timestamp) -> bool {
        now >= self.used_at.plus(LAST_USED_RESOLUTION)
    }
}

/// Authenticated administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPrincipal {
    /// Account id.
    pub id: AdminId,
    /// Sign-in name.
    pub name: AdminName,
    /// Role.
    pub role: Role,
    /// Fingerprint of the session token.
    pub session: Fingerprint,
    /// Expiry of the session if it is not used before.
    pub expires_at: Timestamp,
}

/// Error: the administrator does not have the required role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation requires the role {}", .0.name())]
pub struct RoleRequired(pub Role);

impl AdminPrincipal {
    /// Fails unless the administrator has this role or one that includes it.
    pub fn require_role(&self, role: Role) -> Result<(), RoleRequired> {
        if self.role < role {
            return Err(RoleRequired(role));
        }
        Ok(())
    }
}

/// Minimum length of a new password, in Unicode scalar values.
pub const MIN_ADMIN_PASSWORD_CHARS: usize = 12;

/// Maximum length of a password, in Unicode scalar values.
pub const MAX_ADMIN_PASSWORD_CHARS: usize = 256;

/// Password in plain text, entered at a sign-in or chosen for an account. `Debug` does not show it.
#[derive(Debug)]
pub struct AdminPassword(SecretString);

/// Error: the text is not a valid password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password has {MIN_ADMIN_PASSWORD_CHARS} to {MAX_ADMIN_PASSWORD_CHARS} characters")]
pub struct InvalidPassword;

impl AdminPassword {
    /// Validates a new password. Length is the only rule: required digits and symbols lead to
    /// passwords that people write down.
    pub fn new_password(raw: &str) -> Result<Self, InvalidPassword> {
        if raw.chars().count() < MIN_ADMIN_PASSWORD_CHARS {
            return Err(InvalidPassword);
        }
        Self::parse(raw)
    }

    /// Validates a password entered at a sign-in.
    pub fn parse(raw: &str) -> Result<Self, InvalidPassword> {
        if !(1..=MAX_ADMIN_PASSWORD_CHARS).contains(&raw.chars().count()) {
            return Err(InvalidPassword);
        }
        Ok(Self(raw.into()))
    }

    /// Returns the password in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::MockRandom;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000);
    const CODE: Fingerprint = Fingerprint([1; 32]);

    fn admin() -> Admin {
        let mut random = MockRandom::new();
        random.expect_fill().returning(|bytes| bytes.fill(7));
        Admin::new(AdminName::parse("ann").unwrap(), Role::Operator, NOW, &random)
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHash(text.to_owned())
    }

    #[test]
    fn roles_include_the_permissions_of_lower_roles() {
        for (n, &role) in Role::ALL.iter().enumerate() {
            assert_eq!(Role::from_name(role.name()), Some(role));
            let administrator = AdminPrincipal {
                id: admin().id,
                name: admin().name,
                role,
                session: CODE,
                expires_at: NOW,
            };
            for (m, &needed) in Role::ALL.iter().enumerate() {
                assert_eq!(
                    administrator.require_role(needed).is_ok(),
                    n >= m,
                    "{role:?} {needed:?}"
                );
            }
        }
    }

    #[test]
    fn invitation_is_redeemed_once_with_its_code_before_it_expires() {
        let mut admin = admin();
        assert_eq!(admin.accept(&CODE, hash("a"), NOW), Err(NotInvited), "there is no invitation");
        admin.invite(CODE, NOW);
        let other = Fingerprint([2; 32]);
        assert_eq!(admin.accept(&other, hash("a"), NOW), Err(NotInvited));
        let late = NOW.plus(INVITATION_TTL);
        assert_eq!(admin.accept(&CODE, hash("a"), late), Err(NotInvited));
        assert_eq!(admin.password, None);
        assert_eq!(admin.accept(&CODE, hash("a"), NOW), Ok(()));
        assert_eq!(admin.password, Some(hash("a")));
        assert_eq!(admin.accept(&CODE, hash("b"), NOW), Err(NotInvited));
    }

    #[test]
    fn deactivated_admin_cannot_accept_an_invitation() {
        let mut admin = Admin { active: false, ..admin() };
        admin.invite(CODE, NOW);
        assert_eq!(admin.accept(&CODE, hash("a"), NOW), Err(NotInvited));
    }

    #[test]
    fn admin_session_expires_when_idle_and_at_its_maximum_lifetime() {
        let policy = AdminSessionPolicy {
            idle: Duration::from_mins(30),
            absolute: Duration::from_hours(12),
        };
        let at = |minutes: u64| NOW.plus(Duration::from_mins(minutes));
        let session =
            AdminSession { token: CODE, admin: admin().id, created_at: NOW, used_at: NOW };
        assert!(session.is_alive(&policy, at(29)) && !session.is_alive(&policy, at(30)));
        let busy = AdminSession { used_at: at(719), ..session.clone() };
        assert!(busy.is_alive(&policy, at(719)) && !busy.is_alive(&policy, at(720)));
        assert!(!session.is_touch_due(NOW.plus(Duration::from_secs(59))));
        assert!(session.is_touch_due(at(1)));
    }

    #[test]
    fn admin_name_and_password_validation() {
        for name in ["ann", "ann.b+c_d-e@example.com", &"a".repeat(64)] {
            assert_eq!(AdminName::parse(name).unwrap().as_str(), name);
        }
        for bad in ["", "Ann", "a b", "安", "a\0", &"a".repeat(65)] {
            assert_eq!(AdminName::parse(bad), Err(MalformedAdminName), "{bad:?}");
        }
        assert!(AdminPassword::new_password("twelve chars").is_ok());
        assert!(AdminPassword::new_password("十二个字的密码也是可以的").is_ok());
        assert!(AdminPassword::new_password("eleven char").is_err());
        for character in ["x", "密", "🔑"] {
            let longest = character.repeat(MAX_ADMIN_PASSWORD_CHARS);
            assert!(AdminPassword::parse(&longest).is_ok());
            assert!(AdminPassword::parse(&format!("{longest}{character}")).is_err());
        }
        assert!(AdminPassword::parse("short").is_ok());
        assert!(AdminPassword::parse("").is_err());
        assert!(AdminPassword::parse(&"x".repeat(257)).is_err());
    }

    #[test]
    fn debug_output_hides_passwords() {
        let shown = format!("{:?} {:?}", AdminPassword::parse("canary").unwrap(), hash("canary"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
