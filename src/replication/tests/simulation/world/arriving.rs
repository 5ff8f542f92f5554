//! What becomes of a request at the end that it was sent to: it waits, is lost, is carried out, or its answer is
//! lost.

use refuge_replication::{Answer, Carriage, End, EndFailure, Request, Wanted};

use super::{Arrival, BUSY_MS, Event, WAIT_STEP_MS, World};
use crate::database::Database;

impl World {
    pub(super) fn faulty(&self) -> bool {
        self.plan.faults && self.now_ms < BUSY_MS
    }

    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let Arrival { from, generation, id, .. } = arrival;
        let slowest = if self.plan.slow && self.now_ms < BUSY_MS { 30_000 } else { 400 };
        let answer_at = self.now_ms + self.dice.below(slowest);
        let side = if arrival.end == End::Source { from } else { 1 - from };
        if self.must_wait(side, &arrival) {
            if self.directions[from].generation == generation {
                self.at(self.now_ms + WAIT_STEP_MS, Event::Arrive(arrival));
            }
            return;
        }
        // Who carries watches that bytes move, and who reads what is left of a feed that its source
        // lives: nothing of that is lost in silence.
        let watched = match &arrival.request {
            Request::Carry { .. } => true,
            Request::Changes { selection, .. } => selection.is_selective(),
            _ => false,
        };
        if self.faulty() && self.dice.percent(6) {
            // Lost on the way; half the time the sender is not even told.
            if self.dice.percent(50) || watched {
                let outcome = Err(EndFailure::transient("connection reset"));
                self.at(answer_at, Event::Answer(from, generation, id, outcome));
            }
            return;
        }
        let request = arrival.request;
        let outcome = match &request {
            Request::Carry { wanted } => Ok(Answer::Carried(self.carry(from, wanted))),
            request => self.databases[side].perform(request),
        };
        if let Request::WriteCheckpoint { body, .. } = &request {
            self.check_checkpoint(from, body);
        }
        if self.faulty() && self.dice.percent(6) {
            if self.dice.percent(50) || watched {
                let outcome = Err(EndFailure::transient("answer lost"));
                self.at(answer_at, Event::Answer(from, generation, id, outcome));
            }
            return;
        }
        self.at(answer_at, Event::Answer(from, generation, id, outcome));
    }

    pub(super) fn carry(&mut self, from: usize, wanted: &Wanted) -> Carriage {
        let Some(text) = self.databases[from].text_of(wanted) else {
            return Carriage::Gone;
        };
        match self.databases[1 - from].store(&[text]).pop() {
            Some(refusal) => Carriage::Refused(refusal),
            None => Carriage::Stored,
        }
    }

    pub(super) fn must_wait(&self, side: usize, arrival: &Arrival) -> bool {
        match &arrival.request {
            Request::Changes { since, wait: true, .. } => {
                let new = self.databases[side].sequence > Database::number(since);
                !new && self.now_ms < arrival.patience_ms
            }
            _ => false,
        }
    }
}
