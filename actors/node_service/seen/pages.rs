//! What somebody sees of a database at one moment, read from the indexes by reader in the shapes that the
//! HTTP surface asks for.

use refuge_document::{BodyPlace, ChangeRow, Leaf, Revision};
use refuge_http::{
    ChangesPage, ChangesRequest, ConflictsPage, DocumentTree, DocumentsPage, DocumentsRequest,
    IdsRequest, StoredBody, StoredDocument,
};
use refuge_storage::{
    ChangeRange, DatabaseId, DocumentRange, ReaderChange, ReaderState, Snapshot, StorageError,
};

use crate::node_service::reading::{
    self, OFFSET_LOOKED_AT, PAGE_BYTES, PAGE_LOOKED_AT, bound, stored_document,
};

/// Documents with conflicts that are looked at for a page.
pub(in crate::node_service) const CONFLICTS: usize = 2_000;

/// Documents that somebody sees.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) documents: u64,
    pub(super) deleted: u64,
}

/// A moment of a database, and who looks at it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) database: DatabaseId,
    pub(crate) principals: &'a [String],
}

impl Seen<'_> {
    /// Whether a document, or its tombstone, is seen.
    pub(crate) fn sees(self, id: &str) -> Result<bool, StorageError> {
        let state = self.snapshot.seen(self.database, self.principals, id)?;
        Ok(matches!(state, Some(ReaderState::Live | ReaderState::Deleted)))
    }

    pub(super) fn winner(self, id: &str) -> Result<Option<StoredDocument>, StorageError> {
        match self.sees(id)? {
            true => reading::winner(self.snapshot, self.database, id),
            false => Ok(None),
        }
    }

    /// A document's history without the branches that are hidden. Of revisions that were followed by others
    /// nothing is shown but that they were: whom they admitted may be another matter.
    pub(super) fn tree(self, id: &str) -> Result<Option<DocumentTree>, StorageError> {
        if !self.sees(id)? {
            return Ok(None);
        }
        let Some(mut document) = reading::tree(self.snapshot, self.database, id)? else {
            return Ok(None);
        };
        let leaves = document.tree.leaves();
        let hidden = self.hidden(id, &leaves)?;
        if !hidden.is_empty() {
            document.tree.purge(&hidden);
        }
        document.tree.forget_ancestors();
        Ok(Some(document))
    }

    /// The leaves beside the winner that do not admit who looks.
    pub(crate) fn hidden(self, id: &str, leaves: &[Leaf]) -> Result<Vec<Revision>, StorageError> {
        let mut hidden = Vec::new();
        if id.starts_with("_design/") {
            return Ok(hidden);
        }
        for leaf in leaves.iter().skip(1) {
            let content = reading::body(self.snapshot, self.database, leaf.place)?;
            let access = content.map(|content| content.body.access()).unwrap_or_default();
            if !access.admits(self.principals) {
                hidden.push(leaf.revision.clone());
            }
        }
        Ok(hidden)
    }

    pub(super) fn count(self, range: &DocumentRange) -> Result<Counted, StorageError> {
        let mut counted = Counted::default();
        for row in self.snapshot.reader_documents(self.database, self.principals, range) {
            let (_, deleted) = row?;
            let kind = if deleted { &mut counted.deleted } else { &mut counted.documents };
            *kind += 1;
        }
        Ok(counted)
    }

    /// The id of a live document, each with the same likelihood.
    pub(super) fn random_document(self) -> Result<Option<String>, StorageError> {
        let (mut picked, mut live) = (None, 0_u64);
        let all = DocumentRange::default();
        for row in self.snapshot.reader_documents(self.database, self.principals, &all) {
            let (id, deleted) = row?;
            if deleted {
                continue;
            }
            live += 1;
            if rand::random_range(0..live) == 0 {
                picked = Some(id);
            }
        }
        Ok(picked)
    }

    pub(super) fn changes(self, request: ChangesRequest) -> Result<ChangesPage, StorageError> {
        let range = reading::change_range(&request);
        let mut page = ChangesPage { rows: Vec::new(), finished: true, position: None };
        let mut bytes = 0;
        for change in self.snapshot.reader_changes(self.database, self.principals, range) {
            if page.rows.len() >= request.limit || bytes >= PAGE_BYTES {
                page.finished = false;
                break;
            }
            let row = match change? {
                ReaderChange::Removed(row) => (row, None),
                ReaderChange::Visible(sequence) => match self.change(sequence, request.bodies)? {
                    Some(row) => row,
                    None => continue,
                },
            };
            bytes += row.1.as_ref().map_or(0, |content| content.body.as_bytes().len());
            page.rows.push(row);
        }
        Ok(page)
    }

    /// The row of a document that is seen, without leaves that are hidden.
    fn change(
        self,
        sequence: u64,
        bodies: bool,
    ) -> Result<Option<(ChangeRow, Option<StoredBody>)>, StorageError> {
        let Some(mut row) = self.snapshot.change(self.database, sequence)? else { return Ok(None) };
        if row.leaves.len() > 1
            && let Some(record) = self.snapshot.document(self.database, &row.id)?
        {
            let hidden = self.hidden(&row.id, &record.tree()?.leaves())?;
            row.leaves.retain(|leaf| !hidden.contains(&leaf.revision));
        }
        let content = match (bodies, row.body) {
            (true, 1..) => reading::body(self.snapshot, self.database, BodyPlace::At(row.body))?,
            _ => None,
        };
        Ok(Some((row, content)))
    }

    pub(super) fn pending(self, after: u64) -> Result<u64, StorageError> {
        let range = ChangeRange { after, ..ChangeRange::default() };
        let mut count = 0;
        for change in self.snapshot.reader_changes(self.database, self.principals, range) {
            change?;
            count += 1;
        }
        Ok(count)
    }

    pub(super) fn documents(
        self,
        request: &DocumentsRequest,
        total: u64,
    ) -> Result<DocumentsPage, StorageError> {
        let (start, start_inclusive) = bound(request.start.as_ref());
        let (end, end_inclusive) = bound(request.end.as_ref());
        let descending = request.descending;
        let range = DocumentRange { start, start_inclusive, end, end_inclusive, descending };
        let offset = if request.offset { self.rows_before(request)? } else { None };
        let mut page = DocumentsPage {
            rows: Vec::new(),
            skipped: 0,
            resume_after: None,
            total: Some(total),
            offset,
        };
        let (mut looked_at, mut bytes) = (0, 0);
        let mut last: Option<String> = None;
        for row in self.snapshot.reader_documents(self.database, self.principals, &range) {
            let is_full = page.rows.len() >= request.limit || bytes >= PAGE_BYTES;
            if is_full || looked_at >= PAGE_LOOKED_AT {
                page.resume_after = last;
                break;
            }
            let (id, deleted) = row?;
            looked_at += 1;
            if !deleted && page.skipped < request.skip {
                page.skipped += 1;
            } else if !deleted && let Some(record) = self.snapshot.document(self.database, &id)? {
                let (snapshot, database) = (self.snapshot, self.database);
                let document = stored_document(snapshot, database, &record, request.bodies)?;
                bytes += document.content.as_ref().map_or(0, |body| body.body.as_bytes().len());
                page.rows.push((id.clone(), document));
            }
            last = Some(id);
        }
        Ok(page)
    }

    /// Counts the live documents in front of a range, as far as that is worth it.
    fn rows_before(self, request: &DocumentsRequest) -> Result<Option<u64>, StorageError> {
        let Some(before) = reading::range_before(request) else { return Ok(Some(0)) };
        let (mut looked_at, mut live) = (0, 0);
        for row in self.snapshot.reader_documents(self.database, self.principals, &before) {
            if looked_at >= OFFSET_LOOKED_AT {
                return Ok(None);
            }
            looked_at += 1;
            live += u64::from(!row?.1);
        }
        Ok(Some(live))
    }
}

/// What is seen of a page of all documents with conflicts, where `tree` tells what is seen of one.
pub(in crate::node_service) fn conflicts<E>(
    request: &IdsRequest,
    page: ConflictsPage,
    mut tree: impl FnMut(&str) -> Result<Option<DocumentTree>, E>,
) -> Result<ConflictsPage, E> {
    let mut shown = ConflictsPage::default();
    let mut last: Option<String> = None;
    for (id, _) in page.rows {
        if shown.rows.len() >= request.limit {
            shown.resume_after = last;
            return Ok(shown);
        }
        let tree = tree(&id)?.map(|found| found.tree).unwrap_or_default();
        let live: Vec<Revision> = tree
            .leaves()
            .into_iter()
            .filter(|leaf| !leaf.deleted)
            .map(|leaf| leaf.revision)
            .collect();
        if live.len() > 1 && shown.skipped < request.skip {
            shown.skipped += 1;
        } else if live.len() > 1 {
            shown.rows.push((id.clone(), live));
        }
        last = Some(id);
    }
    shown.resume_after = page.resume_after;
    Ok(shown)
}
