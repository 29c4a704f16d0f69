//! Under which ids of which providers a member is known, and whose login an arrival is.

pub mod conflict_policy;

use std::fmt;

use strum::{EnumString, IntoStaticStr};

use crate::model::member::{Member, MemberId};
use crate::model::secret::SessionKey;

/// One id that a provider has for one user, comparable only within its namespace.
///
/// Compared byte by byte: WeChat's openids that differ in case only are different people. The value
/// is personal data, so `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Where the value means something, e.g. one app or one open-platform group. At most 128 bytes.
    pub namespace: String,
    /// Which of the provider's ids it is.
    pub kind: SubjectKind,
    /// The id itself. At most 128 bytes.
    pub value: String,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({} {:?})", self.namespace, self.kind)
    }
}

/// Which of a provider's ids a [`Subject`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SubjectKind {
    /// The user within one app: the id that logs in.
    OpenId,
    /// The user across the apps of one owner: an alias that may come late or never.
    UnionId,
}

impl SubjectKind {
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

/// What stands behind a successful answer of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A user of their own: the only one who may open a member.
    User,
    /// A device, a preview or a guest: an id, but nobody to remember.
    Guest,
}

/// What the provider says of the user behind a login code.
#[derive(Debug)]
pub struct ProviderIdentity {
    /// The id that logs in; which one it is, is the adapter's fixed rule.
    pub subject: Subject,
    /// Further ids of the same user.
    pub aliases: Vec<Subject>,
    /// What stands behind them.
    pub standing: AccountKind,
    /// The provider's session key, where it has one.
    pub session_key: Option<SessionKey>,
}

impl ProviderIdentity {
    /// All ids of the user, the one that logs in first.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        [&self.subject].into_iter().chain(&self.aliases)
    }

    /// The user's id across the apps of one owner, where the provider tells it.
    #[must_use]
    pub fn union_id(&self) -> Option<&str> {
        let union_id = self.aliases.iter().find(|alias| alias.kind == SubjectKind::UnionId);
        union_id.map(|alias| alias.value.as_str())
    }
}

/// A member, and every subject under which they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMember {
    /// Who owns the subjects.
    pub member: Member,
    /// All of theirs.
    pub subjects: Vec<Subject>,
}

/// A union id that belongs to a member would be replaced by another one: somebody is mistaken about
/// who this is, so nobody gets in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the union id of a known member has changed")]
pub struct UnionIdChanged {
    /// Whose it was.
    pub member: MemberId,
}

impl KnownMember {
    /// Refuses subjects that cannot be this member's too: one open-platform group has one union id per
    /// person.
    pub fn ensure_same_person(&self, subjects: &[Subject]) -> Result<(), UnionIdChanged> {
        let contradicts = |one: &Subject, other: &Subject| {
            one.kind == SubjectKind::UnionId
                && other.kind == SubjectKind::UnionId
                && one.namespace == other.namespace
                && one.value != other.value
        };
        let contradicted =
            |new: &Subject| self.subjects.iter().any(|known| contradicts(known, new));
        if subjects.iter().any(contradicted) {
            Err(UnionIdChanged { member: self.member.id })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::member::nickname::Nickname;
    use crate::model::timestamp::Timestamp;
    use uuid::Uuid;

    fn subject(kind: SubjectKind, value: &str) -> Subject {
        Subject { namespace: "wechat:test".into(), kind, value: value.into() }
    }

    fn owner(subjects: Vec<Subject>) -> KnownMember {
        let (nickname, now) = (Nickname::parse("Ann").unwrap(), Timestamp::from_unix_millis(0));
        KnownMember {
            member: Member::register(MemberId(Uuid::nil()), nickname, None, now),
            subjects,
        }
    }

    #[test]
    fn a_late_union_id_and_a_known_one_fit() {
        let union = subject(SubjectKind::UnionId, "u1");
        let late = owner(vec![subject(SubjectKind::OpenId, "o1")]);
        assert_eq!(late.ensure_same_person(std::slice::from_ref(&union)), Ok(()));
        assert_eq!(owner(vec![union.clone()]).ensure_same_person(&[union]), Ok(()));
    }

    #[test]
    fn a_second_openid_fits() {
        let owner = owner(vec![subject(SubjectKind::OpenId, "o1")]);
        assert_eq!(owner.ensure_same_person(&[subject(SubjectKind::OpenId, "o2")]), Ok(()));
    }

    #[test]
    fn a_changed_union_id_is_refused() {
        let owner = owner(vec![subject(SubjectKind::UnionId, "u1")]);
        let changed = [subject(SubjectKind::OpenId, "o1"), subject(SubjectKind::UnionId, "u2")];
        let refused = UnionIdChanged { member: owner.member.id };
        assert_eq!(owner.ensure_same_person(&changed), Err(refused));
    }

    #[test]
    fn a_union_id_of_another_group_fits() {
        let owner = owner(vec![subject(SubjectKind::UnionId, "u1")]);
        let other =
            Subject { namespace: "elsewhere".into(), ..subject(SubjectKind::UnionId, "u2") };
        assert_eq!(owner.ensure_same_person(&[other]), Ok(()));
    }

    #[test]
    fn the_id_does_not_show_in_debug_output() {
        let shown = format!("{:?}", subject(SubjectKind::OpenId, "oCanary"));
        assert_eq!(shown, "Subject(wechat:test OpenId)");
    }
}
