//! A document as selectors see it: its stored body, and beside it what CouchDB keeps apart.

use refuge_document::json::write_string;

use super::value::Item;

/// A document that is asked.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// Text of the body in normal form, without special members.
    pub body: &'a [u8],
    /// The members that begin with `_`.
    pub metadata: Metadata<'a>,
}

/// The members of a document that begin with `_`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metadata<'a> {
    /// `_id`.
    pub id: &'a str,
    /// `_rev`.
    pub revision: Option<&'a str>,
    /// `_deleted`, which is there only where it is true.
    pub deleted: bool,
    /// Others that the document shows (`_attachments`, `_conflicts`, …): names and JSON text in
    /// normal form.
    pub members: &'a [(&'a str, &'a [u8])],
}

impl<'a> Metadata<'a> {
    /// The metadata of a document that shows nothing but its id and revision.
    pub fn new(id: &'a str, revision: &'a str) -> Self {
        Self { id, revision: Some(revision), ..Self::default() }
    }

    /// The member of this name.
    pub(crate) fn member(&self, name: &str) -> Option<Item<'a>> {
        match name {
            "_id" => Some(Item::Text(self.id)),
            "_rev" => self.revision.map(Item::Text),
            "_deleted" => self.deleted.then_some(Item::Json(b"true")),
            other => self
                .members
                .iter()
                .find(|(name, _)| *name == other)
                .map(|(_, value)| Item::Json(value)),
        }
    }
}

impl Document<'_> {
    /// The whole document's text, for the few conditions that compare all of it.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 128);
        out.extend_from_slice(b"{\"_id\":");
        write_string(&mut out, self.metadata.id);
        if let Some(revision) = self.metadata.revision {
            out.extend_from_slice(b",\"_rev\":");
            write_string(&mut out, revision);
        }
        if let [b'{', members @ .., b'}'] = self.body
            && !members.is_empty()
        {
            out.push(b',');
            out.extend_from_slice(members);
        }
        if self.metadata.deleted {
            out.extend_from_slice(b",\"_deleted\":true");
        }
        for (name, value) in self.metadata.members {
            out.push(b',');
            write_string(&mut out, name);
            out.push(b':');
            out.extend_from_slice(value);
        }
        out.push(b'}');
        out
    }
}
