//! One page of matches, from one snapshot: rows are walked, documents are read, and the selector is asked of
//! each where it stands, so that nothing leaves this thread but what matches.

use bytes::Bytes;
use refuge_document::json::write_string;
use refuge_document::{Leaf, Revision};
use refuge_http::{FindMatch, FindPage, FindPart};
use refuge_query::FormatError;
use refuge_query::mango::{Bookmark, MangoError, with_covered_document};
use refuge_query::view::{RowKey, StoredRow};
use refuge_storage::{DocumentRange, DocumentRecord, Snapshot};

use super::rows::IndexRows;
use super::showing::{Matched, show};
use super::{Searched, Source};
use crate::node_service::reading::body;
use crate::node_service::seen::Seen;
use crate::view_tree::TreeError;

/// A page is closed at this many bytes of matches.
const PAGE_BYTES: usize = 512 * 1024;
/// Rows that a page may look at before it is handed out.
const PAGE_LOOKED_AT: usize = 20_000;
/// Bytes of bodies that a page may look at: with the rows, far less than a second.
const PAGE_READ_BYTES: usize = 64 * 1024 * 1024;

/// A page on its way.
pub(super) struct Page<'a> {
    searched: &'a Searched,
    snapshot: &'a Snapshot,
    part: &'a FindPart,
    page: FindPage,
    documents: Vec<u8>,
    looked_at: usize,
    read_bytes: usize,
    /// The text of a revision, made anew for each document.
    revision: Vec<u8>,
}

impl<'a> Page<'a> {
    /// Reads a page.
    pub(super) fn read(
        searched: &'a Searched,
        snapshot: &'a Snapshot,
        part: &'a FindPart,
    ) -> Result<FindPage, TreeError> {
        let mut page = Self {
            searched,
            snapshot,
            part,
            page: FindPage::default(),
            documents: Vec::new(),
            looked_at: 0,
            read_bytes: 0,
            revision: Vec::new(),
        };
        match &searched.source {
            Source::Documents { from, to } => page.all_documents(from.as_ref(), to.as_ref())?,
            // What rows hold may be of a former revision, which admitted others.
            Source::Rows(rows)
                if searched.question.plan.covering
                    && searched.reader.is_none()
                    && !searched.question.each =>
            {
                page.covered(rows)?;
            }
            Source::Rows(rows) => page.rows(rows)?,
            Source::Nothing => {}
        }
        page.page.documents = page.documents.into();
        Ok(page.page)
    }

    fn is_full(&self) -> bool {
        self.page.returned >= self.part.limit
            || self.documents.len() >= PAGE_BYTES
            || self.looked_at >= PAGE_LOOKED_AT
            || self.read_bytes >= PAGE_READ_BYTES
    }

    /// Walks over documents by id. Design documents and deleted ones are passed over.
    fn all_documents(
        &mut self,
        from: Option<&String>,
        to: Option<&String>,
    ) -> Result<(), TreeError> {
        let range = self.range(from, to);
        if let Some(reader) = &self.searched.reader {
            return self.seen_documents(reader, &range);
        }
        let mut last: Option<String> = None;
        for row in self.snapshot.documents(self.searched.database, &range) {
            if self.is_full() {
                let place = |id: String| Bookmark { key: document_key(&id), id };
                self.page.resume = last.map(place);
                break;
            }
            let (id, record) = row?;
            self.looked_at += 1;
            if !id.starts_with("_design/") {
                let leaf = record.winner()?;
                if !leaf.deleted {
                    self.page.keys_examined += 1;
                    self.offer(&id, &record, &leaf, || document_key(&id))?;
                }
            }
            last = Some(id);
        }
        Ok(())
    }

    /// The same over those alone that somebody sees.
    fn seen_documents(
        &mut self,
        reader: &[String],
        range: &DocumentRange,
    ) -> Result<(), TreeError> {
        let mut last: Option<String> = None;
        let database = self.searched.database;
        for row in self.snapshot.reader_documents(database, reader, range) {
            if self.is_full() {
                let place = |id: String| Bookmark { key: document_key(&id), id };
                self.page.resume = last.map(place);
                break;
            }
            let (id, deleted) = row?;
            self.looked_at += 1;
            if !deleted
                && !id.starts_with("_design/")
                && let Some(record) = self.snapshot.document(database, &id)?
            {
                self.page.keys_examined += 1;
                let leaf = record.winner()?;
                self.offer(&id, &record, &leaf, || document_key(&id))?;
            }
            last = Some(id);
        }
        Ok(())
    }

