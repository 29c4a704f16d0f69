//! Fields of requests to the admin API.

use domain::model::admin::{
    AdminId, AdminName, AdminPassword, InvalidPassword, MAX_ADMIN_NAME_BYTES,
    MAX_ADMIN_PASSWORD_CHARS, MIN_ADMIN_PASSWORD_CHARS, Role,
};
use domain::model::audit::AuditKind;
use domain::model::member::query::{MAX_PAGE_SIZE, MemberFilter};
use domain::model::member::{MAX_STATUS_REASON_CHARS, MemberId, StatusReason};
use domain::model::secret::InvitationCode;
use domain::use_cases::admin::query_audit_log::MAX_DAYS;
use salvo::oapi::{BasicType, KnownFormat, Object, SchemaFormat};
use serde_json::Value;
use uuid::Uuid;

use crate::request::fields::{code, parse, string, text};
use crate::request::form::Field;

/// Default page size.
pub(crate) const DEFAULT_LIMIT: u16 = 50;

/// Maximum length of a search text in Unicode scalar values.
const MAX_QUERY: usize = 128;

/// Name of an administrator.
pub(crate) const ADMIN_NAME: Field<AdminName> = Field {
    name: "name",
    read: |value| parse(value, AdminName::parse),
    schema: || {
        string("Name of the administrator: an email address or a short name.", "ann@example.com")
            .min_length(1)
            .max_length(MAX_ADMIN_NAME_BYTES)
            .pattern("^[a-z0-9._+@-]+$")
    },
};

/// Password.
pub(crate) const PASSWORD: Field<AdminPassword> = Field {
    name: "password",
    read: |value| parse_password(value, AdminPassword::parse),
    schema: || password("Password.").min_length(1),
};

/// Current password.
pub(crate) const CURRENT_PASSWORD: Field<AdminPassword> = Field { name: "current", ..PASSWORD };

/// New password.
pub(crate) const NEW_PASSWORD: Field<AdminPassword> = Field {
    name: "password",
    read: |value| parse_password(value, AdminPassword::new_password),
    schema: || {
        password("New password; the only requirement is its length.")
            .min_length(MIN_ADMIN_PASSWORD_CHARS)
    },
};

/// Invitation code.
pub(crate) const INVITATION: Field<InvitationCode> = Field {
    name: "code",
    read: |value| parse(value, InvitationCode::parse),
    schema: || {
        code(
            "Code of the invitation.",
            "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
        )
    },
};

/// Role of an administrator.
pub(crate) const ROLE: Field<Role> = Field {
    name: "role",
    read: |value| {
        let role = value.as_str().and_then(Role::from_name);
        role.ok_or_else(|| format!("is none of {}", Role::NAMES.join(", ")))
    },
    schema: || {
        let description = "`viewer` reads, with masked phone numbers; `operator` also bans members, ends sessions and reads whole phone numbers; `admin` also erases members, and manages apps and administrators.";
        string(description, "operator").enum_values(Role::NAMES.iter().copied())
    },
};

/// Activation of an administrator.
pub(crate) const ACTIVE: Field<bool> = Field {
    name: "active",
    read: |value| value.as_bool().ok_or_else(|| "is neither true nor false".to_owned()),
    schema: || {
        Object::with_type(BasicType::Boolean)
            .description("True if the administrator may sign in. Deactivation ends their sessions immediately.")
            .example(true)
    },
};

/// Reason for a ban or for its lifting.
pub(crate) const REASON: Field<StatusReason> = Field {
    name: "reason",
    read: |value| parse(value, StatusReason::parse),
    schema: || {
        string("Reason. It is stored with the member and erased with the member.", "刷单")
            .min_length(1)
            .max_length(MAX_STATUS_REASON_CHARS)
            .pattern(REASON_PATTERN)
    },
};

/// Search text for members.
pub(crate) const QUERY: Field<MemberFilter> = Field {
    name: "query",
    read: |value| {
        let query = text(value)?;
        let fits = query.chars().count() <= MAX_QUERY;
        fits.then(|| MemberFilter::parse(query))
            .ok_or_else(|| format!("is longer than {MAX_QUERY} characters"))
    },
    schema: || {
        string("Member id, phone number (without country code: mainland China), masked phone number (`138******00`), openid or union id. All members if absent.", "138******00")
            .max_length(MAX_QUERY)
            .pattern(r"^[^\u0000]*$")
    },
};

/// Cursor for the next page of members.
pub(crate) const BEFORE_MEMBER: Field<MemberId> = Field {
    name: "before",
    read: |value| id(value).map(MemberId),
    schema: || {
        uuid("Returns only members older than this one: the last member of the previous page.")
    },
};

