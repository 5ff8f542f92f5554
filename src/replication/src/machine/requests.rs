//! The table of requests: those under way, with their deadlines, and those that wait to be
//! repeated. Knows times and ids, not meanings.

use super::Purpose;
use crate::exchange::{End, Request, RequestId};

/// A request that was sent, or will be again.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) end: End,
    pub(super) purpose: Purpose,
    pub(super) request: Request,
    /// Repetitions so far.
    pub(super) attempt: u32,
    /// When it was last sent.
    pub(super) sent_ms: u64,
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    last_id: u64,
    /// Few at a time; a map would keep room for eleven of them.
    under_way: Vec<UnderWay>,
    asleep: Vec<(u64, Outstanding)>,
}

#[derive(Debug)]
struct UnderWay {
    id: RequestId,
    deadline_ms: u64,
    outstanding: Outstanding,
}

impl Requests {
    /// Notes a request that is being sent.
    pub(super) fn put(&mut self, outstanding: Outstanding, deadline_ms: u64) -> RequestId {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        self.under_way.push(UnderWay { id, deadline_ms, outstanding });
        id
    }

    /// Notes a request that is to be sent later.
    pub(super) fn sleep(&mut self, outstanding: Outstanding, until_ms: u64) {
        self.asleep.push((until_ms, outstanding));
    }

    /// The request that an answer belongs to.
    pub(super) fn take(&mut self, id: RequestId) -> Option<Outstanding> {
        let place = self.under_way.iter().position(|under_way| under_way.id == id)?;
        Some(self.under_way.remove(place).outstanding)
    }

    /// Requests whose answer is overdue.
    pub(super) fn take_late(&mut self, now_ms: u64) -> Vec<Outstanding> {
        let late = self.under_way.extract_if(.., |under_way| under_way.deadline_ms <= now_ms);
        late.map(|under_way| under_way.outstanding).collect()
    }

    /// Requests whose pause is over.
    pub(super) fn take_ready(&mut self, now_ms: u64) -> Vec<Outstanding> {
        let ready = self.asleep.extract_if(.., |(at_ms, _)| *at_ms <= now_ms);
        ready.map(|(_, outstanding)| outstanding).collect()
    }

    /// Whether a request for this purpose is under way or waits.
    pub(super) fn holds(&self, purpose: Purpose) -> bool {
        let under_way = self.under_way.iter().map(|under_way| &under_way.outstanding);
        let asleep = self.asleep.iter().map(|(_, outstanding)| outstanding);
        under_way.chain(asleep).any(|outstanding| outstanding.purpose == purpose)
    }

    /// How many wait to be repeated.
    pub(super) fn sleeping(&self) -> usize {
        self.asleep.len()
    }

    /// When something of this table is due next.
    pub(super) fn earliest_ms(&self) -> Option<u64> {
        let deadlines = self.under_way.iter().map(|under_way| under_way.deadline_ms);
        deadlines.chain(self.asleep.iter().map(|(at_ms, _)| *at_ms)).min()
    }

    /// Gives back room that busier times took.
    pub(super) fn shrink(&mut self) {
        self.under_way.shrink_to_fit();
        self.asleep.shrink_to_fit();
    }

    /// Forgets everything; late answers will not be known.
    pub(super) fn clear(&mut self) {
        self.under_way.clear();
        self.asleep.clear();
    }
}
