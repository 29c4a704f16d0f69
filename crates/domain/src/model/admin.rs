//! Administrators: who looks after members, what each may do, and how long they stay signed in.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};
use uuid::Uuid;

use crate::model::fingerprint::Fingerprint;
use crate::model::id::uuid_v7;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// How long an invitation can be accepted.
pub const INVITATION_TTL: Duration = Duration::from_hours(24);

/// The longest name of an administrator, in bytes.
pub const ADMIN_NAME_MAX: usize = 64;

/// An administrator's lasting id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdminId(pub Uuid);

/// What an administrator signs in with: an address or a short name, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdminName(String);

/// The text is no name of an administrator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {ADMIN_NAME_MAX} of a to z, 0 to 9 and . _ + @ -")]
pub struct MalformedAdminName;

impl AdminName {
    /// Takes a name as it stands.
    pub fn parse(raw: &str) -> Result<Self, MalformedAdminName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._+@-".contains(&b);
        let fits = (1..=ADMIN_NAME_MAX).contains(&raw.len());
        if fits && raw.bytes().all(allowed) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(MalformedAdminName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an administrator may do; each role may all that the ones before may.
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
    /// Looks at members, with phone numbers masked, at what happened, and at statistics.
    Viewer,
    /// Bans members and lets them in again, ends their sessions, sees whole phone numbers.
    Operator,
    /// Erases members, and decides who else is an administrator.
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

/// A way to choose a password, for whoever has the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The code.
    pub code: Fingerprint,
    /// Until when.
    pub expires_at: Timestamp,
}

/// An account. It is never deleted, so that the record can say who did what; who leaves is shut out.
///
/// `version` is the number of changes so far, as with [`crate::model::member::Member`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Who this is.
    pub id: AdminId,
    /// What they sign in with; nobody else's.
    pub name: AdminName,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in at all.
    pub active: bool,
    /// Their password, once they have chosen one.
    pub password: Option<PasswordHash>,
    /// Their invitation, until they have accepted it.
    pub invitation: Option<Invitation>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// How often it changed.
    pub version: u32,
}

/// The code is no invitation of this account's, or one no more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such invitation any more")]
pub struct NotInvited;

impl Admin {
    /// An account that nobody can use before they accept an invitation.
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

    /// Lets whoever has the code choose a password. The one there is stays good until then.
    pub fn invite(&mut self, code: Fingerprint, now: Timestamp) {
        self.invitation = Some(Invitation { code, expires_at: now.plus(INVITATION_TTL) });
    }

    /// Takes the password of whoever has the code, which is good for one.
    pub fn accept(
        &mut self,
        code: &Fingerprint,
        password: PasswordHash,
        now: Timestamp,
    ) -> Result<(), NotInvited> {
        let good =
            |invitation: &Invitation| invitation.code == *code && now < invitation.expires_at;
        if !self.active || !self.invitation.as_ref().is_some_and(good) {
            return Err(NotInvited);
        }
        self.invitation = None;
        self.password = Some(password);
        Ok(())
    }
}

/// How long administrators stay signed in.
#[derive(Clone, Copy, Debug)]
pub struct AdminSessionPolicy {
    /// Without doing anything.
    pub idle: Duration,
    /// At most.
    pub absolute: Duration,
}

/// An administrator's sign-in on one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSession {
    /// The token that stands for it.
    pub token: Fingerprint,
    /// Whose it is.
    pub admin: AdminId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
}

/// How much later than `used_at` a use has to be to be worth writing down.
const LAST_USED_RESOLUTION: Duration = Duration::from_mins(1);

impl AdminSession {
    /// Whether it lasts at `now`.
    #[must_use]
    pub fn is_alive(&self, policy: &AdminSessionPolicy, now: Timestamp) -> bool {
        now < self.expires_at(policy)
    }

    /// When it ends if it is not used until then.
    #[must_use]
    pub fn expires_at(&self, policy: &AdminSessionPolicy) -> Timestamp {
        self.used_at.plus(policy.idle).min(self.created_at.plus(policy.absolute))
    }

