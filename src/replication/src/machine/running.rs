//! The state in which documents move. A page of the feed is a batch; each batch is compared, then
//! fetched and stored in turns until nothing of it remains. Several batches are under way at once,
//! and the feed is asked for the next page meanwhile. What is stored counts only in the order of the
//! feed: `through` is the end of the last batch before which none is open.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::carrying::lacking_stubs;
use super::checkpointing::{Checkpointing, EarlyCommit};
use super::recalling::Sessions;
use super::{LogBody, Purpose, Replication, State};
use crate::exchange::{
    ChangesPage, Difference, DocumentsPage, Effect, End, Refusal, Request, Wanted,
};
use crate::sequence::{has_moved, smaller};

/// Where an end answers a wait at once and with nothing, it is asked at most once a second.
const SHORTEST_WAIT_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Running {
    /// Where this session began.
    pub(super) start: String,
    /// Where the next page goes on.
    since: String,
    /// Everything up to here is stored.
    pub(super) through: String,
    /// Everything up to here is in the checkpoints.
    pub(super) checkpointed: String,
    /// Rows were stored since the last checkpoint.
    pub(super) progressed: bool,
    /// When `through` last moved over rows.
    pub(super) progress_ms: u64,
    batches: VecDeque<Batch>,
    /// Of batches by number: requests that stored something or nothing, which is looked up now.
    pub(super) unsure: BTreeMap<u64, Request>,
    feed: Feed,
    pub(super) pending: Option<u64>,
    pub(super) checkpointing: Checkpointing,
    /// A commit of the source that was asked for before its checkpoint.
    pub(super) early: EarlyCommit,
    /// When the last checkpoint was begun.
    pub(super) checkpoint_ms: u64,
    /// Entries of former sessions, newest first.
    pub(super) history: Sessions,
    /// The checkpoint document as it stands: of this session, or found at the start. A continuous one, which
    /// has no answer to put it into, holds none.
    pub(super) log: LogBody,
    /// Whether `log` is of this session.
    pub(super) own_log: bool,
    pub(super) source_revision: Option<String>,
    pub(super) target_revision: Option<String>,
}

/// What is known of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feed {
    /// More stands behind the last page.
    More,
    /// Nothing stood behind the last page; a continuous replication waits, not before the time.
    End { not_before_ms: u64 },
    /// A page is being read, since the time.
    Reading { since_ms: u64, waiting: bool },
}

#[derive(Debug)]
pub(super) struct Batch {
    number: u64,
    /// Where the feed stood behind it.
    end: String,
    /// Whether it is worth a checkpoint: it held rows, or a stretch of which all was left out.
    counts: bool,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    Comparing,
    Fetching,
    Storing { carried: Vec<Wanted>, remaining: Vec<Wanted> },
    Carrying { carried: Vec<Wanted>, remaining: Vec<Wanted> },
    Stored,
}

/// What the comparison of checkpoints has brought.
pub(super) struct Beginning {
    pub(super) sequence: String,
    pub(super) history: Vec<Value>,
    pub(super) former_log: LogBody,
    pub(super) source_revision: Option<String>,
    pub(super) target_revision: Option<String>,
    pub(super) now_ms: u64,
}

impl Running {
    pub(super) fn new(beginning: Beginning) -> Self {
        Self {
            start: beginning.sequence.clone(),
            since: beginning.sequence.clone(),
            through: beginning.sequence.clone(),
            checkpointed: beginning.sequence,
            progressed: false,
            progress_ms: beginning.now_ms,
            batches: VecDeque::new(),
            unsure: BTreeMap::new(),
            feed: Feed::More,
            pending: None,
            checkpointing: Checkpointing::Idle,
            early: EarlyCommit::Unasked,
            checkpoint_ms: beginning.now_ms,
            history: Sessions::Here(beginning.history),
            log: beginning.former_log,
            own_log: false,
            source_revision: beginning.source_revision,
            target_revision: beginning.target_revision,
        }
    }

    /// Gives back room that busier times took.
    pub(super) fn shrink(&mut self) {
        self.batches.shrink_to_fit();
    }

    /// Nothing known of the source is missing on the target.
    pub(super) fn caught_up(&self) -> bool {
        let at_end = match self.feed {
            Feed::End { .. } => true,
            Feed::Reading { waiting, .. } => waiting,
            Feed::More => false,
        };
        at_end && self.batches.is_empty()
    }

