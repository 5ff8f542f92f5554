//! All documents of a range, page by page in the order of their ids; while one page is written the
//! next one is being read. Documents asked for one by one are in `keyed`.

use std::sync::Arc;

use refuge_document::sequence_text;
use tokio::task::JoinSet;

use super::Listed;
use super::bounds::{Bounds, DESIGN_BEGIN, DESIGN_END};
use super::parameters::Parameters;
use super::row::{self, CLOSING, Heading, RowDocument};
use crate::failure::Failure;
use crate::node::{Database, DocumentTree, DocumentsPage, DocumentsRequest};
use crate::row_sink::{RowSink, Separated};
use crate::stream::ReplySender;

/// Rows of a page without bodies.
const PAGE_ROWS: usize = 2000;

/// Rows of a page with bodies; the database ends a page of large bodies earlier.
const PAGE_ROWS_WITH_BODIES: usize = 500;

/// A listing whose first rows are known.
pub(super) struct Listing {
    database: Arc<dyn Database>,
    parameters: Parameters,
    heading: Heading,
    page: DocumentsPage,
    /// What to ask for next, but for where to begin.
    request: DocumentsRequest,
    /// The page that is being read ahead, at most one.
    ahead: JoinSet<Result<DocumentsPage, Failure>>,
}

impl Listing {
    /// Reads up to the first rows, so that what fails can still be told by a status.
    pub(super) async fn begin(
        database: Arc<dyn Database>,
        listed: Listed,
        parameters: Parameters,
    ) -> Result<Self, Failure> {
        let update_seq = match parameters.update_seq {
            true => {
                let sequence = database.outline().await?.update_sequence;
                Some(Some(sequence_text(sequence, database.instance())))
            }
            false => None,
        };
        let mut request = first_request(&parameters, listed);
        let (page, skipped) = match &mut request {
            Some(request) => first_page(database.as_ref(), request).await?,
            None => (empty_page(database.as_ref()).await?, 0),
        };
        let (total, before) = match listed {
            Listed::All | Listed::Local if parameters.partition.is_some() => {
                (page.total, parameters.begins_with_partition().then_some(0))
            }
            Listed::All | Listed::Local => (page.total, page.offset),
            Listed::Design => {
                let before = designs_before(database.as_ref(), &parameters).await?;
                (total_rows(database.as_ref(), listed).await?, Some(before))
            }
        };
        let offset = before.map(|offset| offset + skipped as u64);
        let offset = offset.map(|offset| total.map_or(offset, |total| offset.min(total)));
        let heading = Heading { total, offset, update_seq };
        let request = request.unwrap_or_else(|| unbounded(&parameters));
        Ok(Self { database, parameters, heading, page, request, ahead: JoinSet::new() })
    }

    /// Writes the whole answer.
    pub(super) async fn run(self, sender: &mut ReplySender) -> Result<(), Failure> {
        self.heading.write(sender.buffer());
        self.walk(&mut Separated::new(sender)).await?;
        sender.buffer().extend_from_slice(CLOSING);
        sender.flush_when_full().await
    }

    /// What stands before the rows.
    pub(super) fn heading(&self) -> &Heading {
        &self.heading
    }

    /// Writes all rows.
    pub(super) async fn walk(mut self, sink: &mut impl RowSink) -> Result<(), Failure> {
        loop {
            self.request.limit = self.request.limit.saturating_sub(self.page.rows.len());
            let next = self.page.resume_after.take().filter(|_| self.request.limit > 0);
            if let Some(after) = &next {
                self.request.start = Some((after.clone(), false));
                let (database, request) = (self.database.clone(), page_request(&self.request));
                self.ahead.spawn(async move { database.documents(request).await });
            }
            self.write_page(sink).await?;
            let Some(page) = self.ahead.join_next().await else { return Ok(()) };
            self.page = page.map_err(|error| Failure::Internal(error.to_string()))??;
        }
    }

    async fn write_page(&mut self, sink: &mut impl RowSink) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.page.rows);
        let options = &self.parameters.show;
        let trees: Vec<Option<DocumentTree>> =
            if self.parameters.include_docs && options.need_tree() {
                self.database.trees(rows.iter().map(|(id, _)| id.clone()).collect()).await?
            } else {
                Vec::new()
            };
        for (number, (id, document)) in rows.iter().enumerate() {
            let sender = sink.open();
            row::open(sender.buffer(), id, &document.leaf);
            if self.parameters.include_docs {
                let document = RowDocument {
                    id,
                    leaf: &document.leaf,
                    sequence: document.sequence,
                    content: document.content.as_ref(),
                    tree: trees.get(number).and_then(Option::as_ref),
                };
                row::write_document(sender, self.database.as_ref(), document, options).await?;
            }
            sender.buffer().push(b'}');
            sink.close().await?;
        }
        Ok(())
    }
}