    /// Whether its use at `now` is to be written down.
    #[must_use]
    pub fn is_noteworthy(&self, now: Timestamp) -> bool {
        now >= self.used_at.plus(LAST_USED_RESOLUTION)
    }
}

/// An administrator who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPrincipal {
    /// Who it is.
    pub id: AdminId,
    /// What they are called.
    pub name: AdminName,
    /// What they may do.
    pub role: Role,
    /// The token of their session.
    pub session: Fingerprint,
    /// When that ends if it is not used until then.
    pub expires_at: Timestamp,
}

/// The administrator may not do this.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this takes the role {}", .0.name())]
pub struct RoleRequired(pub Role);

impl AdminPrincipal {
    /// Lets only those pass who have this role, or one that may more.
    pub fn require_role(&self, role: Role) -> Result<(), RoleRequired> {
        if self.role >= role { Ok(()) } else { Err(RoleRequired(role)) }
    }
}

/// The shortest password, in Unicode scalar values.
pub const ADMIN_PASSWORD_MIN: usize = 12;

/// The longest password, in bytes.
pub const ADMIN_PASSWORD_MAX: usize = 256;

/// A password that somebody shows or chooses.
#[derive(Debug)]
pub struct AdminPassword(SecretString);

/// Why a text is not taken as a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a password has at least {ADMIN_PASSWORD_MIN} characters and at most {ADMIN_PASSWORD_MAX} bytes"
)]
pub struct InvalidPassword;

impl AdminPassword {
    /// Takes what somebody wants to sign in with from now on. Long is all that it must be: rules about
    /// digits and signs make passwords that people write down.
    pub fn new_password(raw: &str) -> Result<Self, InvalidPassword> {
        let long = raw.chars().count() >= ADMIN_PASSWORD_MIN;
        if long { Self::parse(raw) } else { Err(InvalidPassword) }
    }

    /// Takes what somebody shows.
    pub fn parse(raw: &str) -> Result<Self, InvalidPassword> {
        let fits = (1..=ADMIN_PASSWORD_MAX).contains(&raw.len());
        if fits { Ok(Self(raw.into())) } else { Err(InvalidPassword) }
    }

    /// The password itself.
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
    fn a_role_may_all_that_the_ones_before_may() {
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
    fn an_invitation_is_good_once_in_time_and_for_its_code() {
        let mut admin = admin();
        assert_eq!(admin.accept(&CODE, hash("a"), NOW), Err(NotInvited), "nobody invited them");
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
    fn who_is_shut_out_accepts_no_invitation() {
        let mut admin = Admin { active: false, ..admin() };
        admin.invite(CODE, NOW);
        assert_eq!(admin.accept(&CODE, hash("a"), NOW), Err(NotInvited));
    }

    #[test]
    fn a_session_ends_when_idle_and_at_its_absolute_end() {
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
        assert!(!session.is_noteworthy(NOW.plus(Duration::from_secs(59))));
        assert!(session.is_noteworthy(at(1)));
    }

    #[test]
    fn names_are_plain_and_passwords_long() {
        for name in ["ann", "ann.b+c_d-e@example.com", &"a".repeat(64)] {
            assert_eq!(AdminName::parse(name).unwrap().as_str(), name);
        }
        for bad in ["", "Ann", "a b", "安", "a\0", &"a".repeat(65)] {
            assert_eq!(AdminName::parse(bad), Err(MalformedAdminName), "{bad:?}");
        }
        assert!(AdminPassword::new_password("twelve chars").is_ok());
        assert!(AdminPassword::new_password("十二个字的密码也是可以的").is_ok());
        assert!(AdminPassword::new_password("eleven char").is_err());
        assert!(AdminPassword::parse("short").is_ok());
        assert!(AdminPassword::parse("").is_err());
        assert!(AdminPassword::parse(&"x".repeat(257)).is_err());
    }

    #[test]
    fn no_password_shows_in_debug_output() {
        let shown = format!("{:?} {:?}", AdminPassword::parse("canary").unwrap(), hash("canary"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
