//! What requests carry, field by field: one declaration that is both read and documented.

use std::collections::BTreeMap;
use std::fmt;

use salvo::oapi::schema::AdditionalProperties;
use salvo::oapi::{BasicType, Object, Schema, SchemaType};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::FieldErrors;

/// One field of a request: its name, how its value is read, and what the document says of it.
pub(crate) struct Field<T> {
    pub(crate) name: &'static str,
    /// The value, or why it is none; the reason never repeats what the client sent.
    pub(crate) read: fn(&Value) -> Result<T, String>,
    pub(crate) schema: fn() -> Object,
}

/// Something that is asked for fields: a request, or the document.
pub(crate) trait Form {
    /// A field that must be there; `None` when it is not, or is faulty.
    fn required<T>(&mut self, field: &Field<T>) -> Option<T>;

    /// A field that may be absent or null; `None` also when it is faulty.
    fn optional<T>(&mut self, field: &Field<T>) -> Option<T>;

    /// Fields that are sound each by itself, and mean nothing together.
    fn refuse<T>(&mut self, reason: &'static str) -> Option<T>;
}

/// What a request means.
pub(crate) trait FromForm: Sized + Send {
    /// Its name in the document.
    const NAME: &'static str;

    /// What it is good for, in one sentence for the document.
    const DESCRIPTION: &'static str;

    /// Whether a request without any body means the same as one without any field.
    const MAY_BE_EMPTY: bool = false;

    /// Asks for every field there is, and only then gives up if a required one is missing: so all
    /// faults are told at once, and the document knows every field.
    fn from_form(form: &mut impl Form) -> Option<Self>;
}

/// What is done with fields nobody asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownFields {
    Deny,
    Ignore,
}

/// The fields of one request, each with the values given for it.
#[derive(Default)]
pub(crate) struct FormReader {
    values: BTreeMap<String, Vec<Value>>,
    field_errors: FieldErrors,
}

impl FormReader {
    /// Adds a value as it came.
    pub(crate) fn insert(&mut self, name: String, value: Value) {
        self.values.entry(name).or_default().push(value);
    }

    /// Reads the whole, or tells everything that is wrong with it.
    pub(crate) fn read<T: FromForm>(
        mut self,
        unknown_fields: UnknownFields,
    ) -> Result<T, FieldErrors> {
        let read = T::from_form(&mut self);
        if unknown_fields == UnknownFields::Deny {
            self.deny_unknown_fields();
        }
        match read {
            Some(value) if self.field_errors.is_empty() => Ok(value),
            Some(_) | None => Err(self.field_errors),
        }
    }

    /// Names a few of them, where the name is one that a developer may have misspelt.
    fn deny_unknown_fields(&mut self) {
        let plain = |name: &&String| {
            name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
        };
        let unknown_fields = self.values.keys().filter(plain).take(8);
        self.field_errors
            .extend(unknown_fields.map(|name| (name.clone(), "is not known here".to_owned())));
        if !self.values.is_empty() {
            let fault = "holds fields that are not known here".to_owned();
            self.field_errors.insert("body".to_owned(), fault);
        }
    }

    fn fault(&mut self, name: &str, reason: impl Into<String>) {
        self.field_errors.insert(name.to_owned(), reason.into());
    }
}

impl Form for FormReader {
    fn required<T>(&mut self, field: &Field<T>) -> Option<T> {
        let value = self.optional(field);
        if value.is_none() && !self.field_errors.contains_key(field.name) {
            self.fault(field.name, "is required");
        }
        value
    }

    fn optional<T>(&mut self, field: &Field<T>) -> Option<T> {
        match self.values.remove(field.name).as_deref() {
            None | Some([] | [Value::Null]) => None,
            Some([value]) => {
                (field.read)(value).map_err(|reason| self.fault(field.name, reason)).ok()
            }
            Some([_, _, ..]) => {
                self.fault(field.name, "is given more than once");
                None
            }
        }
    }

    fn refuse<T>(&mut self, reason: &'static str) -> Option<T> {
        if self.field_errors.is_empty() {
            self.fault("body", reason);
        }
        None
    }
}

impl<'de> Deserialize<'de> for FormReader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = FormReader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<FormReader, A::Error> {
                let mut filled = FormReader::default();
                while let Some((name, value)) = members.next_entry()? {
                    filled.insert(name, value);
                }
                Ok(filled)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A form nobody has filled in: what is asked of it is what the document must tell.
#[derive(Default)]
pub(crate) struct FormSchema {
    pub(crate) fields: Vec<FieldSchema>,
}

/// One field that is asked for.
pub(crate) struct FieldSchema {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) schema: Object,
}

impl FormSchema {
    /// The form of a request.
    pub(crate) fn of<T: FromForm>() -> Self {
        let mut blank = Self::default();
        T::from_form(&mut blank);
        blank
    }

    /// The schema of the URL-encoded form that fills this one in.
    pub(crate) fn into_open_schema(self) -> Object {
        self.fields.into_iter().fold(
            Object::new(),
            |object, FieldSchema { name, required, schema }| {
                let object = object.property(name, schema);
                if required { object.required(name) } else { object }
            },
        )
    }

    /// The schema of the JSON object that fills the form in.
    pub(crate) fn into_schema(self) -> Object {
        let closed = AdditionalProperties::<Schema>::FreeForm(false);
        let object = Object::new().additional_properties(closed);
        self.fields.into_iter().fold(object, |object, FieldSchema { name, required, schema }| {
            if required {
                object.property(name, schema).required(name)
            } else {
                object.property(name, nullable(schema))
            }
        })
    }
}

impl Form for FormSchema {
    fn required<T>(&mut self, field: &Field<T>) -> Option<T> {
        self.fields.push(FieldSchema {
            name: field.name,
            required: true,
            schema: (field.schema)(),
        });
        None
    }

    fn optional<T>(&mut self, field: &Field<T>) -> Option<T> {
        self.fields.push(FieldSchema {
            name: field.name,
            required: false,
            schema: (field.schema)(),
        });
        None
    }

    fn refuse<T>(&mut self, _reason: &'static str) -> Option<T> {
        None
    }
}

fn nullable(schema: Object) -> Object {
    match schema.schema_type.clone() {
        SchemaType::Basic(basic) => {
            schema.schema_type(SchemaType::Array(vec![basic, BasicType::Null]))
        }
        SchemaType::Array(_) | SchemaType::AnyValue => schema,
    }
}
