//! Writes the rows of a feed as bytes, without a value of JSON in between. What stands around them
//! is in `framing`, the documents inside them in `included`.

use refuge_document::json::write_string;
use refuge_document::{ChangeRow, Revision};

/// Writes the rows of one database.
#[derive(Clone, Debug)]
pub(super) struct RowWriter {
    /// What stands between the number of a sequence and the id.
    tail: Vec<u8>,
    /// Names every leaf instead of the winner alone.
    all_leaves: bool,
}

impl RowWriter {
    /// For rows of the database with this opaque part of sequences.
    pub(super) fn new(instance: &str, all_leaves: bool) -> Self {
        Self { tail: format!("-{instance}\",\"id\":").into_bytes(), all_leaves }
    }

    /// Appends a row up to where its document would stand; `close` ends it. One that is not
    /// `numbered` has `null` for its sequence.
    pub(super) fn open(&self, out: &mut Vec<u8>, row: &ChangeRow, numbered: bool) {
        if numbered {
            out.extend_from_slice(b"{\"seq\":\"");
            out.extend_from_slice(itoa::Buffer::new().format(row.sequence).as_bytes());
            out.extend_from_slice(&self.tail);
        } else {
            out.extend_from_slice(b"{\"seq\":null,\"id\":");
        }
        write_string(out, &row.id);
        out.extend_from_slice(b",\"changes\":[");
        let shown = if self.all_leaves { row.leaves.len() } else { 1 };
        for (number, leaf) in row.leaves.iter().take(shown).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"rev\":");
            write_revision(out, &leaf.revision);
            out.push(b'}');
        }
        out.push(b']');
        if row.winner().is_some_and(|winner| winner.deleted) {
            out.extend_from_slice(b",\"deleted\":true");
        }
        if row.removed {
            out.extend_from_slice(b",\"removed\":true");
        }
    }

    /// Appends the sequence as a browser tells it when it resumes an event source.
    pub(super) fn write_id(&self, out: &mut Vec<u8>, sequence: u64) {
        out.push(b'"');
        out.extend_from_slice(itoa::Buffer::new().format(sequence).as_bytes());
        // Up to and with the quote that ends it.
        let end = self.tail.iter().position(|byte| *byte == b'"').map_or(0, |quote| quote + 1);
        out.extend_from_slice(self.tail.get(..end).unwrap_or_default());
    }

    /// Ends a row.
    pub(super) fn close(out: &mut Vec<u8>) {
        out.push(b'}');
    }
}

/// Appends a revision as a JSON string. The text form of a hash that a client made up may hold
/// characters that need escaping.
pub(crate) fn write_revision(out: &mut Vec<u8>, revision: &Revision) {
    if revision.hash.as_bytes().len() == 16 {
        out.push(b'"');
        revision.write_text(out);
        out.push(b'"');
    } else {
        write_string(out, &revision.to_string());
    }
}

#[cfg(test)]
mod tests {
    use refuge_document::LeafSummary;

    use super::*;

    fn row(leaves: &[(&str, bool)]) -> ChangeRow {
        let leaves = leaves.iter().map(|(revision, deleted)| LeafSummary {
            revision: revision.parse().expect("a revision"),
            deleted: *deleted,
        });
        let (id, leaves) = ("a \"b\"".into(), leaves.collect());
        ChangeRow { sequence: 12, id, leaves, body: 12, removed: false }
    }

    fn written(all_leaves: bool, row: &ChangeRow) -> String {
        let mut out = Vec::new();
        RowWriter::new("x", all_leaves).open(&mut out, row, true);
        RowWriter::close(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_row_names_its_winner() {
        assert_eq!(
            written(false, &row(&[("2-a", false), ("1-b", false)])),
            r#"{"seq":"12-x","id":"a \"b\"","changes":[{"rev":"2-a"}]}"#
        );
    }

    #[test]
    fn a_row_may_go_without_its_sequence() {
        let mut out = Vec::new();
        RowWriter::new("x", false).open(&mut out, &row(&[("2-a", false)]), false);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, r#"{"seq":null,"id":"a \"b\"","changes":[{"rev":"2-a"}]"#);
    }

    #[test]
    fn a_row_names_all_leaves_where_asked() {
        assert_eq!(
            written(true, &row(&[("2-a", true), ("1-b", true)])),
            r#"{"seq":"12-x","id":"a \"b\"","changes":[{"rev":"2-a"},{"rev":"1-b"}],"deleted":true}"#
        );
    }

    #[test]
    fn a_document_that_may_not_be_read_any_more_is_told_as_removed() {
        let row = ChangeRow { removed: true, ..row(&[("2-a", true)]) };
        assert_eq!(
            written(false, &row),
            r#"{"seq":"12-x","id":"a \"b\"","changes":[{"rev":"2-a"}],"deleted":true,"removed":true}"#
        );
    }

    #[test]
    fn a_made_up_revision_is_escaped() {
        let mut out = Vec::new();
        write_revision(&mut out, &"1-a\"".parse().expect("a revision"));
        assert_eq!(out, br#""1-a\"""#);
    }
}
