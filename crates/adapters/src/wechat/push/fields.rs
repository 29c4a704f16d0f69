//! The fields of a push, in JSON or XML: the texts and numbers at its top, and nothing else.

use std::collections::BTreeMap;

use domain::ports::pushes::PushRejected;
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

/// The most elements, attributes and texts that an XML message may have. WeChat's have a few dozen.
const NODES_MAX: u32 = 1_000;

/// Names and their values.
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads a body. The content type is not asked: WeChat calls its JSON `text/xml` as well.
    pub(super) fn parse(body: &[u8]) -> Result<Self, PushRejected> {
        let text = str::from_utf8(body).map_err(|_invalid| malformed("it is not UTF-8"))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        match text.bytes().next() {
            Some(b'{') => from_json(text),
            Some(b'<') => from_xml(text),
            Some(_) | None => Err(malformed("it is neither JSON nor XML")),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

fn malformed(what: &'static str) -> PushRejected {
    PushRejected::Malformed(what)
}

fn from_json(text: &str) -> Result<Fields, PushRejected> {
    // The error itself would repeat what was sent.
    let read = serde_json::from_str::<Map<String, Value>>(text);
    let Ok(members) = read else { return Err(malformed("it is not a JSON object")) };
    let plain = members.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Number(number) => Some((name, number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    Ok(Fields(plain.collect()))
}

/// Without document types there are no entities of the sender's own: nothing to expand, and no file or
/// address to read.
fn from_xml(text: &str) -> Result<Fields, PushRejected> {
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let read = Document::parse_with_options(text, options);
    let Ok(document) = read else {
        return Err(malformed("it is not XML, or holds more than WeChat's does"));
    };
    let elements = document.root_element().children().filter(Node::is_element);
    let fields = elements.map(|element| {
        let texts = element.children().filter_map(|child| child.text());
        (element.tag_name().name().to_owned(), texts.collect::<String>())
    });
    Ok(Fields(fields.collect()))
}
