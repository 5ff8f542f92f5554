//! Documents that were asked for and are not here: which of them other nodes are asked about, and when.
//! Who is asked, and how, is not known here.

use std::collections::{HashMap, VecDeque};

/// Documents that are remembered; the one that was asked for least recently leaves.
const MOST_WANTED: usize = 1_000;
/// A document that nobody had is not asked for again for so long.
const MISSED_MS: u64 = 60 * 1_000;
/// Documents that are asked for within [`ASKS_MS`].
const MOST_ASKS: usize = 10;
const ASKS_MS: u64 = 1_000;

/// A document of a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WantedDocument {
    /// What names the database as long as it lives.
    pub database: String,
    /// The document's id.
    pub id: String,
}

/// Who asks for a document: what comes is stored for him, as far as he may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// His name; none is nobody in particular.
    pub name: Option<String>,
    /// His roles.
    pub roles: Vec<String>,
}

/// Whether other nodes are to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedAnswer {
    /// Now.
    Ask,
    /// Nobody had it a moment ago.
    Missed,
    /// Too much was asked for within this second.
    TooMany,
}

/// What is wanted. `now_ms` of every call is of one clock that never goes back.
#[derive(Debug, Default)]
pub struct WantedDocuments {
    wanted: HashMap<WantedDocument, Wanted>,
    /// Counts what was asked for.
    last: u64,
    /// When the last asks were made.
    asks: VecDeque<u64>,
}

#[derive(Debug)]
struct Wanted {
    /// The higher, the more recently it was asked for.
    asked: u64,
    missed_ms: Option<u64>,
    asker: Asker,
}

impl WantedDocuments {
    /// Somebody asks for a document that is not here. It is remembered in any case, and who asked last.
    pub fn want(&mut self, now_ms: u64, document: &WantedDocument, asker: Asker) -> WantedAnswer {
        self.last += 1;
        let asked = self.last;
        if let Some(known) = self.wanted.get_mut(document) {
            (known.asked, known.asker) = (asked, asker);
            let missed = known.missed_ms.filter(|missed_ms| now_ms < missed_ms + MISSED_MS);
            if missed.is_some() {
                return WantedAnswer::Missed;
            }
        } else {
            self.make_room();
            self.wanted.insert(document.clone(), Wanted { asked, missed_ms: None, asker });
        }
        if self.may_ask_up_to(now_ms, MOST_ASKS) {
            WantedAnswer::Ask
        } else {
            WantedAnswer::TooMany
        }
    }

    fn make_room(&mut self) {
        if self.wanted.len() < MOST_WANTED {
            return;
        }
        let least = self.wanted.iter().min_by_key(|(_, wanted)| wanted.asked);
        if let Some(least) = least.map(|(document, _)| document.clone()) {
            self.wanted.remove(&least);
        }
    }

    /// Whether another document may be asked for for which nobody waits; it counts as asked for from here on.
    /// Half of what may be asked for is left to those who wait.
    pub fn may_ask_unasked(&mut self, now_ms: u64) -> bool {
        self.may_ask_up_to(now_ms, MOST_ASKS / 2)
    }

    fn may_ask_up_to(&mut self, now_ms: u64, most: usize) -> bool {
        let is_past = |asked: &u64| asked + ASKS_MS <= now_ms;
        while self.asks.front().is_some_and(is_past) {
            self.asks.pop_front();
        }
        let may = self.asks.len() < most;
        if may {
            self.asks.push_back(now_ms);
        }
        may
    }

    /// Nobody had it.
    pub fn missed(&mut self, now_ms: u64, document: &WantedDocument) {
        if let Some(known) = self.wanted.get_mut(document) {
            known.missed_ms = Some(now_ms);
        }
    }

    /// Another setting of a database: what nobody had may be found now.
    pub fn forget_misses(&mut self, database: &str) {
        let of_it = self.wanted.iter_mut().filter(|(document, _)| document.database == database);
        of_it.for_each(|(_, wanted)| wanted.missed_ms = None);
    }

