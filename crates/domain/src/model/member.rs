//! A member: the person behind a login, and what may happen to them.

pub mod avatar;
pub mod nickname;
pub mod personal_data;
pub mod phone;
pub mod query;
pub mod tombstone;
pub mod withdrawn_data;

use crate::model::id::uuid_v7;
use uuid::Uuid;

use crate::model::member::avatar::Avatar;
use crate::model::member::nickname::{Nickname, NicknamePrefixes};
use crate::model::member::phone::PhoneNumber;
use crate::model::member::withdrawn_data::WithdrawnData;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// A member's lasting, public id: 128 bits that begin with the time and end in 74 random ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub Uuid);

impl MemberId {
    /// A new id; ids made later sort later, which keeps database indexes compact.
    #[must_use]
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self(uuid_v7(now, random))
    }
}

/// What a member told of their gender; WeChat's coding 0, 1, 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gender {
    /// Not told.
    #[default]
    Unknown,
    /// Male.
    Male,
    /// Female.
    Female,
}

impl Gender {
    /// The number WeChat uses.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Male => 1,
            Self::Female => 2,
        }
    }

    /// The gender behind WeChat's number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Unknown, Self::Male, Self::Female].into_iter().find(|gender| gender.code() == code)
    }
}

/// Whether a member may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberStatus {
    /// May log in.
    Active,
    /// Kept out until unbanned.
    Banned,
}

/// The longest reason, in Unicode scalar values.
pub const STATUS_REASON_MAX: usize = 200;

/// Why a member is kept out, or was let in again, in the words of whoever decided it. It goes with the
/// member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReason(String);

/// The text is no reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reason has 1 to {STATUS_REASON_MAX} characters, not all blank, and no control characters"
)]
pub struct MalformedReason;

impl StatusReason {
    /// Takes a text as it stands.
    pub fn parse(raw: &str) -> Result<Self, MalformedReason> {
        let sound = !raw.trim().is_empty()
            && raw.chars().count() <= STATUS_REASON_MAX
            && !raw.chars().any(char::is_control);
        if sound { Ok(Self(raw.to_owned())) } else { Err(MalformedReason) }
    }

    /// The reason.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who made or changed a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The member.
    Member,
    /// The service of its own accord, or someone who operates it.
    System,
}

/// A member as the store keeps them.
///
/// `version` is the number of changes so far: who writes names the version they read, and a writer
/// who comes second is told so (see [`crate::ports::store::members::MemberRepository::update`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who this is.
    pub id: MemberId,
    /// What they are called.
    pub nickname: Nickname,
    /// Their picture.
    pub avatar: Option<Avatar>,
    /// What they told of their gender.
    pub gender: Gender,
    /// The number WeChat vouched for; of one member only.
    pub phone: Option<PhoneNumber>,
    /// Whether they may come in.
    pub status: MemberStatus,
    /// Why, where whoever decided it said so.
    pub status_reason: Option<StatusReason>,
    /// A note of those who run the service, about the member: shown to them in their export only.
    pub remark: Option<String>,
    /// When they first logged in.
    pub created_at: Timestamp,
    /// Who made the row.
    pub created_by: Actor,
    /// When the row last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Actor,
    /// How often it changed.
    pub version: u32,
}

/// The member is banned.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the member is banned")]
pub struct Banned;

/// What a member changes of their profile; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// A new name.
    pub nickname: Option<Nickname>,
    /// A new picture, or `Some(None)` for none.
    pub avatar: Option<Option<Avatar>>,
    /// A new gender.
    pub gender: Option<Gender>,
}

