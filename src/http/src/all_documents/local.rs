//! Rows of local documents: a range of them page by page, or those of listed ids. They are counted
//! nowhere, so that `total_rows` and `offset` are `null`.

use std::sync::Arc;

use refuge_document::json::write_string;
use serde_json::Value;

use super::Listed;
use super::keyed::chosen;
use super::parameters::Parameters;
use super::row::{self, BETWEEN, CLOSING, Heading};
use crate::failure::Failure;
use crate::locals;
use crate::node::{Database, IdsRequest, LocalDocument, LocalsPage};
use crate::stream::ReplySender;

/// Rows of a page; the database ends a page of large bodies earlier.
const PAGE_ROWS: usize = 500;

/// What stands before the id of a local document.
const PREFIX: &str = "_local/";

/// A list of local documents.
pub(super) struct LocalListing {
    database: Arc<dyn Database>,
    parameters: Parameters,
    /// What the ids begin with that are passed over.
    without: Option<&'static str>,
    rows: Rows,
}

/// What the rows are of.
enum Rows {
    /// A range whose first page is read.
    Range { page: LocalsPage, request: Option<IdsRequest> },
    /// Listed ids.
    Keys(Vec<Value>),
}

impl LocalListing {
    /// Reads the first page of a range.
    pub(super) async fn begin(
        database: Arc<dyn Database>,
        mut parameters: Parameters,
        without: Option<&'static str>,
    ) -> Result<Self, Failure> {
        let rows = match parameters.keys.take() {
            Some(keys) => Rows::Keys(chosen(keys, &parameters, Listed::Local)),
            None => {
                let mut request = first_request(&parameters, without);
                let page = match &mut request {
                    Some(request) => read_page(database.as_ref(), request).await?,
                    None => LocalsPage::default(),
                };
                Rows::Range { page, request }
            }
        };
        Ok(Self { database, parameters, without, rows })
    }

    /// Writes the whole list.
    pub(super) async fn run(self, sender: &mut ReplySender) -> Result<(), Failure> {
        let update_seq = self.parameters.update_seq.then_some(None);
        let heading = Heading { total: None, offset: None, update_seq };
        heading.write(sender.buffer());
        let Self { database, parameters, without, rows } = self;
        let mut writer = Writer { bodies: parameters.include_docs, first: true };
        match rows {
            Rows::Keys(keys) => {
                for key in keys {
                    let found = find(database.as_ref(), &key, without).await?;
                    writer.write(sender, &key, found.as_ref()).await?;
                }
            }
            Rows::Range { mut page, mut request } => loop {
                for (id, document) in &page.rows {
                    let key = Value::String(format!("{PREFIX}{id}"));
                    writer.write(sender, &key, Some(document)).await?;
                }
                let Some(request) = request.as_mut() else { break };
                let Some(after) = page.resume_after.take() else { break };
                if request.limit == 0 {
                    break;
                }
                request.start = Some((after, false));
                page = read_page(database.as_ref(), request).await?;
            },
        }
        sender.buffer().extend_from_slice(CLOSING);
        sender.flush_when_full().await
    }
}

struct Writer {
    /// Whether documents belong into the rows.
    bodies: bool,
    first: bool,
}

impl Writer {
    async fn write(
        &mut self,
        sender: &mut ReplySender,
        key: &Value,
        found: Option<&LocalDocument>,
    ) -> Result<(), Failure> {
        let out = sender.buffer();
        if !std::mem::take(&mut self.first) {
            out.extend_from_slice(BETWEEN);
        }
        match (key, found) {
            (Value::String(id), Some(document)) => {
                out.extend_from_slice(b"{\"id\":");
                write_string(out, id);
                out.extend_from_slice(b",\"key\":");
                write_string(out, id);
                let value = format!(",\"value\":{{\"rev\":\"0-{}\"}}", document.revision);
                out.extend_from_slice(value.as_bytes());
                if self.bodies {
                    out.extend_from_slice(b",\"doc\":");
                    locals::render(out, id.strip_prefix(PREFIX).unwrap_or(id), document);
                }
                out.push(b'}');
            }
            _ => row::write_missing(out, key),
        }
        sender.flush_when_full().await
    }
}

async fn find(
    database: &dyn Database,
    key: &Value,
    without: Option<&str>,
) -> Result<Option<LocalDocument>, Failure> {
    match key.as_str().and_then(|key| key.strip_prefix(PREFIX)) {
        Some(id) if without.is_some_and(|without| id.starts_with(without)) => Ok(None),
        Some(id) if !id.is_empty() => database.local(id).await,
        _ => Ok(None),
    }
}

fn first_request(parameters: &Parameters, without: Option<&'static str>) -> Option<IdsRequest> {
    let bounds = parameters.bounds(Listed::Local)?;
    Some(IdsRequest {
        start: bounds.start,
        end: bounds.end,
        limit: parameters.limit,
        skip: parameters.skip,
        descending: parameters.descending,
        without,
    })
}

/// One page of what is left of `request`, which then asks for the rest.
async fn read_page(
    database: &dyn Database,
    request: &mut IdsRequest,
) -> Result<LocalsPage, Failure> {
    let limit = request.limit.min(PAGE_ROWS);
    let page = database.locals(IdsRequest { limit, ..request.clone() }).await?;
    request.limit = request.limit.saturating_sub(page.rows.len());
    request.skip = request.skip.saturating_sub(page.skipped);
    Ok(page)
}
