//! Pages of what passes of a feed, for readers of this process: a replication whose source is a database of
//! this node. What passes is decided as for clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use refuge_document::ChangeRow;
use serde_json::Value;

use super::filter::Filter;
use super::scan::Range;
use super::selector::SelectorFilter;
use crate::failure::Failure;
use crate::function_request;
use crate::node::{Database, FilterFunction, FunctionFilter};
use crate::user::User;

/// A page ends when so many rows were looked at, so that its reader hears how far it has come: at most
/// some seconds of a function's work.
const LOOKED_AT_ROWS: usize = 10_000;
/// For how many a page of the feed counts at least: its rows may be hidden.
const HIDDEN_ROWS: usize = 100;

/// Which changes a reader is told of.
#[derive(Clone, Debug)]
pub enum ChangesChoice<'a> {
    /// All.
    All,
    /// Those of these documents.
    Documents(&'a [String]),
    /// Those of design documents.
    Design,
    /// Those of documents that match a selector.
    Selector(&'a Value),
    /// Those that a function lets through.
    Function {
        /// The design document, without `_design/`.
        design: &'a str,
        /// Which of its functions.
        function: FilterFunction,
        /// Parameters of the request that the function sees.
        parameters: &'a BTreeMap<String, String>,
        /// Whom it sees.
        user: &'a User,
    },
}

/// Changes that pass.
#[derive(Debug)]
pub struct SelectedChanges {
    filter: Filter,
    all_leaves: bool,
}

/// A page of them.
#[derive(Clone, Debug, Default)]
pub struct SelectedPage {
    /// Rows in the order of the feed.
    pub rows: Vec<ChangeRow>,
    /// Everything up to here was looked at.
    pub position: u64,
    /// Nothing of the asked range stands behind `position`.
    pub finished: bool,
}

impl SelectedChanges {
    /// What passes of a database. A function sees all leaves of a document, or its winner alone.
    ///
    /// # Errors
    /// `Failure::BadRequest` where the selector is none.
    pub async fn of(
        database: &dyn Database,
        choice: ChangesChoice<'_>,
        all_leaves: bool,
    ) -> Result<Self, Failure> {
        let filter = match choice {
            ChangesChoice::All => Filter::All,
            ChangesChoice::Documents(ids) => Filter::Documents(ids.iter().cloned().collect()),
            ChangesChoice::Design => Filter::Design,
            ChangesChoice::Selector(selector) => {
                SelectorFilter::parse(Some(selector.clone()), None).map(Filter::Selector)?
            }
            ChangesChoice::Function { design, function, parameters, user } => {
                Filter::Function(Box::new(FunctionFilter {
                    design: format!("_design/{design}"),
                    function,
                    request: function_request::of_changes(database, parameters, user).await?,
                }))
            }
        };
        Ok(Self { filter, all_leaves })
    }

    /// At most `limit` rows of those behind `after` up to `until`.
    ///
    /// # Errors
    /// As the database's feed; what a function throws.
    pub async fn page(
        &self,
        database: &Arc<dyn Database>,
        (after, until): (u64, u64),
        limit: usize,
    ) -> Result<SelectedPage, Failure> {
        let bodies = self.filter.needs_bodies();
        let range = Range { after, until, descending: false, bodies };
        let mut scan = self.filter.scan(database, range, limit).await?;
        let mut page = SelectedPage { position: after, ..SelectedPage::default() };
        let mut looked_at = 0;
        while page.rows.len() < limit && looked_at < LOOKED_AT_ROWS {
            let wanted = self.filter.rows_at_a_time(limit - page.rows.len());
            let Some(rows) = scan.next(wanted).await? else {
                page.position = until.max(after);
                page.finished = true;
                break;
            };
            looked_at += rows.len().max(HIDDEN_ROWS);
            let last = rows.last().map(|(row, _)| row.sequence).max(scan.position());
            let passed = self.filter.let_through(database.as_ref(), self.all_leaves, rows).await?;
            page.rows.extend(passed.into_iter().map(|(row, _)| row));
            page.position = last.unwrap_or(page.position);
        }
        if page.rows.len() > limit {
            // The rest is looked at again.
            page.rows.truncate(limit);
            page.position = page.rows.last().map_or(page.position, |row| row.sequence);
        }
        Ok(page)
    }
}
