//! The fields that administrators' requests are made of.

use domain::model::admin::{
    ADMIN_NAME_MAX, ADMIN_PASSWORD_MAX, ADMIN_PASSWORD_MIN, AdminId, AdminName, AdminPassword,
    InvalidPassword, Role,
};
use domain::model::audit::AuditKind;
use domain::model::member::query::{MemberFilter, PAGE_MAX};
use domain::model::member::{MemberId, STATUS_REASON_MAX, StatusReason};
use domain::model::secret::InvitationCode;
use domain::use_cases::admin::query_audit_log::DAYS_MAX;
use salvo::oapi::{BasicType, KnownFormat, Object, SchemaFormat};
use serde_json::Value;
use uuid::Uuid;

use crate::request::fields::{code, parse, string, text};
use crate::request::form::Field;

/// The longest text that is searched for, in Unicode scalar values.
const QUERY_MAX: usize = 128;

/// Who wants to sign in, or is to become an administrator.
pub(crate) const ADMIN_NAME: Field<AdminName> = Field {
    name: "name",
    read: |value| parse(value, AdminName::parse),
    schema: || {
        string("The administrator's name: an address, or a short name.", "ann@example.com")
            .min_length(1)
            .max_length(ADMIN_NAME_MAX)
            .pattern("^[a-z0-9._+@-]+$")
    },
};

/// What they sign in with.
pub(crate) const PASSWORD: Field<AdminPassword> = Field {
    name: "password",
    read: |value| shown(value, AdminPassword::parse),
    schema: || password("The password.").min_length(1),
};

/// What they sign in with so far.
pub(crate) const CURRENT_PASSWORD: Field<AdminPassword> = Field { name: "current", ..PASSWORD };

/// What they want to sign in with.
pub(crate) const NEW_PASSWORD: Field<AdminPassword> = Field {
    name: "password",
    read: |value| shown(value, AdminPassword::new_password),
    schema: || {
        password("The new password: long is all that it must be.").min_length(ADMIN_PASSWORD_MIN)
    },
};

/// What lets them choose one.
pub(crate) const INVITATION: Field<InvitationCode> = Field {
    name: "code",
    read: |value| parse(value, InvitationCode::parse),
    schema: || {
        code(
            "The code of the invitation.",
            "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
        )
    },
};

/// What an administrator may do.
pub(crate) const ROLE: Field<Role> = Field {
    name: "role",
    read: |value| {
        let role = value.as_str().and_then(Role::from_name);
        role.ok_or_else(|| format!("is none of {}", Role::NAMES.join(", ")))
    },
    schema: || {
        let about = "`viewer` looks, with phone numbers masked; `operator` bans, ends sessions and sees whole numbers, too; `admin` erases and decides who is an administrator, too.";
        string(about, "operator").enum_values(Role::NAMES.iter().copied())
    },
};

/// Whether an administrator may sign in.
pub(crate) const ACTIVE: Field<bool> = Field {
    name: "active",
    read: |value| value.as_bool().ok_or_else(|| "is neither true nor false".to_owned()),
    schema: || {
        Object::with_type(BasicType::Boolean)
            .description("Whether they may sign in. Who may not is signed out at once.")
            .example(true)
    },
};

/// Why a member is kept out, or is let in again.
pub(crate) const REASON: Field<StatusReason> = Field {
    name: "reason",
    read: |value| parse(value, StatusReason::parse),
    schema: || {
        string("Why. It is kept with the member, and goes with them.", "刷单")
            .min_length(1)
            .max_length(STATUS_REASON_MAX)
            .pattern(REASON_PATTERN)
    },
};

/// Which members are looked for.
pub(crate) const QUERY: Field<MemberFilter> = Field {
    name: "query",
    read: |value| {
        let query = text(value)?;
        let fits = query.chars().count() <= QUERY_MAX;
        fits.then(|| MemberFilter::parse(query))
            .ok_or_else(|| format!("is longer than {QUERY_MAX} characters"))
    },
    schema: || {
        string("A member id, a phone number (one without a country code is mainland China's), one as it looks where it is masked (`138******00`), an open id or a union id. Everyone when absent.", "138******00")
            .max_length(QUERY_MAX)
            .pattern(r"^[^\u0000]*$")
    },
};

/// Where a page of members ends that was told before.
pub(crate) const BEFORE_MEMBER: Field<MemberId> = Field {
    name: "before",
    read: |value| id(value).map(MemberId),
    schema: || uuid("Only members who are older than this one: the last of the page before."),
};

/// Where a page of events ends that was told before.
pub(crate) const BEFORE_EVENT: Field<Uuid> = Field {
    name: "before",
    read: id,
    schema: || uuid("Only events before this one: the last of the page before."),
};

