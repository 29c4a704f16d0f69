//! Fields of a pushed message in JSON or XML: the strings and numbers at the top level.

use std::collections::BTreeMap;

use domain::ports::pushes::PushRejected;
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

/// Maximum number of elements, attributes and texts in an XML message. WeChat's have a few dozen.
const MAX_XML_NODES: u32 = 1_000;

/// Field values by name.
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Parses a body. The content type is ignored, because WeChat sends JSON as `text/xml` too.
    pub(super) fn parse(body: &[u8]) -> Result<Self, PushRejected> {
        let text = str::from_utf8(body).map_err(|_invalid| malformed("is not UTF-8"))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        match text.bytes().next() {
            Some(b'{') => from_json(text),
            Some(b'<') => from_xml(text),
            Some(_) | None => Err(malformed("is neither JSON nor XML")),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

fn malformed(reason: &'static str) -> PushRejected {
    PushRejected::Malformed(reason)
}

fn from_json(text: &str) -> Result<Fields, PushRejected> {
    // The parser's error is dropped: it quotes the body.
    let parsed = serde_json::from_str::<Map<String, Value>>(text);
    let Ok(members) = parsed else { return Err(malformed("is not a JSON object")) };
    let plain = members.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Number(number) => Some((name, number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    Ok(Fields(plain.collect()))
}

/// Parses XML without document type declarations. A message can then define no entities, which could be expanded
/// without bound or refer to files and URLs.
fn from_xml(text: &str) -> Result<Fields, PushRejected> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..ParsingOptions::default()
    };
    let parsed = Document::parse_with_options(text, options);
    let Ok(document) = parsed else {
        return Err(malformed("is not XML or has too many elements"));
    };
    let elements = document.root_element().children().filter(Node::is_element);
    let fields = elements.map(|element| {
        let texts = element.children().filter_map(|child| child.text());
        (element.tag_name().name().to_owned(), texts.collect::<String>())
    });
    Ok(Fields(fields.collect()))
}
