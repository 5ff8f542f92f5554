//! Over which revisions functions met a limit: each such question costs seconds, so whoever asks about many documents
//! leaves these out the next time. What is hidden by that is not decided here.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Questions that are remembered; the oldest leave beyond that.
const MOST: usize = 16_384;
/// For so long: a busy machine may have been the cause.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// Where more are remembered the function is the cause. They would be forgotten as soon as they are learned, at five
/// seconds each, and no feed would come past them: of those that are older, one leaves at a time.
const FEW: usize = 64;
/// Then one leaves in so long, half as often as one can be learned.
const PAUSE: Duration = Duration::from_secs(10);

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
    /// When one left for its age.
    aged: Option<Instant>,
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
        known.forget_aged(now);
        // Nearly always nothing is remembered, and nothing has to be hashed.
        !known.questions.is_empty() && known.questions.contains(&self.state.hash_one(question))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget_aged(&mut self, now: Instant) {
        let is_past = |then: Instant, time: Duration| now.duration_since(then) >= time;
        while self.by_age.front().is_some_and(|(then, _)| is_past(*then, KEPT)) {
            if self.questions.len() > FEW && self.aged.is_some_and(|then| !is_past(then, PAUSE)) {
                break;
            }
            self.forget_oldest();
            self.aged = Some(now);
        }
    }

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

    /// A feed begins at its first row each time, so what was forgotten there is asked anew before what is behind it.
    #[test]
    fn a_feed_comes_past_more_endless_documents_than_an_hour_holds() {
        let (limits, mut now) = (MetLimits::default(), Instant::now());
        let mut asked = 0;
        for end in 0..1_000 {
            asked = 0;
            for number in 0..=end {
                if !limits.holds_at(&number, now) {
                    now += Duration::from_secs(5);
                    limits.remember_at(&number, now);
                    asked += 1;
                }
            }
        }
        assert!(asked <= 3, "{asked}");
    }

    #[test]
    fn few_are_forgotten_at_once_and_many_in_a_few_hours() {
        let (limits, now) = (MetLimits::default(), Instant::now());
        for number in 0..FEW + 360 {
            limits.remember_at(&number, now);
        }
        let mut later = now + KEPT;
        for forgotten in 0..359_usize {
            assert!(
                !limits.holds_at(&forgotten, later) && limits.holds_at(&(forgotten + 1), later)
            );
            later += PAUSE;
        }
        assert!((0..FEW + 360).all(|number| !limits.holds_at(&number, later)));
    }
}