impl Member {
    /// A member at their first login.
    #[must_use]
    pub fn register(
        id: MemberId,
        nickname: Nickname,
        phone: Option<PhoneNumber>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            nickname,
            avatar: None,
            gender: Gender::Unknown,
            phone,
            status: MemberStatus::Active,
            status_reason: None,
            remark: None,
            created_at: now,
            created_by: Actor::Member,
            updated_at: now,
            updated_by: Actor::Member,
            version: 0,
        }
    }

    /// Lets only a member pass who is not banned.
    pub fn ensure_active(&self) -> Result<(), Banned> {
        match self.status {
            MemberStatus::Active => Ok(()),
            MemberStatus::Banned => Err(Banned),
        }
    }

    /// Takes over the number that WeChat vouches for now; tells whether it is another than before.
    pub fn bind_phone(&mut self, phone: PhoneNumber, now: Timestamp) -> bool {
        if self.phone.as_ref() == Some(&phone) {
            return false;
        }
        self.phone = Some(phone);
        self.touch(Actor::Member, now);
        true
    }

    /// Applies a change of profile; tells whether anything is different afterwards.
    pub fn change_profile(&mut self, change: ProfileChange, now: Timestamp) -> bool {
        let before = (self.nickname.clone(), self.avatar.clone(), self.gender);
        self.nickname = change.nickname.unwrap_or_else(|| self.nickname.clone());
        self.avatar = change.avatar.unwrap_or_else(|| self.avatar.clone());
        self.gender = change.gender.unwrap_or(self.gender);
        let changed = before != (self.nickname.clone(), self.avatar.clone(), self.gender);
        if changed {
            self.touch(Actor::Member, now);
        }
        changed
    }

    /// Gives up what its owner takes back; tells whether there was any of it. A name that ends in the
    /// phone's digits, as default ones do, goes with the phone.
    pub fn apply_withdrawal(
        &mut self,
        withdrawn: WithdrawnData,
        names: &NicknamePrefixes,
        random: &dyn Random,
        now: Timestamp,
    ) -> bool {
        let before = (self.nickname.clone(), self.avatar.clone(), self.phone.clone());
        match withdrawn {
            WithdrawnData::Phone => {
                let digits = self.phone.take().map(|phone| phone.digits_after_seventh().to_owned());
                let tells = |digits: &String| {
                    !digits.is_empty() && self.nickname.as_str().ends_with(digits.as_str())
                };
                if digits.as_ref().is_some_and(tells) {
                    self.nickname = names.nickname(None, random);
                }
            }
            WithdrawnData::Nickname => self.nickname = names.nickname(self.phone.as_ref(), random),
            WithdrawnData::Avatar => self.avatar = None,
            WithdrawnData::Profile => {
                self.nickname = names.nickname(self.phone.as_ref(), random);
                self.avatar = None;
            }
            // Not the member's own matter: see what obeys it.
            WithdrawnData::Account => {}
        }
        let changed = before != (self.nickname.clone(), self.avatar.clone(), self.phone.clone());
        if changed {
            self.touch(Actor::System, now);
        }
        changed
    }

    /// Keeps the member out from now on, or lets them in again, and remembers why.
    pub fn set_status(
        &mut self,
        status: MemberStatus,
        reason: Option<StatusReason>,
        now: Timestamp,
    ) {
        self.status = status;
        self.status_reason = reason;
        self.touch(Actor::System, now);
    }

    /// Takes over what another member has and this one lacks; notes are kept side by side. The name
    /// and whatever both have stay this member's.
    pub fn merge_from(&mut self, other: Self, now: Timestamp) {
        self.phone = self.phone.take().or(other.phone);
        self.avatar = self.avatar.take().or(other.avatar);
        if self.gender == Gender::Unknown {
            self.gender = other.gender;
        }
        let notes: Vec<String> = self.remark.take().into_iter().chain(other.remark).collect();
        self.remark = (!notes.is_empty()).then(|| notes.join("\n"));
        self.touch(Actor::System, now);
    }

    fn touch(&mut self, by: Actor, now: Timestamp) {
        self.updated_at = now;
        self.updated_by = by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::MockRandom;

    const THEN: Timestamp = Timestamp::from_unix_millis(1_000);
    const NOW: Timestamp = Timestamp::from_unix_millis(2_000);

    fn random() -> MockRandom {
        let mut random = MockRandom::new();
        random.expect_fill().returning(|bytes| bytes.fill(0xff));
        random
    }

    fn member() -> Member {
        let id = MemberId::generate(THEN, &random());
        Member::register(id, Nickname::parse("Ann").unwrap(), None, THEN)
    }

    #[test]
    fn a_banned_member_is_not_active() {
        let mut member = member();
        assert_eq!(member.ensure_active(), Ok(()));
        let reason = StatusReason::parse("spam").unwrap();
        member.set_status(MemberStatus::Banned, Some(reason.clone()), NOW);
        assert_eq!(member.ensure_active(), Err(Banned));
        assert_eq!(member.status_reason, Some(reason));
        assert_eq!((member.updated_at, member.updated_by), (NOW, Actor::System));
    }

    #[test]
    fn a_reason_is_one_line_that_says_something() {
        let longest = "由".repeat(STATUS_REASON_MAX);
        for reason in ["spam", " 刷单 ", &longest] {
            assert_eq!(StatusReason::parse(reason).unwrap().as_str(), reason);
        }
        for bad in ["", " \u{3000}", "a\nb", "a\0", &format!("{longest}由")] {
            assert_eq!(StatusReason::parse(bad), Err(MalformedReason), "{bad:?}");
        }
    }

    #[test]
    fn only_another_phone_number_is_a_change() {
        let mut member = member();
        let phone = PhoneNumber::new(86, "13800138000").unwrap();
        assert!(member.bind_phone(phone.clone(), NOW));
        assert_eq!(member.updated_at, NOW);
        assert!(!member.bind_phone(phone.clone(), NOW.plus(std::time::Duration::from_secs(1))));
        assert_eq!((member.phone, member.updated_at), (Some(phone), NOW));
    }

    #[test]
    fn a_profile_change_touches_only_what_it_names() {
        let mut member = member();
        member.avatar = Some(Avatar::parse("https://a.example/1").unwrap());
        let change = ProfileChange { gender: Some(Gender::Female), ..ProfileChange::default() };
        assert!(member.change_profile(change.clone(), NOW));
        assert_eq!((member.nickname.as_str(), member.gender), ("Ann", Gender::Female));
        assert!(member.avatar.is_some());
        assert!(!member.change_profile(change, NOW), "the same again is no change");
        assert!(
            member.change_profile(ProfileChange { avatar: Some(None), ..Default::default() }, NOW)
        );
        assert_eq!(member.avatar, None);
    }

    #[test]
    fn what_is_taken_back_is_given_up_and_nothing_else() {
        let names = NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap();
        let before = |nickname: &str| Member {
            nickname: Nickname::parse(nickname).unwrap(),
            avatar: Some(Avatar::parse("https://a.example/1").unwrap()),
            phone: Some(PhoneNumber::new(86, "13800138915").unwrap()),
            ..member()
        };
        for (withdrawn, nickname, expected) in [
            (WithdrawnData::Phone, "Ann", ("Ann", true, false)),
            (WithdrawnData::Phone, "好柿开花8915", ("好柿开花7295", true, false)),
            (WithdrawnData::Nickname, "Ann", ("好柿开花8915", true, true)),
            (WithdrawnData::Avatar, "Ann", ("Ann", false, true)),
            (WithdrawnData::Profile, "Ann", ("好柿开花8915", false, true)),
        ] {
            let mut member = before(nickname);
            assert!(member.apply_withdrawal(withdrawn, &names, &random(), NOW));
            let left = (member.nickname.as_str(), member.avatar.is_some(), member.phone.is_some());
            assert_eq!(left, expected, "{withdrawn:?}");
            assert_eq!((member.updated_at, member.updated_by), (NOW, Actor::System));
            let again = withdrawn == WithdrawnData::Phone;
            assert!(!again || !member.apply_withdrawal(withdrawn, &names, &random(), NOW));
        }
    }

    #[test]
    fn ids_sort_by_time_and_are_version_7() {
        let (early, late) =
            (MemberId::generate(THEN, &random()), MemberId::generate(NOW, &random()));
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }

    #[test]
    fn gender_codes_are_wechats() {
        for code in 0..=2 {
            assert_eq!(Gender::from_code(code).map(Gender::code), Some(code));
        }
        assert_eq!(Gender::from_code(3), None);
    }
}
