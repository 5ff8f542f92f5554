//! Over which revisions functions met a limit: each such question costs seconds, so whoever asks about many documents
//! leaves these out the next time. What is hidden by that is not decided here.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Questions that are remembered; the oldest leave beyond that.
const MOST: usize = 4_096;
/// For so long: a busy machine may have been the cause.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Questions on which a function met a limit, forgotten with the design documents of their database.
#[derive(Default)]
pub(crate) struct MetLimits {
    state: RandomState,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Hashes by a key of this process: nobody finds two questions that share one.
    questions: HashSet<u64>,
    /// The same by when they were remembered.
    by_age: VecDeque<(Instant, u64)>,
}

impl MetLimits {
    pub(crate) fn remember(&self, question: &impl Hash) {
        self.remember_at(question, Instant::now());
    }

    pub(crate) fn holds(&self, question: &impl Hash) -> bool {
        self.holds_at(question, Instant::now())
    }

    fn remember_at(&self, question: &impl Hash, now: Instant) {
        let hash = self.state.hash_one(question);
        let mut known = self.known();
        if known.questions.insert(hash) {
            known.by_age.push_back((now, hash));
        }
        if known.by_age.len() > MOST {
            known.forget_oldest();
        }
    }

    fn holds_at(&self, question: &impl Hash, now: Instant) -> bool {
        let mut known = self.known();
        while known.by_age.front().is_some_and(|(then, _)| now.duration_since(*then) >= KEPT) {
            known.forget_oldest();
        }
        // Nearly always nothing is remembered, and nothing has to be hashed.
        !known.questions.is_empty() && known.questions.contains(&self.state.hash_one(question))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget_oldest(&mut self) {
        if let Some((_, hash)) = self.by_age.pop_front() {
            self.questions.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_met_a_limit_is_remembered_for_a_while_and_not_without_bound() {
        let (limits, now) = (MetLimits::default(), Instant::now());
        limits.remember_at(&("d@1-a", 7), now);
        limits.remember_at(&("d@1-a", 7), now);
        assert!(limits.holds_at(&("d@1-a", 7), now));
        assert!(!limits.holds_at(&("d@1-a", 8), now) && !limits.holds_at(&("d@2-b", 7), now));
        assert!(!limits.holds_at(&("d@1-a", 7), now + KEPT));
        for number in 0..=MOST {
            limits.remember_at(&number, now);
        }
        assert!(!limits.holds_at(&0_usize, now) && limits.holds_at(&1_usize, now));
        assert_eq!(limits.known().questions.len(), MOST);
    }
}