    /// It is here, or nobody is to be asked for it any more.
    pub fn forget(&mut self, document: &WantedDocument) {
        self.wanted.remove(document);
    }

    /// Who asked for it last; none where it is not wanted any more.
    #[must_use]
    pub fn asker(&self, document: &WantedDocument) -> Option<&Asker> {
        self.wanted.get(document).map(|wanted| &wanted.asker)
    }

    /// All that is wanted, what was asked for last first.
    #[must_use]
    pub fn all(&self) -> Vec<WantedDocument> {
        let mut all: Vec<_> = self.wanted.iter().collect();
        all.sort_by_key(|(_, wanted)| std::cmp::Reverse(wanted.asked));
        all.into_iter().map(|(document, _)| document.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(number: usize) -> WantedDocument {
        WantedDocument { database: "a".to_owned(), id: number.to_string() }
    }

    #[test]
    fn a_miss_is_remembered_for_a_minute() {
        let mut wanted = WantedDocuments::default();
        assert_eq!(wanted.want(0, &document(1), Asker::default()), WantedAnswer::Ask);
        wanted.missed(500, &document(1));
        assert_eq!(wanted.want(60_499, &document(1), Asker::default()), WantedAnswer::Missed);
        assert_eq!(wanted.want(60_500, &document(1), Asker::default()), WantedAnswer::Ask);
        assert_eq!(wanted.want(60_500, &document(2), Asker::default()), WantedAnswer::Ask);
        wanted.forget(&document(1));
        assert_eq!(wanted.all(), [document(2)]);
        assert!(wanted.asker(&document(2)).is_some() && wanted.asker(&document(1)).is_none());
    }

    #[test]
    fn misses_of_one_database_are_forgotten_where_it_is_set_otherwise() {
        let mut wanted = WantedDocuments::default();
        let other = WantedDocument { database: "b".to_owned(), id: "1".to_owned() };
        for document in [&document(1), &other] {
            wanted.want(0, document, Asker::default());
            wanted.missed(0, document);
        }
        wanted.forget_misses("a");
        assert_eq!(wanted.want(1, &document(1), Asker::default()), WantedAnswer::Ask);
        assert_eq!(wanted.want(1, &other, Asker::default()), WantedAnswer::Missed);
    }

    #[test]
    fn ten_are_asked_for_within_a_second_and_the_rest_is_remembered() {
        let mut wanted = WantedDocuments::default();
        let answers: Vec<_> =
            (0..12).map(|number| wanted.want(5, &document(number), Asker::default())).collect();
        assert!(answers[..10].iter().all(|answer| *answer == WantedAnswer::Ask));
        assert_eq!(answers[10..], [WantedAnswer::TooMany; 2]);
        assert_eq!(wanted.all().len(), 12);
        assert_eq!(wanted.want(1_004, &document(10), Asker::default()), WantedAnswer::TooMany);
        assert_eq!(wanted.want(1_005, &document(10), Asker::default()), WantedAnswer::Ask);
    }

    #[test]
    fn half_of_what_may_be_asked_for_is_left_to_those_who_wait() {
        let mut wanted = WantedDocuments::default();
        assert_eq!((0..10).filter(|_| wanted.may_ask_unasked(5)).count(), 5);
        let answers = (0..10).map(|number| wanted.want(5, &document(number), Asker::default()));
        assert_eq!(answers.filter(|answer| *answer == WantedAnswer::Ask).count(), 5);
        assert!(!wanted.may_ask_unasked(1_004));
        assert!(wanted.may_ask_unasked(1_005));
    }

    #[test]
    fn of_too_many_the_one_leaves_that_was_asked_for_least_recently() {
        let mut wanted = WantedDocuments::default();
        for number in 0..1_000 {
            wanted.want(0, &document(number), Asker::default());
        }
        wanted.want(0, &document(0), Asker::default());
        wanted.want(0, &document(1_000), Asker::default());
        let all = wanted.all();
        assert_eq!((all.len(), &all[0], &all[1]), (1_000, &document(1_000), &document(0)));
        assert!(!all.contains(&document(1)));
    }
}
