//! What a login, a phone number or an administrator's request contradicts, and what the client can do
//! about it.

use salvo::oapi::{Array, BasicType, Object};
use serde::Serialize;

use crate::request::language::Language;

/// A contradiction, as the field `conflict` of a failure tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Conflict {
    reason: Reason,
    choices: &'static [ConflictResolution],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    PhoneTaken,
    MergeRequired,
    UnionIdChanged,
    AppConfigured,
    AppTaken,
    AppRotation,
    NoAppRotation,
    AppInUse,
}

/// What the client can do: send the login again, changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ConflictResolution {
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
    pub(crate) const PHONE_TAKEN: Self = Self {
        reason: Reason::PhoneTaken,
        choices: &[ConflictResolution::WithoutPhone, ConflictResolution::AnotherPhone],
    };

    /// Where the app lets nobody in without a number, or the number is all it is about.
    pub(crate) const REQUIRED_PHONE_TAKEN: Self =
        Self { reason: Reason::PhoneTaken, choices: &[ConflictResolution::AnotherPhone] };

    pub(crate) const MERGE_REQUIRED: Self = Self {
        reason: Reason::MergeRequired,
        choices: &[ConflictResolution::Merge, ConflictResolution::Separate],
    };

    /// Only the operator can find out who is mistaken.
    pub(crate) const UNION_ID_CHANGED: Self = Self { reason: Reason::UnionIdChanged, choices: &[] };

    /// The app is one of the configuration, and changed there.
    pub(crate) const APP_CONFIGURED: Self = Self::without_choices(Reason::AppConfigured);

    /// Another app has the name or the app id.
    pub(crate) const APP_TAKEN: Self = Self::without_choices(Reason::AppTaken);

    /// The app's secret is being changed.
    pub(crate) const APP_ROTATION: Self = Self::without_choices(Reason::AppRotation);

    /// The app's secret is not being changed.
    pub(crate) const NO_APP_ROTATION: Self = Self::without_choices(Reason::NoAppRotation);

    /// The app is not disabled, or members are known by it.
    pub(crate) const APP_IN_USE: Self = Self::without_choices(Reason::AppInUse);

    /// One that the same request will always meet.
    const fn without_choices(reason: Reason) -> Self {
        Self { reason, choices: &[] }
    }

    /// What the user is told.
    pub(crate) const fn message(self, language: Language) -> &'static str {
        match (self.reason, language) {
            (Reason::PhoneTaken, Language::Chinese) => "该手机号已属于其他会员",
            (Reason::PhoneTaken, Language::English) => {
                "This phone number belongs to another member"
            }
            (Reason::MergeRequired, Language::Chinese) => "您有两个会员账号，请选择合并或分别保留",
            (Reason::MergeRequired, Language::English) => {
                "You have two accounts here, please choose to merge them or to keep both"
            }
            (Reason::UnionIdChanged, Language::Chinese) => "账号信息有变，请联系客服",
            (Reason::UnionIdChanged, Language::English) => {
                "This account has changed, please contact support"
            }
            (Reason::AppConfigured, Language::Chinese) => "该应用在配置文件中，请在那里修改",
            (Reason::AppConfigured, Language::English) => {
                "This app is in the configuration, please change it there"
            }
            (Reason::AppTaken, Language::Chinese) => "该名称或 AppID 已属于其他应用",
            (Reason::AppTaken, Language::English) => "Another app has this name or app id",
            (Reason::AppRotation, Language::Chinese) => "正在更换密钥，请先完成或撤回",
            (Reason::AppRotation, Language::English) => {
                "The secret is being changed, please end that first or take it back"
            }
            (Reason::NoAppRotation, Language::Chinese) => "没有正在更换的密钥",
            (Reason::NoAppRotation, Language::English) => "The secret is not being changed",
            (Reason::AppInUse, Language::Chinese) => "该应用尚未停用，或仍有会员",
            (Reason::AppInUse, Language::English) => {
                "This app is not disabled, or members are known by it"
            }
        }
    }

    /// Its schema.
    pub(crate) fn schema() -> Object {
        let text = || Object::with_type(BasicType::String);
        let reasons = [
            "phone_taken",
            "merge_required",
            "union_id_changed",
            "app_configured",
            "app_taken",
            "app_rotation",
            "no_app_rotation",
            "app_in_use",
        ];
        let choices = ["without_phone", "another_phone", "merge", "separate"];
        Object::new()
            .description("With a `conflict`: what the request contradicts, and how the same can be sent again.")
            .property("reason", text().enum_values(reasons).description("The phone number is another member's; the provider says that two members are one person; or it names another union id than before. Of apps: it is in the configuration, and changed there; its name or app id is another one's; its secret is being changed, or is not; or it is not disabled, or members are known by it."))
            .property("choices", Array::new().items(text().enum_values(choices)).description("What can be changed: leave `phoneCode` out, send that of another number, or say `merge` or `separate` in `onConflict`. Empty: only the operator can help."))
            .required("reason")
            .required("choices")
    }
}
