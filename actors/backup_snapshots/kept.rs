//! Which snapshots stay and which leave; what a snapshot is, is not known here.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Snapshots by name.
pub(super) struct Kept<T> {
    kept_for: Duration,
    most_waiting: usize,
    entries: HashMap<String, Entry<T>>,
}

struct Entry<T> {
    snapshot: T,
    /// Sessions that have it.
    sessions: usize,
    /// Since when none has it.
    waits_since: Option<Instant>,
}

/// One that is kept no more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaving<T> {
    pub(super) name: String,
    /// Dropped by whoever gets it.
    pub(super) snapshot: T,
}

impl<T> Kept<T> {
    pub(super) fn new(kept_for: Duration, most_waiting: usize) -> Self {
        Self { kept_for, most_waiting, entries: HashMap::new() }
    }

    /// A new one, which a session has.
    pub(super) fn keep(&mut self, name: String, snapshot: T) {
        self.entries.insert(name, Entry { snapshot, sessions: 1, waits_since: None });
    }

    /// One more session has it.
    pub(super) fn hold(&mut self, name: &str) -> Option<&T> {
        let entry = self.entries.get_mut(name)?;
        entry.sessions += 1;
        entry.waits_since = None;
        Some(&entry.snapshot)
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.entries.get(name).map(|entry| &entry.snapshot)
    }

    /// One that no session has.
    pub(super) fn waiting(&self, name: &str) -> Option<&T> {
        let entry = self.entries.get(name)?;
        entry.waits_since.map(|_| &entry.snapshot)
    }

    /// A session ended that had it; those for which there is no room any more.
    pub(super) fn left(&mut self, name: &str, now: Instant) -> Vec<Leaving<T>> {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.sessions = entry.sessions.saturating_sub(1);
            if entry.sessions == 0 {
                entry.waits_since = Some(now);
            }
        }
        let waiting =
            |(name, entry): (&String, &Entry<T>)| Some((entry.waits_since?, name.clone()));
        let mut waiting: Vec<_> = self.entries.iter().filter_map(waiting).collect();
        waiting.sort();
        let many = waiting.len().saturating_sub(self.most_waiting);
        waiting.into_iter().take(many).filter_map(|(_, name)| self.remove(&name)).collect()
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Leaving<T>> {
        let (name, entry) = self.entries.remove_entry(name)?;
        Some(Leaving { name, snapshot: entry.snapshot })
    }

    /// Those that have waited long enough.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Leaving<T>> {
        let kept_for = self.kept_for;
        let over = |entry: &Entry<T>| {
            entry.waits_since.is_some_and(|since| now.saturating_duration_since(since) >= kept_for)
        };
        let over: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| over(entry))
            .map(|(name, _)| name.clone())
            .collect();
        over.iter().filter_map(|name| self.remove(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn names(leaving: Vec<Leaving<()>>) -> Vec<String> {
        leaving.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn one_that_waits_leaves_when_its_time_is_over_and_not_while_somebody_has_it() {
        let mut kept = Kept::new(10 * SECOND, 2);
        let now = Instant::now();
        kept.keep("a".to_owned(), ());
        assert!(kept.expire(now + 99 * SECOND).is_empty(), "a session has it");
        assert!(kept.left("a", now).is_empty());
        assert!(kept.waiting("a").is_some());
        assert!(kept.expire(now + 9 * SECOND).is_empty());
        assert!(kept.hold("a").is_some() && kept.hold("a").is_some());
        assert!(kept.left("a", now + 9 * SECOND).is_empty());
        assert!(kept.expire(now + 99 * SECOND).is_empty(), "another session has it");
        assert!(kept.left("a", now + 20 * SECOND).is_empty());
        assert!(kept.expire(now + 29 * SECOND).is_empty());
        assert_eq!(names(kept.expire(now + 30 * SECOND)), ["a"]);
        assert!(kept.hold("a").is_none());
    }

    #[test]
    fn of_too_many_that_wait_the_oldest_leaves() {
        let mut kept = Kept::new(10 * SECOND, 2);
        let now = Instant::now();
        for name in ["held", "a", "b", "c"] {
            kept.keep(name.to_owned(), ());
        }
        assert!(kept.left("b", now).is_empty());
        assert!(kept.left("a", now + SECOND).is_empty());
        assert_eq!(names(kept.left("c", now + 2 * SECOND)), ["b"]);
        assert!(["held", "a", "c"].iter().all(|name| kept.get(name).is_some()));
        assert!(kept.left("nobody's", now).is_empty());
    }
}
