//! The rows of a view, page by page; while one page is written the next one is being read. Which rows, and
//! in what order, is the view's; reductions are in `reduced`.

use std::sync::Arc;

use refuge_document::json::write_string;
use refuge_document::sequence_text;
use tokio::task::JoinSet;

use super::parameters::Parameters;
use crate::failure::Failure;
use crate::node::{Database, View, ViewPart, ViewRow, ViewRowsPage};
use crate::row_sink::{RowSink, Separated};
use crate::stream::ReplySender;

mod documents;

use documents::Documents;

/// Rows of a page; the view ends a page of large rows earlier.
const PAGE_ROWS: usize = 2_000;
/// Rows of a page whose documents are read beside it.
const PAGE_ROWS_WITH_DOCUMENTS: usize = 500;
/// Rows whose documents are held at a time.
const DOCUMENTS_AT_ONCE: usize = 64;

/// Rows whose first page is known.
pub(super) struct Rows {
    database: Arc<dyn Database>,
    view: Arc<dyn View>,
    parameters: Parameters,
    page: ViewRowsPage,
    part: ViewPart,
    /// The page that is being read ahead, at most one.
    ahead: JoinSet<Result<ViewRowsPage, Failure>>,
}

impl Rows {
    /// Reads up to the first rows, so that what fails can still be told by a status.
    pub(super) async fn begin(
        database: Arc<dyn Database>,
        view: Arc<dyn View>,
        parameters: Parameters,
    ) -> Result<Self, Failure> {
        let mut part = parameters.part();
        let mut page = view.rows(page_of(&part, &parameters)).await?;
        // The heading tells where the first row stands.
        while page.offset.is_none()
            && page.rows.is_empty()
            && let Some(next) = page.resume.take()
        {
            part.skip = part.skip.saturating_sub(page.skipped);
            part.after = Some(next);
            page = view.rows(page_of(&part, &parameters)).await?;
        }
        part.skip = part.skip.saturating_sub(page.skipped);
        Ok(Self { database, view, parameters, page, part, ahead: JoinSet::new() })
    }

    /// Writes the whole answer.
    pub(super) async fn run(self, sender: &mut ReplySender) -> Result<(), Failure> {
        sender.buffer().push(b'{');
        self.write_head(sender.buffer());
        sender.buffer().extend_from_slice(b"\"rows\":[\r\n");
        self.walk(&mut Separated::new(sender)).await?;
        sender.buffer().extend_from_slice(b"\r\n]}");
        sender.flush_when_full().await
    }

    /// Writes all rows.
    pub(super) async fn walk(mut self, sink: &mut impl RowSink) -> Result<(), Failure> {
        loop {
            self.part.limit = self.part.limit.saturating_sub(self.page.rows.len());
            let next = self.page.resume.take().filter(|_| self.part.limit > 0);
            if next.is_some() {
                self.part.after = next;
                let (view, part) = (self.view.clone(), page_of(&self.part, &self.parameters));
                self.ahead.spawn(async move { view.rows(part).await });
            }
            self.write_page(sink).await?;
            let Some(page) = self.ahead.join_next().await else { return Ok(()) };
            self.page = page.map_err(|error| Failure::Internal(error.to_string()))??;
            self.part.skip = self.part.skip.saturating_sub(self.page.skipped);
        }
    }

    /// Appends what is told before the first row, each member with a comma behind it.
    pub(super) fn write_head(&self, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        if self.parameters.sorted {
            for (name, count) in [
                (&b"\"total_rows\":"[..], self.page.total),
                (b"\"offset\":", self.page.offset.or(self.page.total)),
            ] {
                out.extend_from_slice(name);
                let count = count.map(|count| number.format(count));
                out.extend_from_slice(count.unwrap_or("null").as_bytes());
                out.push(b',');
            }
        }
        if self.parameters.update_seq {
            write_update_sequence(out, self.view.as_ref(), self.database.as_ref());
        }
    }

    async fn write_page(&mut self, sink: &mut impl RowSink) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.page.rows);
        let (database, show) = (self.database.as_ref(), &self.parameters.show);
        for rows in rows.chunks(DOCUMENTS_AT_ONCE) {
            let documents = match self.parameters.include_docs {
                true => Some(Documents::read(database, rows).await?),
                false => None,
            };
            for (number, row) in rows.iter().enumerate() {
                let sender = sink.open();
                open_row(sender.buffer(), row);
                if let Some(documents) = &documents {
                    documents.write(sender, database, number, show).await?;
                }
                sender.buffer().push(b'}');
                sink.close().await?;
            }
        }
        Ok(())
    }
}

/// Appends the member `update_seq`, with a comma behind it.
pub(super) fn write_update_sequence(out: &mut Vec<u8>, view: &dyn View, database: &dyn Database) {
    out.extend_from_slice(b"\"update_seq\":");
    write_string(out, &sequence_text(view.update_sequence(), database.instance()));
    out.push(b',');
}

/// Appends a row up to where its document would stand.
fn open_row(out: &mut Vec<u8>, row: &ViewRow) {
    out.extend_from_slice(b"{\"id\":");
    write_string(out, &row.id);
    out.extend_from_slice(b",\"key\":");
    out.extend_from_slice(&row.key);
    out.extend_from_slice(b",\"value\":");
    out.extend_from_slice(&row.value);
}

fn page_of(part: &ViewPart, parameters: &Parameters) -> ViewPart {
    let most = if parameters.include_docs { PAGE_ROWS_WITH_DOCUMENTS } else { PAGE_ROWS };
    ViewPart { limit: part.limit.min(most), ..part.clone() }
}
