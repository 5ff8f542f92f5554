//! What waits to be merged: documents that were just written, whole databases, and the look at all databases
//! after a start. It is bounded: where too many documents wait their database is walked over instead.

use std::collections::{HashMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ractor::ActorRef;
use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, DatabaseRange, DocumentRange};

use super::MergerMessage;
use crate::node_service::with_store;

/// Documents that wait by name.
const MOST_DOCUMENTS: usize = 10_000;
/// Databases that are looked at at a time after a start: a seek each.
const PAGE_DATABASES: usize = 500;

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) database: DatabaseId,
    pub(super) name: String,
}

/// A walk over the documents with conflicts of a database.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub(super) place: Place,
    /// The last document that was looked at.
    pub(super) after: Option<String>,
    /// The functions that the documents up to there were asked with.
    pub(super) versions: Vec<String>,
    /// Whether documents are asked about that the same functions were asked about before.
    pub(super) again: bool,
}

/// Where shards tell what they wrote; published under the merger's name.
pub(crate) struct MergerDoor {
    merger: ActorRef<MergerMessage>,
    /// Whether the merger was told and has not looked since.
    told: AtomicBool,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    documents: VecDeque<(Place, String)>,
    walks: VecDeque<Waits>,
    /// Of walks that wait for their beginning, whether documents are asked about again.
    begins: HashMap<Place, bool>,
    /// The look at all databases: the name of the last one; `None` when it is over.
    databases: Option<Option<String>>,
}

/// A walk that waits.
enum Waits {
    /// For its beginning.
    Begin(Place),
    /// To go on.
    On(Walk),
}

impl MergerDoor {
    pub(super) fn new(merger: ActorRef<MergerMessage>) -> Self {
        let (documents, walks) = (VecDeque::new(), VecDeque::new());
        let begins = HashMap::new();
        let waiting = Waiting { documents, walks, begins, databases: Some(None) };
        Self { merger, told: AtomicBool::new(false), waiting: Mutex::new(waiting) }
    }

    /// A write left these documents of a database in conflict.
    pub(crate) fn conflicted(&self, (database, name): (DatabaseId, String), ids: Vec<String>) {
        if ids.is_empty() {
            return;
        }
        let place = Place { database, name };
        let mut waiting = self.waiting();
        if waiting.documents.len() + ids.len() > MOST_DOCUMENTS {
            waiting.walk(place, true);
        } else {
            waiting.documents.extend(ids.into_iter().map(|id| (place.clone(), id)));
        }
        drop(waiting);
        self.wake();
    }

    /// A write held design documents of a database.
    pub(crate) fn designs_written(&self, (database, name): (DatabaseId, String)) {
        self.waiting().walk(Place { database, name }, false);
        self.wake();
    }

    /// One message at a time, however much is written meanwhile.
    pub(super) fn wake(&self) {
        if !self.told.swap(true, Ordering::AcqRel) {
            // One that is gone looks at everything when it starts again.
            let _ = self.merger.cast(MergerMessage::Look);
        }
    }

    /// The merger looks now: what comes from here on is told anew.
    pub(super) fn looks(&self) {
        self.told.store(false, Ordering::Release);
    }

    pub(super) fn next_document(&self) -> Option<(Place, String)> {
        self.waiting().documents.pop_front()
    }

    pub(super) fn put_back(&self, place: Place, id: String) {
        self.waiting().documents.push_back((place, id));
    }

    pub(super) fn next_walk(&self) -> Option<Walk> {
        let mut waiting = self.waiting();
        Some(match waiting.walks.pop_front()? {
            Waits::On(walk) => walk,
            Waits::Begin(place) => {
                let again = waiting.begins.remove(&place).unwrap_or(false);
                Walk { place, after: None, versions: Vec::new(), again }
            }
        })
    }

    /// Puts what is left of a walk behind the others.
    pub(super) fn walk_on(&self, walk: Walk) {
        let mut waiting = self.waiting();
        match walk.after {
            None => waiting.walk(walk.place, walk.again),
            Some(_) => waiting.walks.push_back(Waits::On(walk)),
        }
    }

    /// The place in the look at all databases, while that is not over.
    pub(super) fn next_databases(&self) -> Option<Option<String>> {
        self.waiting().databases.take()
    }

    /// What was found of it, and where it goes on.
    pub(super) fn found(&self, places: Vec<Place>, next: Option<Option<String>>) {
        let mut waiting = self.waiting();
        for place in places {
            waiting.walk(place, false);
        }
        waiting.databases = next;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Begins a walk, unless the same waits for its beginning already.
    fn walk(&mut self, place: Place, again: bool) {
        match self.begins.get_mut(&place) {
            Some(known) => *known |= again,
            None => {
                self.begins.insert(place.clone(), again);
                self.walks.push_back(Waits::Begin(place));
            }
        }
    }
}

/// The databases behind a name that have conflicts, of the next few; with the place to go on.
///
/// # Errors
/// [`Failure::Unavailable`] while the documents of one of them, which an earlier version made, are still
/// being noted.
pub(super) async fn databases_with_conflicts(
    names: &Names,
    after: Option<String>,
) -> Result<(Vec<Place>, Option<Option<String>>), Failure> {
    let found = with_store(names, move |store| {
        let range = DatabaseRange {
            low: after.map_or(Bound::Unbounded, Bound::Excluded),
            high: Bound::Unbounded,
            descending: false,
            limit: PAGE_DATABASES,
        };
        let page = store.databases(&range)?;
        let next = (page.len() == PAGE_DATABASES).then(|| page.last().map(|one| one.name.clone()));
        let snapshot = store.snapshot()?;
        let mut places = Vec::new();
        for record in page {
            if !snapshot.is_noted(record.id)? {
                return Ok(None);
            }
            let mut conflicts = snapshot.conflicts(record.id, &DocumentRange::default());
            if conflicts.next().is_some() {
                places.push(Place { database: record.id, name: record.name });
            }
        }
        Ok(Some((places, next)))
    })
    .await?;
    found.ok_or_else(|| {
        Failure::Unavailable("documents with conflicts are still being noted".to_owned())
    })
}

/// All documents behind one.
pub(super) fn behind(after: Option<String>) -> DocumentRange {
    let start_inclusive = after.is_none();
    DocumentRange { start: after, start_inclusive, ..DocumentRange::default() }
}
