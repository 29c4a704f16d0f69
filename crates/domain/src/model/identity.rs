//! Provider identities: subjects by which members are known, and the result of a code exchange.

pub mod conflict_policy;

use std::fmt;

use strum::{EnumString, IntoStaticStr};

use crate::model::member::{Member, MemberId};
use crate::model::secret::SessionKey;

/// Identifier of a user at a provider, comparable only within its namespace.
///
/// Compared byte by byte: WeChat openids that differ only in case belong to different users. The value
/// is personal data, so `Debug` omits it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Scope in which the value is unique, e.g. an app or an Open Platform account. At most 128 bytes.
    pub namespace: String,
    /// Kind of the id.
    pub kind: SubjectKind,
    /// Id. At most 128 bytes.
    pub value: String,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({} {:?})", self.namespace, self.kind)
    }
}

/// Kind of a [`Subject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SubjectKind {
    /// Id of the user within one app; logins are resolved by it.
    OpenId,
    /// Id of the user across the apps of one Open Platform account: an alias that may be revealed later
    /// or never.
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

/// Kind of account at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// Account of a user. Only such an account can become a member.
    User,
    /// Device, preview or guest account: it has an id, but cannot become a member.
    Guest,
}

/// Result of a login code exchange: the provider's data about the user.
#[derive(Debug)]
pub struct ProviderIdentity {
    /// Id that resolves the login. Each adapter has a fixed rule for its choice.
    pub subject: Subject,
    /// Other ids of the same user.
    pub aliases: Vec<Subject>,
    /// Kind of account.
    pub account_kind: AccountKind,
    /// Session key of the user; `None` if the provider has no such keys.
    pub session_key: Option<SessionKey>,
}

impl ProviderIdentity {
    /// Returns all ids of the user, the subject first.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        [&self.subject].into_iter().chain(&self.aliases)
    }

    /// Returns the user's union id, if the provider returned one.
    #[must_use]
    pub fn union_id(&self) -> Option<&str> {
        let union_id = self.aliases.iter().find(|alias| alias.kind == SubjectKind::UnionId);
        union_id.map(|alias| alias.value.as_str())
    }
}

/// Member with all their subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMember {
    /// Member.
    pub member: Member,
    /// All subjects of the member.
    pub subjects: Vec<Subject>,
}

/// Error: the provider returned a different union id for a known member. One of the two assignments
/// is wrong, so the login must be refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the union id of a known member has changed")]
pub struct UnionIdChanged {
    /// Known member.
    pub member: MemberId,
}

impl KnownMember {
    /// Fails if the subjects cannot belong to this member: a person has one union id within one Open
    /// Platform account.
    pub fn ensure_same_person(&self, subjects: &[Subject]) -> Result<(), UnionIdChanged> {
        let differs = |one: &Subject, other: &Subject| {
            one.kind == SubjectKind::UnionId
                && other.kind == SubjectKind::UnionId
                && one.namespace == other.namespace
                && one.value != other.value
        };
        let contradicts = |new: &Subject| self.subjects.iter().any(|known| differs(known, new));
        if subjects.iter().any(contradicts) {
            return Err(UnionIdChanged { member: self.member.id });
        }
        Ok(())
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
        let nickname = Nickname::parse("Ann").unwrap();
        let now = Timestamp::from_unix_millis(0);
        KnownMember {
            member: Member::register(MemberId(Uuid::nil()), nickname, None, now),
            subjects,
        }
    }

    #[test]
    fn new_and_unchanged_union_ids_are_accepted() {
        let union = subject(SubjectKind::UnionId, "u1");
        let late = owner(vec![subject(SubjectKind::OpenId, "o1")]);
        assert_eq!(late.ensure_same_person(std::slice::from_ref(&union)), Ok(()));
        assert_eq!(owner(vec![union.clone()]).ensure_same_person(&[union]), Ok(()));
    }

    #[test]
    fn second_openid_is_accepted() {
        let owner = owner(vec![subject(SubjectKind::OpenId, "o1")]);
        assert_eq!(owner.ensure_same_person(&[subject(SubjectKind::OpenId, "o2")]), Ok(()));
    }

    #[test]
    fn changed_union_id_is_refused() {
        let owner = owner(vec![subject(SubjectKind::UnionId, "u1")]);
        let changed = [subject(SubjectKind::OpenId, "o1"), subject(SubjectKind::UnionId, "u2")];
        let refused = UnionIdChanged { member: owner.member.id };
        assert_eq!(owner.ensure_same_person(&changed), Err(refused));
    }

    #[test]
    fn union_id_of_another_namespace_is_accepted() {
        let owner = owner(vec![subject(SubjectKind::UnionId, "u1")]);
        let other =
            Subject { namespace: "elsewhere".into(), ..subject(SubjectKind::UnionId, "u2") };
        assert_eq!(owner.ensure_same_person(&[other]), Ok(()));
    }

    #[test]
    fn debug_output_hides_the_id() {
        let shown = format!("{:?}", subject(SubjectKind::OpenId, "oCanary"));
        assert_eq!(shown, "Subject(wechat:test OpenId)");
    }
}
