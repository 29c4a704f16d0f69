//! Member: the account behind a login, and its changes.

pub mod avatar;
pub mod nickname;
pub mod personal_data;
pub mod phone;
pub mod query;
pub mod withdrawn_data;

use crate::model::id::uuid_v7;
use uuid::Uuid;

use crate::model::member::avatar::Avatar;
use crate::model::member::nickname::{Nickname, NicknamePrefixes};
use crate::model::member::phone::PhoneNumber;
use crate::model::member::withdrawn_data::WithdrawnData;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Permanent, public id of a member: a UUID of version 7 (48 bits of time and 74 random bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub Uuid);

impl MemberId {
    /// Generates an id. Later ids sort later, which keeps database indexes compact.
    #[must_use]
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self(uuid_v7(now, random))
    }
}

/// Gender that a member has declared, in WeChat's coding 0, 1, 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gender {
    /// Not declared.
    #[default]
    Unknown,
    /// Male.
    Male,
    /// Female.
    Female,
}

impl Gender {
    /// Returns WeChat's code of the gender.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Male => 1,
            Self::Female => 2,
        }
    }

    /// Returns the gender with this WeChat code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Unknown, Self::Male, Self::Female].into_iter().find(|gender| gender.code() == code)
    }
}

/// Status of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberStatus {
    /// The member can log in.
    Active,
    /// The member is refused until the ban is lifted.
    Banned,
}

/// Maximum length of a status reason, in Unicode scalar values.
pub const MAX_STATUS_REASON_CHARS: usize = 200;

/// Reason for a ban or its lifting, as entered by the administrator. It is erased with the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReason(String);

/// Error: the text is not a valid status reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reason has 1 to {MAX_STATUS_REASON_CHARS} characters, not all blank, and no control characters"
)]
pub struct MalformedReason;

impl StatusReason {
    /// Validates a text; it is stored unchanged.
    pub fn parse(raw: &str) -> Result<Self, MalformedReason> {
        let is_valid = !raw.trim().is_empty()
            && raw.chars().count() <= MAX_STATUS_REASON_CHARS
            && !raw.chars().any(char::is_control);
        if !is_valid {
            return Err(MalformedReason);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the reason.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Originator of a change to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Member.
    Member,
    /// Service or its operator.
    System,
}

/// Member as stored.
///
/// `version` is the number of changes so far. A writer names the version that it has read, and the
/// second of two concurrent writers fails (see
/// [`MemberRepository::update`](crate::ports::store::members::MemberRepository::update)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Permanent id.
    pub id: MemberId,
    /// Nickname.
    pub nickname: Nickname,
    /// Address of the avatar image.
    pub avatar: Option<Avatar>,
    /// Declared gender.
    pub gender: Gender,
    /// Phone number verified by WeChat; unique among members.
    pub phone: Option<PhoneNumber>,
    /// Status.
    pub status: MemberStatus,
    /// Reason for the status, if the administrator entered one.
    pub status_reason: Option<StatusReason>,
    /// Operator's note about the member. It is disclosed in the member's data export only.
    pub remark: Option<String>,
    /// Time of the first login.
    pub created_at: Timestamp,
    /// Originator of the row.
    pub created_by: Actor,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// Originator of the last change.
    pub updated_by: Actor,
    /// Number of changes so far.
    pub version: u32,
}

/// Error: the member is banned.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the member is banned")]
pub struct Banned;

/// Change of a member's profile. A field that is `None` stays unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// New nickname.
    pub nickname: Option<Nickname>,
    /// New avatar; `Some(None)` removes it.
    pub avatar: Option<Option<Avatar>>,
    /// New gender.
    pub gender: Option<Gender>,
}

impl Member {
    /// Creates a member at the first login.
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

    /// Fails if the member is banned.
    pub fn ensure_active(&self) -> Result<(), Banned> {
        match self.status {
            MemberStatus::Active => Ok(()),
            MemberStatus::Banned => Err(Banned),
        }
    }

    /// Sets the phone number verified by WeChat. Returns `true` if it differs from the previous one.
    pub fn bind_phone(&mut self, phone: PhoneNumber, now: Timestamp) -> bool {
        if self.phone.as_ref() == Some(&phone) {
            return false;
        }
        self.phone = Some(phone);
        self.touch(Actor::Member, now);
        true
    }

    /// Applies a profile change. Returns `true` if any field differs afterwards.
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

