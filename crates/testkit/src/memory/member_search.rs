//! Member search in memory.

use domain::model::identity::Subject;
use domain::model::member::query::{MemberFilter, MemberQuery};
use domain::model::member::{Member, MemberId};

use crate::memory::state::State;

impl State {
    pub(super) fn search(&self, query: &MemberQuery) -> Vec<Member> {
        let matches = |member: &&Member| match &query.filter {
            MemberFilter::Any => true,
            MemberFilter::Id(id) => member.id == *id,
            MemberFilter::Phone(e164) => {
                member.phone.as_ref().is_some_and(|phone| phone.e164() == *e164)
            }
            MemberFilter::MaskedPhone(masked) => {
                member.phone.as_ref().is_some_and(|phone| phone.masked() == *masked)
            }
            MemberFilter::Subject(value) => {
                let is_subject_of = |(owner, known): &(MemberId, Subject)| {
                    *owner == member.id && known.value == *value
                };
                self.identities.iter().any(is_subject_of)
            }
        };
        let is_older = |member: &&Member| query.before.is_none_or(|before| member.id < before);
        let found = self.members.values().filter(matches).filter(is_older);
        let mut members: Vec<_> = found.cloned().collect();
        members.sort_by_key(|member| std::cmp::Reverse(member.id));
        members.truncate(query.limit.into());
        members
    }
}
