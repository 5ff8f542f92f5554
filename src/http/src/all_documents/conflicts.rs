//! `GET /{db}/_conflicts`: the documents with conflicts, by id. Its parameters are those of `_all_docs`; each
//! row's value names the winner and the live leaves beside it.

use std::sync::Arc;

use hyper::Method;
use serde_json::Map;

use super::Listed;
use super::bounds::Bounds;
use super::parameters::Parameters;
use super::row::{self, BETWEEN, CLOSING, Heading, RowDocument};
use crate::answers::{self, Answer};
use crate::failure::Failure;
use crate::node::{ConflictsPage, Database, DocumentTree, IdsRequest, StoredDocument};
use crate::query::parse_error;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::stream::ReplySender;

/// Rows of a page.
const PAGE_ROWS: usize = 500;

/// Answers with the rows that are asked for.
pub(crate) async fn conflicts(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let parameters = Parameters::parse(&Map::new(), &request.query)?;
    if parameters.keys.is_some() {
        return Err(parse_error("`keys` is not supported here: ask for a range of ids"));
    }
    parameters.check_partition(database.is_partitioned())?;
    answers::one::<ConflictList>((database.clone(), parameters)).await
}

/// A list whose first rows are known.
struct ConflictList {
    database: Arc<dyn Database>,
    parameters: Parameters,
    page: ConflictsPage,
    /// What is left to ask for.
    request: IdsRequest,
    /// Rows that were passed over.
    skipped: usize,
}

impl Answer for ConflictList {
    type Question = (Arc<dyn Database>, Parameters);

    async fn begin((database, parameters): Self::Question) -> Result<Self, Failure> {
        let range = parameters.bounds(Listed::All);
        let is_empty = range.is_none();
        let Bounds { start, end } = range.unwrap_or_default();
        let limit = if is_empty { 0 } else { parameters.limit };
        let (skip, descending) = (parameters.skip, parameters.descending);
        let request = IdsRequest { start, end, limit, skip, descending, without: None };
        let page = ConflictsPage::default();
        let mut list = Self { database, parameters, page, request, skipped: 0 };
        list.read().await?;
        while list.page.rows.is_empty() && list.goes_on() {
            list.read().await?;
        }
        Ok(list)
    }

    async fn run(mut self, sender: &mut ReplySender) -> Result<(), Failure> {
        let total = self.page.total;
        let begins = self.request_begins() && self.parameters.partition.is_none();
        let offset = begins.then_some(self.skipped as u64);
        Heading { total, offset, update_seq: None }.write(sender.buffer());
        let mut is_first = true;
        loop {
            self.write_page(sender, &mut is_first).await?;
            if !self.goes_on() {
                break;
            }
            self.read().await?;
        }
        sender.buffer().extend_from_slice(CLOSING);
        sender.flush_when_full().await
    }
}

impl ConflictList {
    /// Whether the list begins with the first document of all.
    fn request_begins(&self) -> bool {
        self.parameters.start.is_none()
    }

    /// Whether there may be more, and more is wanted; takes the place to go on from.
    fn goes_on(&mut self) -> bool {
        let after = self.page.resume_after.take().filter(|_| self.request.limit > 0);
        let goes_on = after.is_some();
        if let Some(after) = after {
            self.request.start = Some((after, false));
        }
        goes_on
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let limit = self.request.limit.min(PAGE_ROWS);
        let request = IdsRequest { limit, ..self.request.clone() };
        self.page = self.database.conflicts(request).await?;
        self.request.limit = self.request.limit.saturating_sub(self.page.rows.len());
        self.request.skip = self.request.skip.saturating_sub(self.page.skipped);
        self.skipped += self.page.skipped;
        Ok(())
    }

    async fn write_page(
        &mut self,
        sender: &mut ReplySender,
        is_first: &mut bool,
    ) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.page.rows);
        for (id, live) in &rows {
            let out = sender.buffer();
            if !std::mem::take(is_first) {
                out.extend_from_slice(BETWEEN);
            }
            row::open_conflicted(out, id, live);
            if self.parameters.include_docs {
                self.write_document(sender, id).await?;
            }
            sender.buffer().push(b'}');
            sender.flush_when_full().await?;
        }
        Ok(())
    }

    /// Writes the winner as it is now; `null` where the document was deleted meanwhile.
    async fn write_document(&self, sender: &mut ReplySender, id: &str) -> Result<(), Failure> {
        let Some(StoredDocument { sequence, leaf, content }) = self.database.winner(id).await?
        else {
            sender.buffer().extend_from_slice(b",\"doc\":null");
            return Ok(());
        };
        let options = &self.parameters.show;
        let tree: Option<DocumentTree> = match options.need_tree() {
            true => self.database.trees(vec![id.to_owned()]).await?.into_iter().next().flatten(),
            false => None,
        };
        let (leaf, content, tree) = (&leaf, content.as_ref(), tree.as_ref());
        let document = RowDocument { id, leaf, sequence, content, tree };
        row::write_document(sender, self.database.as_ref(), document, options).await
    }
}