/// How many are told at once.
pub(crate) const LIMIT: Field<u16> = Field {
    name: "limit",
    read: |value| whole(value, 1, PAGE_MAX),
    schema: || count("How many at most; 50 when absent.", PAGE_MAX, 50),
};

/// Whom events are about.
pub(crate) const MEMBER: Field<MemberId> = Field {
    name: "member",
    read: |value| id(value).map(MemberId),
    schema: || uuid("Only what is about this member."),
};

/// Who did what the events are about.
pub(crate) const BY: Field<AdminId> = Field {
    name: "by",
    read: |value| id(value).map(AdminId),
    schema: || uuid("Only what this administrator did."),
};

/// What happened.
pub(crate) const KIND: Field<AuditKind> = Field {
    name: "kind",
    read: |value| {
        let kind = value.as_str().and_then(AuditKind::from_name);
        kind.ok_or_else(|| "is no kind of event".to_owned())
    },
    schema: || {
        string("Only what is of this kind.", "banned")
            .enum_values(AuditKind::NAMES.iter().copied())
    },
};

/// How many days are counted.
pub(crate) const DAYS: Field<u16> = Field {
    name: "days",
    read: |value| whole(value, 1, DAYS_MAX),
    schema: || count("How many days, today among them; 30 when absent.", DAYS_MAX, 30),
};

/// A text that is not blank and holds no control character.
const REASON_PATTERN: &str = r"^[^\u0000-\u001F\u007F-\u009F]*[^\u0000-\u0020\u007F-\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000][^\u0000-\u001F\u007F-\u009F]*$";

/// A password, which is kept nowhere and so may hold any character.
fn shown(
    value: &Value,
    take: fn(&str) -> Result<AdminPassword, InvalidPassword>,
) -> Result<AdminPassword, String> {
    let text = value.as_str().ok_or_else(|| "is not a text".to_owned())?;
    take(text).map_err(|fault| fault.to_string())
}

/// A number, or one in the text of a query string.
fn whole(value: &Value, least: u16, most: u16) -> Result<u16, String> {
    let number = value.as_f64().or_else(|| value.as_str().and_then(digits));
    let whole = (least..=most).find(|whole| number == Some(f64::from(*whole)));
    whole.ok_or_else(|| format!("is no whole number from {least} to {most}"))
}

fn digits(text: &str) -> Option<f64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn id(value: &Value) -> Result<Uuid, String> {
    let text = text(value)?;
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    let id = hyphenated.then(|| Uuid::try_parse(text).ok()).flatten();
    id.ok_or_else(|| "is no id".to_owned())
}

fn uuid(about: &str) -> Object {
    string(about, "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f")
        .format(SchemaFormat::KnownFormat(KnownFormat::Uuid))
}

fn count(about: &str, most: u16, example: u16) -> Object {
    Object::with_type(BasicType::Integer)
        .description(about)
        .minimum(1)
        .maximum(most)
        .example(example)
}

fn password(about: &str) -> Object {
    string(about, "correct horse battery staple").max_length(ADMIN_PASSWORD_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::fields::tests::agree;

    #[test]
    fn the_document_tells_what_administrators_send() {
        let (longest, longer) = ("a".repeat(64), "a".repeat(65));
        agree(&ADMIN_NAME, &["", "ann@example.com", "Ann", "a b", "a\n", "安", &longest, &longer]);
        agree(&INVITATION, &["", "a b", "0f", "码"]);
        agree(&QUERY, &["", "138", "a\0", &"名".repeat(128), &"名".repeat(129)]);
        let (longest, longer) = ("由".repeat(200), "由".repeat(201));
        agree(
            &REASON,
            &[
                "",
                " ",
                "\u{3000}",
                "刷单",
                " a ",
                "a\n",
                "a\u{2028}",
                "\u{feff}",
                &longest,
                &longer,
            ],
        );
        let (longest, longer) = ("x".repeat(256), "x".repeat(257));
        agree(&PASSWORD, &["", "x", "\0", &longest, &longer]);
        agree(&NEW_PASSWORD, &["", "eleven char", "twelve chars", &longest, &longer]);
    }

    #[test]
    fn numbers_are_whole_and_may_stand_in_a_query_string() {
        for (value, number) in [
            ("1", Some(1)),
            ("100", Some(100)),
            ("1.0", Some(1)),
            ("1e2", Some(100)),
            ("\"7\"", Some(7)),
            ("0", None),
            ("101", None),
            ("1.5", None),
            ("-1", None),
            ("\"\"", None),
            ("\"1.0\"", None),
            ("\"+1\"", None),
            ("true", None),
            ("null", None),
        ] {
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!((LIMIT.read)(&value).ok(), number, "{value}");
        }
    }
}
