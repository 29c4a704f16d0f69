//! Fields of requests: one declaration both parses and documents a field.

use std::collections::BTreeMap;
use std::fmt;

use salvo::oapi::schema::AdditionalProperties;
use salvo::oapi::{BasicType, Object, Schema, SchemaType};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::FieldErrors;

/// Field of a request: its name, its parser and its OpenAPI schema.
pub(crate) struct Field<T> {
    pub(crate) name: &'static str,
    /// Parses the value. The reason of a failure never repeats the client's input.
    pub(crate) read: fn(&Value) -> Result<T, String>,
    pub(crate) schema: fn() -> Object,
}

/// Visitor of a request type's fields: it reads them from a request, or collects their schemas.
pub(crate) trait Form {
    /// Visits a required field. Returns `None` if the field is absent or invalid.
    fn required<T>(&mut self, field: &Field<T>) -> Option<T>;

    /// Visits an optional field. Returns `None` if the field is absent, null or invalid.
    fn optional<T>(&mut self, field: &Field<T>) -> Option<T>;

    /// Rejects a combination of fields that are valid individually.
    fn reject<T>(&mut self, reason: &'static str) -> Option<T>;
}

/// Type that is read from the fields of a request.
pub(crate) trait FromForm: Sized + Send {
    /// Name of its schema in the OpenAPI document.
    const NAME: &'static str;

    /// Description of its schema in the OpenAPI document, in one sentence.
    const DESCRIPTION: &'static str;

    /// True if an absent body means the same as an object without fields.
    const MAY_BE_EMPTY: bool = false;

    /// Reads the value.
    ///
    /// Implementations MUST visit all fields before they return `None`: all errors are then reported at
    /// once, and every field gets into the OpenAPI document.
    fn from_form(form: &mut impl Form) -> Option<Self>;
}

/// Handling of fields that the request type does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownFields {
    Deny,
    Ignore,
}

/// Reader for the fields of one request. A field has several values if it was repeated.
#[derive(Default)]
pub(crate) struct FormReader {
    values: BTreeMap<String, Vec<Value>>,
    field_errors: FieldErrors,
}

impl FormReader {
    /// Adds a value of a field.
    pub(crate) fn insert(&mut self, name: String, value: Value) {
        self.values.entry(name).or_default().push(value);
    }

    /// Reads the request, or returns the errors of all its fields.
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

    /// Adds an error for unknown fields.
    ///
    /// Up to eight of them are named, if their name may be a misspelt field; other names could be any
    /// input of the client.
    fn deny_unknown_fields(&mut self) {
        let may_be_misspelt = |name: &&String| {
            name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
        };
        let unknown_fields = self.values.keys().filter(may_be_misspelt).take(8);
        self.field_errors
            .extend(unknown_fields.map(|name| (name.clone(), "is unknown".to_owned())));
        if !self.values.is_empty() {
            let reason = "has unknown fields".to_owned();
            self.field_errors.insert("body".to_owned(), reason);
        }
    }

    fn add_error(&mut self, name: &str, reason: impl Into<String>) {
        self.field_errors.insert(name.to_owned(), reason.into());
    }
}

impl Form for FormReader {
    fn required<T>(&mut self, field: &Field<T>) -> Option<T> {
        let value = self.optional(field);
        if value.is_none() && !self.field_errors.contains_key(field.name) {
            self.add_error(field.name, "is required");
        }
        value
    }

    fn optional<T>(&mut self, field: &Field<T>) -> Option<T> {
        match self.values.remove(field.name).as_deref() {
            None | Some([] | [Value::Null]) => None,
            Some([value]) => {
                (field.read)(value).map_err(|reason| self.add_error(field.name, reason)).ok()
            }
            Some([_, _, ..]) => {
                self.add_error(field.name, "is given more than once");
                None
            }
        }
    }

    fn reject<T>(&mut self, reason: &'static str) -> Option<T> {
        if self.field_errors.is_empty() {
            self.add_error("body", reason);
        }
        None
    }
}

impl<'de> Deserialize<'de> for FormReader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = FormReader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<FormReader, A::Error> {
                let mut reader = FormReader::default();
                while let Some((name, value)) = members.next_entry()? {
                    reader.insert(name, value);
                }
                Ok(reader)
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// Collector of the fields' schemas, for the OpenAPI document.
#[derive(Default)]
pub(crate) struct FormSchema {
    pub(crate) fields: Vec<FieldSchema>,
}

/// Schema of one field.
pub(crate) struct FieldSchema {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) schema: Object,
}

impl FormSchema {
    /// Collects the schemas of a request type.
    pub(crate) fn of<T: FromForm>() -> Self {
        let mut schema = Self::default();
        T::from_form(&mut schema);
        schema
    }

    /// Returns the schema of a URL-encoded form. It allows unknown fields.
    pub(crate) fn into_open_schema(self) -> Object {
        self.fields.into_iter().fold(
            Object::new(),
            |object, FieldSchema { name, required, schema }| {
                let object = object.property(name, schema);
                if required { object.required(name) } else { object }
            },
        )
    }

    /// Returns the schema of a JSON object. It denies unknown fields.
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

    fn reject<T>(&mut self, _reason: &'static str) -> Option<T> {
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
