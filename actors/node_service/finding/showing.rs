//! A document as a question sees it and as its answer shows it. Which documents are looked at is not decided
//! here.

use refuge_document::{Leaf, Rendering, Revision, render_document};
use refuge_http::{StoredBody, special_members};
use refuge_query::mango::Find;
use refuge_query::selector::{Document, Metadata};
use refuge_storage::StorageError;

/// A document that is looked at.
pub(in crate::node_service) struct Matched<'a> {
    find: &'a Find,
    id: &'a str,
    leaf: &'a Leaf,
    revision: &'a str,
    content: &'a StoredBody,
    conflicts: Vec<Revision>,
    /// Members beside the body's that the question names.
    members: Vec<(&'static str, Vec<u8>)>,
}

impl<'a> Matched<'a> {
    /// Gathers what the question may see of a document: its content, and the live leaves beside the winner
    /// where it asks for them.
    pub(in crate::node_service) fn new(
        find: &'a Find,
        id: &'a str,
        leaf: &'a Leaf,
        revision: &'a [u8],
        (content, conflicts): (&'a StoredBody, Vec<Revision>),
    ) -> Result<Self, StorageError> {
        let revision = std::str::from_utf8(revision).map_err(|_| StorageError::Record {
            keyspace: "documents",
            reason: "a revision is not UTF-8",
        })?;
        let mut found = Self { find, id, leaf, revision, content, conflicts, members: Vec::new() };
        let names_attachments = !content.attachments.is_empty() && names_attachments(find);
        if names_attachments || !found.conflicts.is_empty() {
            found.members = special_members(&content.attachments, &found.conflicts);
        }
        Ok(found)
    }

    fn rendering(&self) -> Rendering<'_> {
        let mut rendering = Rendering::new(self.id, &self.leaf.revision, &self.content.body);
        rendering.attachments = &self.content.attachments;
        rendering.conflicts = &self.conflicts;
        rendering
    }

    /// Calls with the document as selectors see it.
    fn with_document<T>(&self, then: impl FnOnce(&Document<'_>) -> T) -> T {
        let members: Vec<(&str, &[u8])> =
            self.members.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let metadata = Metadata { members: &members, ..Metadata::new(self.id, self.revision) };
        then(&Document { body: self.content.body.as_bytes(), metadata })
    }

    /// Whether the question asks for it.
    pub(in crate::node_service) fn matches(&self) -> bool {
        self.with_document(|document| self.find.selector.matches(document))
    }
}

/// Appends the text that the answer shows.
pub(in crate::node_service) fn show(out: &mut Vec<u8>, matched: &Matched<'_>) {
    match &matched.find.fields {
        None => render_document(out, &matched.rendering()),
        Some(fields) => matched.with_document(|document| fields.write(out, document)),
    }
}

fn names_attachments(find: &Find) -> bool {
    let shown = find.fields.iter().flat_map(|fields| fields.names());
    shown.chain(find.selector.field_names()).any(|name| name.starts_with("_attachments"))
}