/// The request for all rows; `None` where there can be none.
fn first_request(parameters: &Parameters, listed: Listed) -> Option<DocumentsRequest> {
    let Bounds { start, end } = parameters.bounds(listed)?;
    // What stands before a partition is nothing that a question to it reads.
    let offset = listed == Listed::All && parameters.partition.is_none();
    Some(DocumentsRequest { start, end, offset, ..unbounded(parameters) })
}

/// Live documents of a list as a whole. Design documents are few, and counted where they stand.
pub(super) async fn total_rows(
    database: &dyn Database,
    listed: Listed,
) -> Result<Option<u64>, Failure> {
    match listed {
        Listed::All | Listed::Local => {
            let information = database.information().await?;
            Ok((!information.uncounted).then_some(information.documents))
        }
        Listed::Design => {
            let end = Some((DESIGN_END.to_owned(), false));
            let all = Bounds { start: Some((DESIGN_BEGIN.to_owned(), true)), end };
            count(database, all, false).await.map(Some)
        }
    }
}

/// Design documents before the range that is asked for, in the direction of the walk.
async fn designs_before(database: &dyn Database, parameters: &Parameters) -> Result<u64, Failure> {
    let descending = parameters.descending;
    let Some(Bounds { start: Some((start, inclusive)), .. }) = parameters.bounds(Listed::Design)
    else {
        return Ok(total_rows(database, Listed::Design).await?.unwrap_or_default());
    };
    let edge = match descending {
        false => (DESIGN_BEGIN.to_owned(), true),
        true => (DESIGN_END.to_owned(), false),
    };
    if start == edge.0 {
        return Ok(0);
    }
    let before = Bounds { start: Some(edge), end: Some((start, !inclusive)) };
    count(database, before, descending).await
}

/// Counts live documents page by page.
async fn count(database: &dyn Database, range: Bounds, descending: bool) -> Result<u64, Failure> {
    let Bounds { start, end } = range;
    let all = Parameters { descending, ..Parameters::default() };
    let mut request = DocumentsRequest { start, end, offset: false, ..unbounded(&all) };
    let mut counted = 0;
    loop {
        let page = database.documents(page_request(&request)).await?;
        counted += page.rows.len() as u64;
        let Some(after) = page.resume_after else { return Ok(counted) };
        request.start = Some((after, false));
    }
}

fn unbounded(parameters: &Parameters) -> DocumentsRequest {
    DocumentsRequest {
        start: None,
        end: None,
        limit: parameters.limit,
        skip: parameters.skip,
        descending: parameters.descending,
        bodies: parameters.include_docs,
        offset: true,
    }
}

/// The request for one page of them.
fn page_request(request: &DocumentsRequest) -> DocumentsRequest {
    let most = if request.bodies { PAGE_ROWS_WITH_BODIES } else { PAGE_ROWS };
    DocumentsRequest { limit: request.limit.min(most), ..request.clone() }
}

/// The first page that has rows, or the last one; with how many rows were passed over.
async fn first_page(
    database: &dyn Database,
    request: &mut DocumentsRequest,
) -> Result<(DocumentsPage, usize), Failure> {
    let mut skipped = 0;
    let mut offset = None;
    loop {
        let mut page = database.documents(page_request(request)).await?;
        if std::mem::take(&mut request.offset) {
            offset = page.offset;
        }
        skipped += page.skipped;
        request.skip = request.skip.saturating_sub(page.skipped);
        match page.resume_after.take() {
            Some(after) if page.rows.is_empty() && request.limit > 0 => {
                request.start = Some((after, false));
            }
            resume_after => {
                return Ok((DocumentsPage { resume_after, offset, ..page }, skipped));
            }
        }
    }
}

/// The answer to a range in which nothing can lie.
async fn empty_page(database: &dyn Database) -> Result<DocumentsPage, Failure> {
    let total = total_rows(database, Listed::All).await?;
    let (rows, skipped, resume_after) = (Vec::new(), 0, None);
    Ok(DocumentsPage { rows, skipped, resume_after, total, offset: total })
}
