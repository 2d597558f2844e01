//! The written policy that a policy.yaml was read from, so that a report can give it back with its boxes ticked.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::Trust;
use super::reader::Reader;
use super::source::{self, Links};
use super::trust;
use super::waiver::known_check;
use super::yaml::Node;

/// The document, as far as it could be read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Document {
    /// As the policy names it.
    pub file: String,
    pub text: Option<String>,
    /// Why there is no text.
    pub unread: Option<String>,
    pub boxes: Vec<TickedBy>,
}

/// The checks that tick one box.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TickedBy {
    /// The text beside the box, as it stands in the document.
    pub text: String,
    pub checks: Vec<String>,
}

/// A written policy is smaller.
const LARGEST: u64 = 1024 * 1024;

/// Reads `document:` and `boxes:`; a document that cannot be read takes nothing from the audit, and is told.
pub(super) fn read(
    reader: &mut Reader<'_>,
    document: Option<&Node>,
    boxes: Option<&Node>,
    trusted: &Trust,
    own: &[String],
) -> Option<Document> {
    let boxes: Vec<TickedBy> = boxes
        .map(|node| reader.list(node, "boxes"))
        .unwrap_or_default()
        .iter()
        .filter_map(|node| ticked_by(reader, node, own))
        .collect();
    let Some(node) = document else {
        return (!boxes.is_empty()).then(|| Document {
            file: String::new(),
            text: None,
            unread: Some("the policy names no `document:`".into()),
            boxes,
        });
    };
    let file = reader.string(node, "the path of the written policy")?;
    let path = reader.path(node, "a path")?;
    let content = match trusted {
        Trust::Found { root } if !trust::is_inside(&path, root) => {
            Err("it is outside the directory of a policy that was found, or is not there".to_owned())
        }
        Trust::Full | Trust::Found { .. } => content(&path),
    };
    let (text, unread) = match content {
        Ok(text) => (Some(text), None),
        Err(why) => (None, Some(why)),
    };
    Some(Document { file, text, unread, boxes })
}

fn ticked_by(reader: &mut Reader<'_>, node: &Node, own: &[String]) -> Option<TickedBy> {
    let fields = reader.fields(node, "a box", &["text", "checks"])?;
    let text = match fields.of("text") {
        Some(node) => reader.string(node, "the text beside the box"),
        None => {
            reader.fault(node.span, "the box has no `text`", "add `text`: what stands beside it in the document");
            None
        }
    };
    let checks = fields.of("checks").map(|node| reader.list(node, "ids of checks")).unwrap_or_default();
    let checks = checks.iter().filter_map(|node| known_check(reader, node, own)).collect();
    Some(TickedBy { text: text?, checks })
}

fn content(path: &Path) -> Result<String, String> {
    source::text(path, Links::Followed, LARGEST).map_err(|error| error.to_string())
}
