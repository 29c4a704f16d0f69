//! Conflicts (409): what a request contradicts, and how the client can resolve it.

use salvo::oapi::{Array, BasicType, Object};
use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::request::language::Language;

/// Conflict of a request, as in the field `conflict` of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Conflict {
    reason: Reason,
    choices: &'static [ConflictResolution],
}

/// Reason of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr, VariantArray)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
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

/// Change with which the client can send the login again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr, VariantArray)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case")]
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
    /// The phone number of an optional `phoneCode` belongs to another member.
    pub(crate) const PHONE_TAKEN: Self = Self {
        reason: Reason::PhoneTaken,
        choices: &[ConflictResolution::WithoutPhone, ConflictResolution::AnotherPhone],
    };

    /// The phone number belongs to another member, and the request needs a phone number.
    pub(crate) const REQUIRED_PHONE_TAKEN: Self =
        Self { reason: Reason::PhoneTaken, choices: &[ConflictResolution::AnotherPhone] };

    /// Two members are the same user.
    pub(crate) const MERGE_REQUIRED: Self = Self {
        reason: Reason::MergeRequired,
        choices: &[ConflictResolution::Merge, ConflictResolution::Separate],
    };

    /// The provider returns another union id than before. Only the operator can find the cause.
    pub(crate) const UNION_ID_CHANGED: Self = Self::without_choices(Reason::UnionIdChanged);

    /// The app is configured in a file, where it has to be changed.
    pub(crate) const APP_CONFIGURED: Self = Self::without_choices(Reason::AppConfigured);

    /// Another app has the name or the app id.
    pub(crate) const APP_TAKEN: Self = Self::without_choices(Reason::AppTaken);

    /// A rotation of the app's secret is in progress.
    pub(crate) const APP_ROTATION: Self = Self::without_choices(Reason::AppRotation);

    /// No rotation of the app's secret is in progress.
    pub(crate) const NO_APP_ROTATION: Self = Self::without_choices(Reason::NoAppRotation);

    /// The app is not disabled, or has members.
    pub(crate) const APP_IN_USE: Self = Self::without_choices(Reason::AppInUse);

    /// Creates a conflict that no change of the request resolves.
    const fn without_choices(reason: Reason) -> Self {
        Self { reason, choices: &[] }
    }

    /// Returns the message for the user.
    pub(crate) const fn message(self, language: Language) -> &'static str {
        match (self.reason, language) {
            (Reason::PhoneTaken, Language::Chinese) => "该手机号已属于其他会员",
            (Reason::PhoneTaken, Language::English) => {
                "This phone number belongs to another member"
            }
            (Reason::MergeRequired, Language::Chinese) => "您有两个会员账号，请选择合并或分别保留",
            (Reason::MergeRequired, Language::English) => {
                "You have two accounts, please choose to merge them or to keep both"
            }
            (Reason::UnionIdChanged, Language::Chinese) => "账号信息有变，请联系客服",
            (Reason::UnionIdChanged, Language::English) => {
                "This account has changed, please contact support"
            }
            (Reason::AppConfigured, Language::Chinese) => "该应用在配置文件中，请在那里修改",
            (Reason::AppConfigured, Language::English) => {
                "This app is in the configuration file, please change it there"
            }
            (Reason::AppTaken, Language::Chinese) => "该名称或 AppID 已属于其他应用",
            (Reason::AppTaken, Language::English) => "Another app has this name or app id",
            (Reason::AppRotation, Language::Chinese) => "正在更换密钥，请先完成或取消",
            (Reason::AppRotation, Language::English) => {
                "A rotation of the secret is in progress, please finish or cancel it first"
            }
            (Reason::NoAppRotation, Language::Chinese) => "没有正在更换的密钥",
            (Reason::NoAppRotation, Language::English) => {
                "No rotation of the secret is in progress"
            }
            (Reason::AppInUse, Language::Chinese) => "该应用尚未停用，或仍有会员",
            (Reason::AppInUse, Language::English) => "This app is not disabled or has members",
        }
    }

    /// Returns the OpenAPI schema.
    pub(crate) fn schema() -> Object {
        let text = || Object::with_type(BasicType::String);
        let reasons = Reason::VARIANTS.iter().map(<&str>::from);
        let choices = ConflictResolution::VARIANTS.iter().map(<&str>::from);
        let reason = text().enum_values(reasons).description(
            "`phone_taken`: the phone number belongs to another member. \
             `merge_required`: two members are the same user. \
             `union_id_changed`: the provider returns another union id than before. \
             `app_configured`: the app is changed in the configuration file. \
             `app_taken`: another app has the name or the app id. \
             `app_rotation`: a rotation of the app's secret is in progress. \
             `no_app_rotation`: no rotation is in progress. \
             `app_in_use`: the app is not disabled, or has members.",
        );
        let choices = Array::new().items(text().enum_values(choices)).description(
            "Changes with which the request can be sent again: \
             `without_phone`: without `phoneCode`. \
             `another_phone`: with the `phoneCode` of another number. \
             `merge` and `separate`: with this value in `onConflict`. \
             Empty if no change of the request helps.",
        );
        Object::new()
            .description("With `conflict`: the reason, and how the client can resolve it.")
            .property("reason", reason)
            .property("choices", choices)
            .required("reason")
            .required("choices")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conflict_has_reason_and_choices_in_snake_case() {
        assert_eq!(
            serde_json::to_value(Conflict::MERGE_REQUIRED).unwrap(),
            json!({ "reason": "merge_required", "choices": ["merge", "separate"] })
        );
    }
}
