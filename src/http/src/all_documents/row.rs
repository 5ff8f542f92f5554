//! The bytes of `_all_docs`: what stands around its rows, and the rows. Where the rows come from is
//! in `listing` and `keyed`.

use refuge_document::json::write_string;
use refuge_document::{Leaf, Revision, render_document};
use serde_json::Value;

use crate::changes::write_revision;
use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody};
use crate::show::{ShowOptions, Shown, show_in_stream};
use crate::stream::ReplySender;

/// What stands before the rows.
pub(super) struct Heading {
    /// Live documents of the list as a whole; `null` for local ones, which nobody counts.
    pub(super) total: Option<u64>,
    /// Rows before the first; `null` where documents are asked for one by one.
    pub(super) offset: Option<u64>,
    /// `update_seq`, where it is asked for: its text, or `null`.
    pub(super) update_seq: Option<Option<String>>,
}

impl Heading {
    /// Appends it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_members(out);
        out.extend_from_slice(b"\"rows\":[\r\n");
    }

    /// Appends its members, each with a comma behind it.
    pub(super) fn write_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"total_rows\":");
        write_count(out, self.total);
        out.extend_from_slice(b",\"offset\":");
        write_count(out, self.offset);
        match &self.update_seq {
            None => {}
            Some(None) => out.extend_from_slice(b",\"update_seq\":null"),
            Some(Some(text)) => {
                out.extend_from_slice(b",\"update_seq\":");
                write_string(out, text);
            }
        }
        out.push(b',');
    }
}

fn write_count(out: &mut Vec<u8>, count: Option<u64>) {
    match count {
        Some(count) => out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

/// What stands behind the rows.
pub(super) const CLOSING: &[u8] = b"\r\n]}";

/// What stands between two rows.
pub(super) const BETWEEN: &[u8] = b",\r\n";

/// Appends a row up to where its document would stand.
pub(super) fn open(out: &mut Vec<u8>, id: &str, leaf: &Leaf) {
    out.extend_from_slice(b"{\"id\":");
    write_string(out, id);
    out.extend_from_slice(b",\"key\":");
    write_string(out, id);
    out.extend_from_slice(b",\"value\":{\"rev\":");
    write_revision(out, &leaf.revision);
    if leaf.deleted {
        out.extend_from_slice(b",\"deleted\":true");
    }
    out.push(b'}');
}

/// Appends the row of a document with conflicts up to where its document would stand.
pub(super) fn open_conflicted(out: &mut Vec<u8>, id: &str, live: &[Revision]) {
    out.extend_from_slice(b"{\"id\":");
    write_string(out, id);
    out.extend_from_slice(b",\"key\":");
    write_string(out, id);
    out.extend_from_slice(b",\"value\":{\"rev\":");
    for (number, revision) in live.iter().enumerate() {
        match number {
            0 => {}
            1 => out.extend_from_slice(b",\"conflicts\":["),
            _ => out.push(b','),
        }
        write_revision(out, revision);
    }
    out.extend_from_slice(if live.len() > 1 { b"]}" } else { b"}" });
}

/// Appends the row of a key under which nothing is known.
pub(super) fn write_missing(out: &mut Vec<u8>, key: &Value) {
    out.extend_from_slice(b"{\"key\":");
    match key {
        Value::String(text) => write_string(out, text),
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
    out.extend_from_slice(b",\"error\":\"not_found\"}");
}

/// A document that belongs into a row.
pub(super) struct RowDocument<'a> {
    pub(super) id: &'a str,
    pub(super) leaf: &'a Leaf,
    pub(super) sequence: u64,
    pub(super) content: Option<&'a StoredBody>,
    /// Has to be there where the options need it.
    pub(super) tree: Option<&'a DocumentTree>,
}

/// Sends the member `doc`: a deleted document is `null`.
pub(super) async fn write_document(
    sender: &mut ReplySender,
    database: &dyn Database,
    document: RowDocument<'_>,
    options: &ShowOptions,
) -> Result<(), Failure> {
    let out = sender.buffer();
    out.extend_from_slice(b",\"doc\":");
    let RowDocument { id, leaf, sequence, content, tree } = document;
    let Some(content) = content.filter(|_| !leaf.deleted) else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    if *options == ShowOptions::default() {
        let mut rendering = refuge_document::Rendering::new(id, &leaf.revision, &content.body);
        rendering.attachments = &content.attachments;
        render_document(out, &rendering);
        return Ok(());
    }
    let shown = Shown { id, revision: &leaf.revision, deleted: false, content, tree, sequence };
    show_in_stream(sender, database, shown, options).await
}

#[cfg(test)]
mod tests {
    use refuge_document::BodyPlace;
    use serde_json::json;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_heading_is_couchdbs() {
        let heading = Heading { total: Some(3), offset: Some(1), update_seq: None };
        assert_eq!(text(|out| heading.write(out)), "{\"total_rows\":3,\"offset\":1,\"rows\":[\r\n");
        let heading =
            Heading { total: Some(3), offset: None, update_seq: Some(Some("4-x".into())) };
        assert_eq!(
            text(|out| heading.write(out)),
            "{\"total_rows\":3,\"offset\":null,\"update_seq\":\"4-x\",\"rows\":[\r\n"
        );
    }

    #[test]
    fn rows_name_id_key_and_revision() {
        let mut leaf = Leaf {
            revision: "1-a".parse().expect("a revision"),
            deleted: false,
            place: BodyPlace::Missing,
        };
        assert_eq!(
            text(|out| open(out, "x", &leaf)),
            r#"{"id":"x","key":"x","value":{"rev":"1-a"}"#
        );
        leaf.deleted = true;
        assert_eq!(
            text(|out| open(out, "x", &leaf)),
            r#"{"id":"x","key":"x","value":{"rev":"1-a","deleted":true}"#
        );
        assert_eq!(
            text(|out| write_missing(out, &json!("n\"o"))),
            r#"{"key":"n\"o","error":"not_found"}"#
        );
        assert_eq!(text(|out| write_missing(out, &json!(1))), r#"{"key":1,"error":"not_found"}"#);
    }
}
