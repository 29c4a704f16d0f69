//! What a login or a phone number contradicts, and what the client can do about it.

use salvo::oapi::{Array, BasicType, Object};
use serde::Serialize;

use crate::language::Language;

/// A contradiction, as the field `conflict` of a failure tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Conflict {
    reason: Reason,
    choices: &'static [Choice],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    PhoneTaken,
    TwoMembers,
    UnionIdChanged,
}

/// What the client can do: send the login again, changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    /// Without `phoneCode`.
    WithoutPhone,
    /// With the `phoneCode` of another number.
    AnotherPhone,
    /// With `"onConflict":"merge"`.
    Merge,
    /// With `"onConflict":"separate"`.
    Separate,
}

impl Conflict {
    pub(crate) const PHONE_TAKEN: Self =
        Self { reason: Reason::PhoneTaken, choices: &[Choice::WithoutPhone, Choice::AnotherPhone] };

    /// Where the app lets nobody in without a number, or the number is all it is about.
    pub(crate) const REQUIRED_PHONE_TAKEN: Self =
        Self { reason: Reason::PhoneTaken, choices: &[Choice::AnotherPhone] };

    pub(crate) const TWO_MEMBERS: Self =
        Self { reason: Reason::TwoMembers, choices: &[Choice::Merge, Choice::Separate] };

    /// Only the operator can find out who is mistaken.
    pub(crate) const UNION_ID_CHANGED: Self = Self { reason: Reason::UnionIdChanged, choices: &[] };

    /// What the user is told.
    pub(crate) const fn message(self, language: Language) -> &'static str {
        match (self.reason, language) {
            (Reason::PhoneTaken, Language::Chinese) => "该手机号已属于其他会员",
            (Reason::PhoneTaken, Language::English) => {
                "This phone number belongs to another member"
            }
            (Reason::TwoMembers, Language::Chinese) => "您有两个会员账号，请选择合并或分别保留",
            (Reason::TwoMembers, Language::English) => {
                "You have two accounts here, please choose to merge them or to keep both"
            }
            (Reason::UnionIdChanged, Language::Chinese) => "账号信息有变，请联系客服",
            (Reason::UnionIdChanged, Language::English) => {
                "This account has changed, please contact support"
            }
        }
    }

    /// Its schema.
    pub(crate) fn schema() -> Object {
        let text = || Object::with_type(BasicType::String);
        let reasons = ["phone_taken", "two_members", "union_id_changed"];
        let choices = ["without_phone", "another_phone", "merge", "separate"];
        Object::new()
            .description("With a `conflict`: what the login or the phone number contradicts, and how the same can be sent again.")
            .property("reason", text().enum_values(reasons).description("The phone number is another member's; the provider says that two members are one person; or it names another union id than before."))
            .property("choices", Array::new().items(text().enum_values(choices)).description("What can be changed: leave `phoneCode` out, send that of another number, or say `merge` or `separate` in `onConflict`. Empty: only the operator can help."))
            .required("reason")
            .required("choices")
    }
}
