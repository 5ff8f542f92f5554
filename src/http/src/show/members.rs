//! The members of a document that are not in its body, one by one, for whoever asks for some of them.

use refuge_document::{Attachment, Body, Rendering, Revision, json::normalise, render_document};
use serde_json::{Map, Value};

/// `_attachments` (as stubs) and `_conflicts` as a document shows them: names and JSON text in normal form;
/// left out where empty.
#[must_use]
pub fn special_members(
    attachments: &[Attachment],
    conflicts: &[Revision],
) -> Vec<(&'static str, Vec<u8>)> {
    let (body, Ok(revision)) = (Body::empty(), "1-0".parse::<Revision>()) else {
        return Vec::new();
    };
    let mut text = Vec::new();
    let rendering = Rendering { attachments, conflicts, ..Rendering::new("", &revision, &body) };
    render_document(&mut text, &rendering);
    let shown: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
    let member = |name: &'static str| {
        let value = shown.get(name)?.to_string();
        Some((name, normalise(value.as_bytes()).ok()?))
    };
    ["_attachments", "_conflicts"].into_iter().filter_map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_left_out() {
        assert!(special_members(&[], &[]).is_empty());
        let conflicts = ["2-b".parse().expect("a revision")];
        assert_eq!(special_members(&[], &conflicts), [("_conflicts", b"[\"2-b\"]".to_vec())]);
    }
}
