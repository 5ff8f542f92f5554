//! From documents to rows: JavaScript on the sandbox's threads, side by side; declarative indexes where the
//! batch is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use refuge_http::Failure;
use refuge_query::design::Language;
use refuge_query::view::{Emit, NewRow, RowMaker};
use refuge_sandbox::{Error, Mapped, Views};

use super::pass::{Doors, PassFailure};
use super::reading::{Batch, ChangedDocument, Content};
use super::{IndexerArguments, TURN_DOCUMENTS, declarative, make_way};
use crate::javascript::Lane;

/// Fewer documents than this are not worth a second thread.
const WORTH_A_THREAD: usize = 64;

/// Failures of functions that are logged of one batch; the rest is counted.
const LOGGED_FAILURES: usize = 5;

/// Documents on which functions may meet the sandbox's limits in one pass, seconds each, before the index is
/// given up: such a function holds a thread that all indexes share.
const MOST_LIMITS: usize = 8;

/// The same in a row: a function that meets its limit on one document after another does so on all of them. Of
/// two such functions each time counts, so that both together take no longer.
const MOST_LIMITS_IN_A_ROW: usize = 3;

/// How often functions met a limit in a pass.
#[derive(Default)]
pub(super) struct Limited(AtomicUsize);

/// Fills in the rows of a batch's documents.
pub(super) async fn map(
    arguments: &IndexerArguments,
    doors: &Doors,
    limited: &Limited,
    batch: &mut Batch,
) -> Result<(), PassFailure> {
    let documents = std::mem::take(&mut batch.documents);
    batch.documents = match arguments.design.views.language {
        Language::JavaScript => map_by_script(arguments, doors, limited, documents).await?,
        Language::Query => {
            let (documents, lacking) = declarative::map(arguments, doors, documents).await?;
            batch.lacking = lacking;
            documents
        }
    };
    Ok(())
}

async fn map_by_script(
    arguments: &IndexerArguments,
    doors: &Doors,
    limited: &Limited,
    mut documents: Vec<ChangedDocument>,
) -> Result<Vec<ChangedDocument>, PassFailure> {
    let width = doors.javascript.width(Lane::Indexing);
    let parts = (documents.len() / WORTH_A_THREAD).clamp(1, width);
    let size = documents.len().div_ceil(parts).max(1);
    let mut waiting = Vec::with_capacity(parts);
    let mut place = 0;
    while !documents.is_empty() {
        let rest = documents.split_off(size.min(documents.len()));
        let part = std::mem::replace(&mut documents, rest);
        // One part alone goes to the thread that is free.
        waiting.push(map_part(arguments, doors, (parts > 1).then_some(place), part));
        place += 1;
    }
    let mut mapped = Vec::new();
    for part in futures_util::future::try_join_all(waiting).await? {
        let hopeless = part.is_hopeless();
        let Part { documents, limits, given_up, .. } = part;
        let met = limited.0.fetch_add(limits, Ordering::Relaxed) + limits;
        if let Some(error) = given_up.filter(|_| hopeless || met >= MOST_LIMITS) {
            return Err(PassFailure::GivenUp(function_failure(&error)));
        }
        mapped.extend(documents);
    }
    Ok(mapped)
}

async fn map_part(
    arguments: &IndexerArguments,
    doors: &Doors,
    place: Option<usize>,
    documents: Vec<ChangedDocument>,
) -> Result<Part, PassFailure> {
    let design = &arguments.design;
    let sources = (design.source_key(arguments.database), Arc::clone(&design.sources));
    let makers = Arc::clone(&doors.makers);
    let (database, id) = (arguments.database_name.clone(), design.id.clone());
    let job = move |views: &mut Views| {
        let mut part = Part {
            makers,
            documents,
            failed: 0,
            limits: 0,
            row: Row::default(),
            given_up: None,
            database,
            design: id,
        };
        part.map(views);
        part
    };
    let ran = doors.javascript.with_views(Lane::Indexing, place, sources, job).await?;
    ran.map_err(|error| PassFailure::GivenUp(function_failure(&error)))
}

/// How a function that cannot be run is told.
pub(crate) fn function_failure(error: &Error) -> Failure {
    Failure::Function { status: 500, error: error.name().to_owned(), reason: error.reason() }
}

/// Limits that were met on one document after another.
#[derive(Default)]
struct Row {
    /// The place of the last of these documents.
    last: Option<usize>,
    met: usize,
}

