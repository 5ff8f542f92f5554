//! Which event's hooks run next: a value that decides, without processes or time. Events about
//! one subject (a node, a database) run one after the other, so that no hook hears of a `nodedown` before the `nodeup` it belongs to is
//! done with; events about different ones run beside each other.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::event::HookEvent;

/// How much may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Events that may wait.
    pub waiting: usize,
    /// Events whose hooks run at once, each of which runs one hook at a time.
    pub at_once: usize,
}

/// The events whose hooks are still to run.
#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    waiting: VecDeque<Arc<HookEvent>>,
    at_work: BTreeSet<Arc<str>>,
    refused: u64,
    /// Whether the newest event was refused.
    full: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits for its turn.
    Waits,
    /// The queue is full, so its hooks will not run.
    Refused {
        /// Whether it is the first one refused since there was room.
        first: bool,
    },
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        let (waiting, at_work) = (VecDeque::new(), BTreeSet::new());
        Self { limits, waiting, at_work, refused: 0, full: false }
    }

    /// Takes the newest event in, when there is room: what came earlier is never given up for it.
    pub(super) fn push(&mut self, event: Arc<HookEvent>) -> Pushed {
        if self.waiting.len() >= self.limits.waiting {
            self.refused += 1;
            return Pushed::Refused { first: !std::mem::replace(&mut self.full, true) };
        }
        self.full = false;
        self.waiting.push_back(event);
        Pushed::Waits
    }

    /// The next event whose hooks are to be run now; its subject is at work until [`Self::finished`].
    pub(super) fn next(&mut self) -> Option<Arc<HookEvent>> {
        if self.at_work.len() >= self.limits.at_once {
            return None;
        }
        let place = self.waiting.iter().position(|event| !self.at_work.contains(&event.subject))?;
        let event = self.waiting.remove(place)?;
        self.at_work.insert(Arc::clone(&event.subject));
        Some(event)
    }

    /// The hooks of the event about this are done.
    pub(super) fn finished(&mut self, subject: &str) {
        self.at_work.remove(subject);
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn at_work(&self) -> usize {
        self.at_work.len()
    }

    /// Events refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook_runner::fixture::{hook_event as event, node};

    fn queue(waiting: usize, at_once: usize) -> Queue {
        Queue::new(QueueLimits { waiting, at_once })
    }

    fn numbers(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.next()).map(|event| event.number).collect()
    }

    #[test]
    fn events_of_one_node_run_one_after_the_other() {
        let mut queue = queue(10, 4);
        for (number, of) in [(1, 1), (2, 1), (3, 2), (4, 1), (5, 2)] {
            assert_eq!(queue.push(event(number, of)), Pushed::Waits);
        }
        assert_eq!(numbers(&mut queue), [1, 3]);
        queue.finished(&node(2).to_string());
        assert_eq!(numbers(&mut queue), [5]);
        queue.finished(&node(1).to_string());
        assert_eq!(numbers(&mut queue), [2]);
        queue.finished(&node(1).to_string());
        assert_eq!(numbers(&mut queue), [4]);
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn no_more_than_so_many_run_at_once() {
        let mut queue = queue(10, 2);
        (1..=4).for_each(|number| assert_eq!(queue.push(event(number, number)), Pushed::Waits));
        assert_eq!(numbers(&mut queue), [1, 2]);
        assert_eq!((queue.at_work(), queue.waiting()), (2, 2));
        queue.finished(&node(2).to_string());
        assert_eq!(numbers(&mut queue), [3]);
    }

    #[test]
    fn a_full_queue_refuses_the_newest_and_says_so_once() {
        let mut queue = queue(2, 1);
        assert_eq!(queue.push(event(1, 1)), Pushed::Waits);
        assert_eq!(queue.push(event(2, 1)), Pushed::Waits);
        assert_eq!(queue.push(event(3, 1)), Pushed::Refused { first: true });
        assert_eq!(queue.push(event(4, 1)), Pushed::Refused { first: false });
        assert_eq!(numbers(&mut queue), [1]);
        assert_eq!(queue.push(event(5, 1)), Pushed::Waits);
        assert_eq!(queue.push(event(6, 1)), Pushed::Refused { first: true });
        assert_eq!(queue.refused(), 3);
        queue.finished(&node(1).to_string());
        assert_eq!(numbers(&mut queue), [2]);
    }
}