    /// The feed came to its end, and not all of it is stored.
    pub(super) fn winds_up(&self) -> bool {
        matches!(self.feed, Feed::End { .. }) && !self.batches.is_empty()
    }

    /// The feed came to its end and all of it is stored.
    pub(super) fn at_rest(&self) -> bool {
        matches!(self.feed, Feed::End { .. }) && self.batches.is_empty()
    }

    pub(super) fn batch(&mut self, number: u64) -> Option<&mut Batch> {
        self.batches.iter_mut().find(|batch| batch.number == number)
    }

    /// Moves the feed on by a page. Tells whether the ends are worth a look: one that was deleted
    /// and made anew shows as silence, or as a sequence that goes back.
    fn note_page(&mut self, page: &ChangesPage, now_ms: u64) -> bool {
        let empty = page.rows.is_empty();
        let waited = match self.feed {
            Feed::Reading { since_ms, waiting: true } if empty => Some(since_ms),
            _ => None,
        };
        // An empty page that does not move on would be asked for again without end.
        let stuck = empty && page.last_sequence == self.since;
        self.feed = if page.finished || stuck {
            let not_before_ms = waited.map_or(now_ms, |since_ms| since_ms + SHORTEST_WAIT_MS);
            Feed::End { not_before_ms }
        } else {
            Feed::More
        };
        let back = smaller(&self.since, &page.last_sequence) != self.since;
        self.since.clone_from(&page.last_sequence);
        self.pending = page.pending;
        back || waited.is_some()
    }

    /// Drops batches from the front as far as they are stored.
    fn advance(&mut self, now_ms: u64) {
        let stored = |batch: &&Batch| matches!(batch.stage, Stage::Stored);
        let stored = self.batches.iter().take_while(stored).count();
        for batch in self.batches.drain(..stored) {
            self.through = batch.end;
            if batch.counts {
                self.progressed = true;
                self.progress_ms = now_ms;
            }
        }
    }
}

impl Replication {
    /// Asks for the next page where there is room for it.
    pub(super) fn pump(&mut self) {
        let settings = &self.settings;
        let (continuous, limit) = (settings.continuous, self.pacing.documents());
        let most_batches = settings.batches_under_way.max(1);
        let (now_ms, selection) = (self.now_ms, Arc::clone(&settings.selection));
        let Some(running) = self.running() else {
            return;
        };
        let waiting = match running.feed {
            Feed::More => false,
            Feed::End { not_before_ms } if continuous && not_before_ms <= now_ms => true,
            Feed::End { .. } | Feed::Reading { .. } => return,
        };
        if running.batches.len() >= most_batches {
            return;
        }
        running.feed = Feed::Reading { since_ms: now_ms, waiting };
        let since = running.since.clone();
        let request = Request::Changes { selection, since, limit, wait: waiting };
        self.ask(End::Source, Purpose::Page, request);
    }

