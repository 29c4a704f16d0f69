//! Under which ids of which providers a member is known, and whose login an arrival is.

use std::fmt;

use crate::member::MemberId;
use crate::secret::SessionKey;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// The user within one app: the id that logs in.
    OpenId,
    /// The user across the apps of one owner: an alias that may come late or never.
    UnionId,
}

/// What stands behind a successful answer of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A user of their own: the only one who may open a member.
    Person,
    /// A device, a preview or a guest: an id, but nobody to remember.
    Visitor,
}

/// What the provider says of the user behind a login code.
#[derive(Debug)]
pub struct Verified {
    /// The id that logs in; which one it is, is the adapter's fixed rule.
    pub login: Subject,
    /// Further ids of the same user.
    pub aliases: Vec<Subject>,
    /// What stands behind them.
    pub standing: Standing,
    /// The provider's session key, where it has one.
    pub session_key: Option<SessionKey>,
}

impl Verified {
    /// All ids of the user, the one that logs in first.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        [&self.login].into_iter().chain(&self.aliases)
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
pub struct Owner {
    /// Who owns the subjects.
    pub member: MemberId,
    /// All of theirs.
    pub subjects: Vec<Subject>,
}

/// A union id that belongs to an openid was replaced by another one: somebody is mistaken about who
/// this is, so nobody gets in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the union id of a known openid has changed")]
pub struct UnionIdChanged;

impl Owner {
    /// Those of `aliases` that this member should be known under from now on.
    ///
    /// A second union id in the same namespace is a contradiction: one open-platform group has one
    /// union id per person.
    pub fn new_aliases(&self, aliases: &[Subject]) -> Result<Vec<Subject>, UnionIdChanged> {
        let contradicted = |alias: &&Subject| {
            self.subjects.iter().any(|known| {
                known.kind == SubjectKind::UnionId
                    && known.kind == alias.kind
                    && known.namespace == alias.namespace
            })
        };
        let fresh: Vec<&Subject> =
            aliases.iter().filter(|alias| !self.subjects.contains(alias)).collect();
        if fresh.iter().any(contradicted) {
            return Err(UnionIdChanged);
        }
        Ok(fresh.into_iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn subject(kind: SubjectKind, value: &str) -> Subject {
        Subject { namespace: "wechat:test".into(), kind, value: value.into() }
    }

    fn owner(subjects: Vec<Subject>) -> Owner {
        Owner { member: MemberId(Uuid::nil()), subjects }
    }

    #[test]
    fn a_late_union_id_is_new() {
        let owner = owner(vec![subject(SubjectKind::OpenId, "o1")]);
        let union = subject(SubjectKind::UnionId, "u1");
        assert_eq!(owner.new_aliases(std::slice::from_ref(&union)), Ok(vec![union]));
    }

    #[test]
    fn a_known_union_id_is_not_new() {
        let union = subject(SubjectKind::UnionId, "u1");
        let owner = owner(vec![subject(SubjectKind::OpenId, "o1"), union.clone()]);
        assert_eq!(owner.new_aliases(&[union]), Ok(vec![]));
    }

    #[test]
    fn a_changed_union_id_is_refused() {
        let owner = owner(vec![subject(SubjectKind::UnionId, "u1")]);
        assert_eq!(owner.new_aliases(&[subject(SubjectKind::UnionId, "u2")]), Err(UnionIdChanged));
    }

    #[test]
    fn a_union_id_of_another_group_is_new() {
        let owner = owner(vec![subject(SubjectKind::UnionId, "u1")]);
        let other =
            Subject { namespace: "elsewhere".into(), ..subject(SubjectKind::UnionId, "u2") };
        assert_eq!(owner.new_aliases(std::slice::from_ref(&other)), Ok(vec![other]));
    }

    #[test]
    fn the_id_does_not_show_in_debug_output() {
        let shown = format!("{:?}", subject(SubjectKind::OpenId, "oCanary"));
        assert_eq!(shown, "Subject(wechat:test OpenId)");
    }
}