    /// Who sees a part of the documents alone.
    fn seen(&self) -> Option<Seen<'a>> {
        let principals = self.searched.reader.as_deref()?;
        Some(Seen { snapshot: self.snapshot, database: self.searched.database, principals })
    }

    /// What of a range of ids stands behind the place to go on.
    fn range(&self, from: Option<&String>, to: Option<&String>) -> DocumentRange {
        let descending = self.searched.question.plan.descending;
        let (start, end) = if descending { (to, from) } else { (from, to) };
        let mut range = DocumentRange {
            start: start.cloned(),
            end: end.cloned(),
            descending,
            ..DocumentRange::default()
        };
        let Some(after) = &self.part.after else { return range };
        let is_inside = range.start.as_ref().is_none_or(|start| match descending {
            false => after.id >= *start,
            true => after.id <= *start,
        });
        if is_inside {
            range.start = Some(after.id.clone());
            range.start_inclusive = false;
        }
        range
    }

    /// Walks over the rows of an index and reads their documents.
    fn rows(&mut self, rows: &IndexRows) -> Result<(), TreeError> {
        self.walk(rows, |page, id, key| {
            let record = page.snapshot.document(page.searched.database, id)?;
            let Some(record) = record else { return Ok(()) };
            let leaf = record.winner()?;
            if leaf.deleted {
                return Ok(());
            }
            page.offer(id, &record, &leaf, || key.to_vec())
        })
    }

    /// Walks over the rows of an index that hold all that is asked.
    fn covered(&mut self, rows: &IndexRows) -> Result<(), TreeError> {
        let question = &self.searched.question;
        self.walk(rows, |page, id, key| {
            let text = with_covered_document(&question.index, id, key, |document| {
                let matches = question.find.selector.matches(document);
                matches.then(|| {
                    let mut text = Vec::new();
                    if let Some(fields) = &question.find.fields {
                        fields.write(&mut text, document);
                    }
                    text
                })
            });
            let text = text.map_err(|error: MangoError| TreeError::Function(error.to_string()))?;
            if let Some(text) = text
                && page.is_wanted()
            {
                page.begin(id, || key.to_vec());
                page.documents.extend_from_slice(&text);
            }
            Ok(())
        })
    }

    /// Calls with the id and the key of each row until the page is full.
    fn walk(
        &mut self,
        rows: &IndexRows,
        mut look: impl FnMut(&mut Self, &str, &[u8]) -> Result<(), TreeError>,
    ) -> Result<(), TreeError> {
        let mut last: Option<(Bytes, Bytes)> = None;
        for row in rows.scan(self.part.after.as_ref())? {
            if self.is_full() {
                self.page.resume = last.map(|(row_key, row)| place(&row_key, &row)).transpose()?;
                break;
            }
            let (row_key, row) = row?;
            self.looked_at += 1;
            let id = RowKey::parse(&row_key)?.document;
            let is_seen = match self.seen() {
                Some(seen) => seen.sees(&id)?,
                None => true,
            };
            if is_seen {
                self.page.keys_examined += 1;
                look(self, &id, StoredRow::decode(&row)?.key)?;
            }
            drop(id);
            last = Some((row_key, row));
        }
        Ok(())
    }

    /// Takes a document into the page if it matches.
    fn offer(
        &mut self,
        id: &str,
        record: &DocumentRecord,
        leaf: &Leaf,
        key: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), TreeError> {
        let content = body(self.snapshot, self.searched.database, leaf.place)?;
        let Some(content) = content else { return Ok(()) };
        self.page.documents_examined += 1;
        self.read_bytes += content.body.as_bytes().len();
        self.revision.clear();
        leaf.revision.write_text(&mut self.revision);
        let revision = std::mem::take(&mut self.revision);
        let find = &self.searched.question.find;
        let conflicts = if find.conflicts { self.conflicts(id, record)? } else { Vec::new() };
        let matched = Matched::new(find, id, leaf, &revision, (&content, conflicts))?;
        if matched.matches() && self.is_wanted() {
            self.begin(id, key);
            show(&mut self.documents, &matched);
            if self.searched.question.each
                && let Some(place) = self.page.last.clone()
            {
                let (leaf, end) = (leaf.clone(), self.documents.len());
                self.page.matches.push(FindMatch { place, leaf, end });
            }
        }
        drop(matched);
        self.revision = revision;
        Ok(())
    }

    /// Live leaves beside the winner, as far as they are seen.
    fn conflicts(&self, id: &str, record: &DocumentRecord) -> Result<Vec<Revision>, TreeError> {
        let leaves = record.tree()?.leaves();
        let hidden = match self.seen() {
            Some(seen) => seen.hidden(id, &leaves)?,
            None => Vec::new(),
        };
        let others = leaves.into_iter().skip(1).filter(|leaf| !leaf.deleted);
        Ok(others.map(|leaf| leaf.revision).filter(|one| !hidden.contains(one)).collect())
    }

    /// Whether a match is not one of those that are passed over first.
    fn is_wanted(&mut self) -> bool {
        let is_wanted = self.page.skipped >= self.part.skip;
        if !is_wanted {
            self.page.skipped += 1;
        }
        is_wanted
    }

    /// Makes room for the text of a match.
    fn begin(&mut self, id: &str, key: impl FnOnce() -> Vec<u8>) {
        if self.page.returned > 0 {
            self.documents.extend_from_slice(b",\r\n");
        }
        self.page.returned += 1;
        self.page.last = Some(Bookmark { id: id.to_owned(), key: key() });
    }
}

/// The key that a document has in `_all_docs`.
fn document_key(id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.len() + 2);
    write_string(&mut key, id);
    key
}

fn place(row_key: &[u8], row: &[u8]) -> Result<Bookmark, FormatError> {
    Ok(Bookmark {
        id: RowKey::parse(row_key)?.document.into_owned(),
        key: StoredRow::decode(row)?.key.to_vec(),
    })
}