impl Row {
    /// A function met a limit on the document of this place among those that are mapped.
    fn meet(&mut self, place: usize) {
        let goes_on = self.last.is_some_and(|last| place <= last + 1);
        self.met = if goes_on { self.met + 1 } else { 1 };
        self.last = Some(place);
    }
}

/// Some documents on their way through one thread.
struct Part {
    makers: Arc<Vec<RowMaker>>,
    documents: Vec<ChangedDocument>,
    failed: usize,
    /// Documents on which a function met a limit.
    limits: usize,
    /// Those on the documents just before.
    row: Row,
    /// The last such error, or one that asks for the index not to be built further.
    given_up: Option<Error>,
    database: String,
    design: String,
}

impl Part {
    fn map(&mut self, views: &mut Views) {
        let (mut live, mut texts) = (Vec::new(), Vec::new());
        for (place, document) in self.documents.iter_mut().enumerate() {
            document.rows = vec![Vec::new(); self.makers.len()];
            if let Content::Text(text) = std::mem::replace(&mut document.content, Content::Nothing)
            {
                live.push(place);
                texts.push(text);
            }
        }
        let (mut from, mut mapped) = (0, Mapped::default());
        while from < texts.len() {
            make_way(from);
            let some = texts.iter().skip(from).take(TURN_DOCUMENTS);
            let some: Vec<&str> = some.map(String::as_str).collect();
            let done = views.map(&some, &mut mapped).max(1);
            self.take((from, live.get(from..).unwrap_or_default()), &mapped);
            from += done;
            if self.is_hopeless() {
                break;
            }
        }
        for line in views.take_log() {
            tracing::info!(database = self.database, design = self.design, "log: {line}");
        }
    }

    /// Whether nothing is to be gained by more documents.
    fn is_hopeless(&self) -> bool {
        let limits = self.limits >= MOST_LIMITS || self.row.met >= MOST_LIMITS_IN_A_ROW;
        limits || self.ends_the_pass()
    }

    /// What is no function's lasting limit would leave out rows that the next pass may have.
    fn ends_the_pass(&self) -> bool {
        self.given_up.as_ref().is_some_and(|error| !error.is_lasting_limit())
    }

    /// Makes rows of what was emitted; `places` tells which document a batch's number stands for, and `from` how
    /// many were mapped before.
    fn take(&mut self, (from, places): (usize, &[usize]), mapped: &Mapped) {
        let mut rows = mapped.rows().peekable();
        while let Some(first) = rows.peek().copied() {
            let mut emits = Vec::new();
            while let Some(row) =
                rows.next_if(|row| (row.document, row.function) == (first.document, first.function))
            {
                emits.push(Emit { key: row.key.as_bytes(), value: row.value.as_bytes() });
            }
            let document = places.get(first.document).and_then(|&at| self.documents.get_mut(at));
            if let (Some(document), Some(maker)) = (document, self.makers.get(first.function)) {
                let made = maker.rows(&document.id, &emits);
                for refused in &made.refused {
                    tracing::warn!(database = self.database, design = self.design, "{refused}");
                }
                put(document, first.function, made.rows);
            }
        }
        for failure in mapped.failures() {
            self.failed += 1;
            let is_fatal = matches!(failure.error, Error::Fatal { .. });
            if failure.error.is_limit() && self.row.met < MOST_LIMITS_IN_A_ROW {
                self.row.meet(from + failure.document);
            }
            self.limits += usize::from(failure.error.is_limit());
            if (is_fatal || failure.error.is_limit()) && !self.ends_the_pass() {
                self.given_up = Some(failure.error.clone());
            }
            let document = places.get(failure.document).and_then(|&at| self.documents.get(at));
            if let Some(document) = document.filter(|_| self.failed <= LOGGED_FAILURES) {
                tracing::warn!(
                    database = self.database,
                    design = self.design,
                    document = document.id,
                    error = %failure.error,
                    "a map function failed; the document makes no rows in its view"
                );
            }
        }
    }
}

/// Gives a document its rows in one view.
pub(super) fn put(document: &mut ChangedDocument, function: usize, rows: Vec<NewRow>) {
    if let Some(place) = document.rows.get_mut(function) {
        *place = rows;
    }
}

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn limits_in_a_row_are_those_on_neighbours() {
        let mut row = Row::default();
        row.meet(0);
        row.meet(5);
        assert_eq!(row.met, 1);
        row.meet(5);
        row.meet(6);
        assert_eq!(row.met, 3);
        row.meet(8);
        assert_eq!(row.met, 1);
    }
}
