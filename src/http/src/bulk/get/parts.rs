//! The results of `_bulk_get` as parts of a multipart answer: a document with attachments is a
//! `multipart/related` part of its own, one without is JSON, and so is what was not found.

use refuge_document::Leaf;
use refuge_document::json::write_string;

use super::wish::{Wish, write_bad_members, write_missing_members};
use super::{Answer, Bodies, Found, LookedUp, shown};
use crate::documents::{Related, boundary};
use crate::failure::Failure;
use crate::node::{DocumentTree, StoredBody};
use crate::show::{AttachmentBytes, ShowOptions, show};
use crate::stream::ReplySender;

/// The headers of a part that tells of something that was not found.
const ERROR: &str = "\r\nContent-Type: application/json; error=\"true\"\r\n\r\n";

/// The parts of one answer.
pub(super) struct Parts {
    boundary: String,
    /// Whether no part was written.
    empty: bool,
}

impl Parts {
    /// Parts between these boundaries.
    pub(super) fn new(boundary: String) -> Self {
        Self { boundary, empty: true }
    }

    /// Sends the results of one wish.
    pub(super) async fn write(
        &mut self,
        answer: &Answer,
        sender: &mut ReplySender,
        one: LookedUp,
        bodies: &mut Bodies,
    ) -> Result<(), Failure> {
        let LookedUp { wish, tree, found } = one;
        let (id, attachments_since) = match &wish {
            Wish::Document { id, attachments_since, .. } => (id, attachments_since),
            Wish::Bad(bad) => {
                self.open(sender, ERROR);
                write_bad_members(sender.buffer(), bad);
                return Ok(());
            }
        };
        // As in CouchDB, attachments always come along here.
        let options = ShowOptions { attachments: true, ..answer.options(attachments_since) };
        for found in found {
            match (found, bodies.next(answer.database.as_ref()).await?, &tree) {
                (Found::Leaf(leaf), Some(content), Some(tree)) => {
                    let document = Document { id, leaf, content, tree };
                    self.send(answer, sender, document, &options).await?;
                }
                (Found::Leaf(Leaf { revision, .. }) | Found::Missing(revision), _, _) => {
                    self.open(sender, ERROR);
                    let out = sender.buffer();
                    out.extend_from_slice(b"{\"rev\":");
                    write_string(out, &revision.to_string());
                    out.extend_from_slice(b",\"error\":\"not_found\",\"reason\":\"missing\"}");
                }
                (Found::Unknown, _, _) => {
                    self.open(sender, ERROR);
                    write_missing_members(sender.buffer(), id, "undefined");
                }
            }
            sender.flush_when_full().await?;
        }
        Ok(())
    }

    /// Ends the answer.
    pub(super) fn end(self, sender: &mut ReplySender) {
        if !self.empty {
            let end = format!("\r\n--{}--\r\n", self.boundary);
            sender.buffer().extend_from_slice(end.as_bytes());
        }
    }

    fn open(&mut self, sender: &mut ReplySender, headers: &str) {
        self.empty = false;
        let opening = format!("\r\n--{}{headers}", self.boundary);
        sender.buffer().extend_from_slice(opening.as_bytes());
    }

    async fn send(
        &mut self,
        answer: &Answer,
        sender: &mut ReplySender,
        document: Document<'_>,
        options: &ShowOptions,
    ) -> Result<(), Failure> {
        let database = answer.database.as_ref();
        let Document { id, leaf, content, tree } = document;
        let mut text = Vec::new();
        let shown = shown(id, &leaf, &content, tree);
        let showing = show(&mut text, database, shown, options, AttachmentBytes::Follow).await?;
        let related = Related::new(text, showing, content.attachments, boundary());
        let named = match related.has_parts() {
            true => format!(
                "\r\nX-Doc-Id: {}\r\nX-Rev-Id: {}",
                on_one_line(id),
                on_one_line(&leaf.revision.to_string())
            ),
            false => String::new(),
        };
        let headers = format!("{named}\r\nContent-Type: {}\r\n\r\n", related.content_type());
        self.open(sender, &headers);
        related.send(database, sender).await
    }
}

/// One document that is sent.
struct Document<'a> {
    id: &'a str,
    leaf: Leaf,
    content: StoredBody,
    tree: &'a DocumentTree,
}

/// A text without what would end a header's line.
fn on_one_line(text: &str) -> String {
    text.replace(|character: char| character.is_control(), " ")
}