/// Cursor for the next page of audit events.
pub(crate) const BEFORE_EVENT: Field<Uuid> = Field {
    name: "before",
    read: id,
    schema: || uuid("Returns only events before this one: the last event of the previous page."),
};

/// Page size.
pub(crate) const LIMIT: Field<u16> = Field {
    name: "limit",
    read: |value| whole_number(value, 1, MAX_PAGE_SIZE),
    schema: || integer("Maximum number of items (default 50).", MAX_PAGE_SIZE, DEFAULT_LIMIT),
};

/// Member that audit events concern.
pub(crate) const MEMBER: Field<MemberId> = Field {
    name: "member",
    read: |value| id(value).map(MemberId),
    schema: || uuid("Returns only events that concern this member."),
};

/// Administrator who caused audit events.
pub(crate) const ACTOR: Field<AdminId> = Field {
    name: "by",
    read: |value| id(value).map(AdminId),
    schema: || uuid("Returns only events caused by this administrator."),
};

/// Kind of audit events.
pub(crate) const KIND: Field<AuditKind> = Field {
    name: "kind",
    read: |value| {
        let kind = value.as_str().and_then(AuditKind::from_name);
        kind.ok_or_else(|| "is not a kind of event".to_owned())
    },
    schema: || {
        string("Returns only events of this kind.", "banned")
            .enum_values(AuditKind::NAMES.iter().copied())
    },
};

/// Number of days in statistics.
pub(crate) const DAYS: Field<u16> = Field {
    name: "days",
    read: |value| whole_number(value, 1, MAX_DAYS),
    schema: || integer("Number of days, including today (default 30).", MAX_DAYS, 30),
};

/// Pattern of a text that is not blank and has no control characters.
const REASON_PATTERN: &str = r"^[^\u0000-\u001F\u007F-\u009F]*[^\u0000-\u0020\u007F-\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000][^\u0000-\u001F\u007F-\u009F]*$";

/// Parses a password. It may contain any character, because it is not stored.
fn parse_password(
    value: &Value,
    parse: fn(&str) -> Result<AdminPassword, InvalidPassword>,
) -> Result<AdminPassword, String> {
    let text = value.as_str().ok_or_else(|| "is not a text".to_owned())?;
    parse(text).map_err(|error| error.to_string())
}

/// Parses a whole number, or the digits of one from a query string.
fn whole_number(value: &Value, min: u16, max: u16) -> Result<u16, String> {
    let number = value.as_f64().or_else(|| value.as_str().and_then(digits));
    let whole = (min..=max).find(|whole| number == Some(f64::from(*whole)));
    whole.ok_or_else(|| format!("is not a whole number from {min} to {max}"))
}

fn digits(text: &str) -> Option<f64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn id(value: &Value) -> Result<Uuid, String> {
    let text = text(value)?;
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    let id = hyphenated.then(|| Uuid::try_parse(text).ok()).flatten();
    id.ok_or_else(|| "is not an id".to_owned())
}

fn uuid(description: &str) -> Object {
    string(description, "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f")
        .format(SchemaFormat::KnownFormat(KnownFormat::Uuid))
}

fn integer(description: &str, max: u16, example: u16) -> Object {
    Object::with_type(BasicType::Integer)
        .description(description)
        .minimum(1)
        .maximum(max)
        .example(example)
}

fn password(description: &str) -> Object {
    string(description, "correct horse battery staple").max_length(MAX_ADMIN_PASSWORD_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::fields::tests::assert_schema_matches_parser;

    #[test]
    fn schemas_of_admin_fields_match_their_parsers() {
        let longest_name = "a".repeat(64);
        let long_name = "a".repeat(65);
        assert_schema_matches_parser(
            &ADMIN_NAME,
            &["", "ann@example.com", "Ann", "a b", "a\n", "安", &longest_name, &long_name],
        );
        assert_schema_matches_parser(&INVITATION, &["", "a b", "0f", "码"]);
        assert_schema_matches_parser(
            &QUERY,
            &["", "138", "a\0", &"名".repeat(128), &"名".repeat(129)],
        );
        let longest_reason = "由".repeat(200);
        let long_reason = "由".repeat(201);
        assert_schema_matches_parser(
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
                &longest_reason,
                &long_reason,
            ],
        );
        let longest_password = "x".repeat(256);
        let long_password = "x".repeat(257);
        assert_schema_matches_parser(
            &PASSWORD,
            &["", "x", "\0", &longest_password, &long_password],
        );
        assert_schema_matches_parser(
            &NEW_PASSWORD,
            &["", "eleven char", "twelve chars", &longest_password, &long_password],
        );
    }

    #[test]
    fn whole_numbers_in_json_and_query_strings() {
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