    /// Removes data whose use the user has revoked. Returns `true` if there was any. A nickname that
    /// ends in the phone's digits, as default nicknames do, is replaced together with the phone number.
    pub fn apply_withdrawal(
        &mut self,
        data: WithdrawnData,
        prefixes: &NicknamePrefixes,
        random: &dyn Random,
        now: Timestamp,
    ) -> bool {
        let before = (self.nickname.clone(), self.avatar.clone(), self.phone.clone());
        match data {
            WithdrawnData::Phone => {
                let digits = self.phone.take().map(|phone| phone.digits_after_seventh().to_owned());
                let ends_in_digits = |digits: &String| {
                    !digits.is_empty() && self.nickname.as_str().ends_with(digits.as_str())
                };
                if digits.as_ref().is_some_and(ends_in_digits) {
                    self.nickname = prefixes.nickname(None, random);
                }
            }
            WithdrawnData::Nickname => {
                self.nickname = prefixes.nickname(self.phone.as_ref(), random);
            }
            WithdrawnData::Avatar => self.avatar = None,
            WithdrawnData::Profile => {
                self.nickname = prefixes.nickname(self.phone.as_ref(), random);
                self.avatar = None;
            }
            // The use case handles it: the subject's assignment is removed, not data of the member.
            WithdrawnData::Account => {}
        }
        let changed = before != (self.nickname.clone(), self.avatar.clone(), self.phone.clone());
        if changed {
            self.touch(Actor::System, now);
        }
        changed
    }

    /// Bans the member or lifts the ban, and stores the reason.
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

    /// Takes data from another member that this one lacks, and joins the notes of both. The nickname and
    /// all data that both have stay this member's.
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

    fn touch(&mut self, actor: Actor, now: Timestamp) {
        self.updated_at = now;
        self.updated_by = actor;
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
    fn banned_member_is_not_active() {
        let mut member = member();
        assert_eq!(member.ensure_active(), Ok(()));
        let reason = StatusReason::parse("spam").unwrap();
        member.set_status(MemberStatus::Banned, Some(reason.clone()), NOW);
        assert_eq!(member.ensure_active(), Err(Banned));
        assert_eq!(member.status_reason, Some(reason));
        assert_eq!((member.updated_at, member.updated_by), (NOW, Actor::System));
    }

    #[test]
    fn status_reason_validation() {
        let longest = "由".repeat(MAX_STATUS_REASON_CHARS);
        for reason in ["spam", " 刷单 ", &longest] {
            assert_eq!(StatusReason::parse(reason).unwrap().as_str(), reason);
        }
        for bad in ["", " \u{3000}", "a\nb", "a\0", &format!("{longest}由")] {
            assert_eq!(StatusReason::parse(bad), Err(MalformedReason), "{bad:?}");
        }
    }

    #[test]
    fn binding_the_same_phone_again_changes_nothing() {
        let mut member = member();
        let phone = PhoneNumber::new(86, "13800138000").unwrap();
        assert!(member.bind_phone(phone.clone(), NOW));
        assert_eq!(member.updated_at, NOW);
        assert!(!member.bind_phone(phone.clone(), NOW.plus(std::time::Duration::from_secs(1))));
        assert_eq!((member.phone, member.updated_at), (Some(phone), NOW));
    }

    #[test]
    fn profile_change_sets_only_the_given_fields() {
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
    fn withdrawal_removes_only_the_withdrawn_data() {
        let prefixes = NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap();
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
            assert!(member.apply_withdrawal(withdrawn, &prefixes, &random(), NOW));
            let left = (member.nickname.as_str(), member.avatar.is_some(), member.phone.is_some());
            assert_eq!(left, expected, "{withdrawn:?}");
            assert_eq!((member.updated_at, member.updated_by), (NOW, Actor::System));
            let again = withdrawn == WithdrawnData::Phone;
            assert!(!again || !member.apply_withdrawal(withdrawn, &prefixes, &random(), NOW));
        }
    }

    #[test]
    fn member_ids_sort_by_time_and_are_uuid_v7() {
        let early = MemberId::generate(THEN, &random());
        let late = MemberId::generate(NOW, &random());
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }

    #[test]
    fn gender_codes_match_wechat() {
        for code in 0..=2 {
            assert_eq!(Gender::from_code(code).map(Gender::code), Some(code));
        }
        assert_eq!(Gender::from_code(3), None);
    }
}