    /// When the next page may be asked for, where that is not yet.
    pub(super) fn page_due_ms(&self) -> Option<u64> {
        match &self.state {
            State::Running(running) if self.settings.continuous => match running.feed {
                Feed::End { not_before_ms } if not_before_ms > self.now_ms => Some(not_before_ms),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn page_read(&mut self, page: ChangesPage) {
        let now_ms = self.now_ms;
        self.source_sequence.clone_from(&page.last_sequence);
        self.last_batch += 1;
        let number = self.last_batch;
        let selective = self.settings.selection.is_selective();
        let Some(running) = self.running() else {
            return;
        };
        let moved = has_moved(&running.since, &page.last_sequence);
        let look = running.note_page(&page, now_ms);
        let end = page.last_sequence;
        if page.rows.is_empty() {
            let counts = selective && moved;
            running.batches.push_back(Batch { number, end, counts, stage: Stage::Stored });
            running.advance(now_ms);
        } else {
            running.batches.push_back(Batch { number, end, counts: true, stage: Stage::Comparing });
            let mut revisions: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for row in page.rows {
                revisions.entry(row.id).or_default().extend(row.revisions);
            }
            let request = Request::RevisionsDiff { revisions };
            self.ask(End::Target, Purpose::Compare(number), request);
        }
        if look {
            self.look_at_ends();
        }
    }

    pub(super) fn compared(
        &mut self,
        number: u64,
        request: &Request,
        differences: BTreeMap<String, Difference>,
    ) {
        if let Request::RevisionsDiff { revisions } = request {
            let checked: usize = revisions.values().map(Vec::len).sum();
            self.statistics.missing_checked += checked as u64;
        }
        let wanted: Vec<Wanted> = differences
            .into_iter()
            .filter(|(_, difference)| !difference.missing.is_empty())
            .map(|(id, difference)| Wanted {
                id,
                revisions: difference.missing,
                possible_ancestors: difference.possible_ancestors,
            })
            .collect();
        self.statistics.missing_found += revisions_of(&wanted);
        self.fetch_or_finish(number, wanted);
    }

    /// Fetches the rest of a batch, or ends it where there is none.
    pub(super) fn fetch_or_finish(&mut self, number: u64, wanted: Vec<Wanted>) {
        let (now_ms, limit_bytes) = (self.now_ms, self.pacing.bytes());
        let Some(running) = self.running() else {
            return;
        };
        let Some(batch) = running.batch(number) else {
            return;
        };
        if wanted.is_empty() {
            batch.stage = Stage::Stored;
            running.advance(now_ms);
            return;
        }
        batch.stage = Stage::Fetching;
        let request = Request::Documents { wanted, limit_bytes };
        self.ask(End::Source, Purpose::Fetch(number), request);
    }

    pub(super) fn fetched(&mut self, number: u64, request: &Request, page: DocumentsPage) {
        let (asked, revisions) = match request {
            Request::Documents { wanted, .. } => (wanted.len(), revisions_of(wanted)),
            _ => (0, 0),
        };
        let nothing = page.documents.is_empty() && page.carried.is_empty();
        if nothing && page.remaining.len() >= asked.max(1) {
            let reason = "it answered none of the documents asked for".to_owned();
            return self.fail_permanently(End::Source, reason);
        }
        // What was not looked at is asked for, and counted, again.
        let answered = revisions.saturating_sub(revisions_of(&page.remaining));
        self.statistics.bulk_get_attempts += answered;
        self.statistics.bulk_get_docs += page.documents.len() as u64;
        self.statistics.docs_read += page.documents.len() as u64;
        let (documents, mut refused) = self.members.sort(page.documents);
        let (carried, kept) = self.members.sort_carried(page.carried, &page.restricted);
        refused.extend(kept);
        self.statistics.doc_write_failures += refused.len() as u64;
        if !refused.is_empty() {
            self.effects.push(Effect::Refused(refused));
        }
        if documents.is_empty() {
            return self.carry_or_fetch(number, carried, page.remaining);
        }
        let Some(batch) = self.running().and_then(|running| running.batch(number)) else {
            return;
        };
        batch.stage = Stage::Storing { carried, remaining: page.remaining };
        let request = Request::Store { documents };
        self.ask(End::Target, Purpose::Store(number), request);
    }

    pub(super) fn stored(&mut self, number: u64, request: &Request, mut refused: Vec<Refusal>) {
        let documents: &[Bytes] = match request {
            Request::Store { documents } => documents,
            _ => &[],
        };
        // What an ancestor would have lent is brought along the second time.
        let lacking = lacking_stubs(documents, &refused);
        refused.retain(|refusal| !lacking.iter().any(|wanted| wanted.id == refusal.id));
        let refusals = refused.len() as u64;
        self.statistics.bytes_written +=
            documents.iter().map(|text| text.len() as u64).sum::<u64>();
        let sent = (documents.len() - lacking.len().min(documents.len())) as u64;
        self.statistics.docs_written += sent.saturating_sub(refusals);
        self.statistics.docs_read = self.statistics.docs_read.saturating_sub(lacking.len() as u64);
        self.statistics.doc_write_failures += refusals;
        if !refused.is_empty() {
            self.effects.push(Effect::Refused(refused));
        }
        let Some(batch) = self.running().and_then(|running| running.batch(number)) else {
            return;
        };
        let (mut carried, remaining) = match &mut batch.stage {
            Stage::Storing { carried, remaining } => {
                (std::mem::take(carried), std::mem::take(remaining))
            }
            _ => Default::default(),
        };
        carried.extend(lacking);
        self.carry_or_fetch(number, carried, remaining);
    }
}

fn revisions_of(wanted: &[Wanted]) -> u64 {
    wanted.iter().map(|wanted| wanted.revisions.len() as u64).sum()
}
