//! For how long snapshots have been open: one that stays holds old rows, and nobody else would see it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Shared;

/// When the snapshots that are open were opened. As many places as were open at a time; free ones are
/// used again.
#[derive(Default)]
pub(crate) struct Lifetimes(Mutex<Vec<Option<Instant>>>);

impl Lifetimes {
    fn places(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, opened: Instant) -> usize {
        let mut places = self.places();
        let free = places.iter().position(Option::is_none).unwrap_or(places.len());
        match places.get_mut(free) {
            Some(place) => *place = Some(opened),
            None => places.push(Some(opened)),
        }
        free
    }

    fn leave(&self, place: usize) {
        if let Some(place) = self.places().get_mut(place) {
            *place = None;
        }
    }

    /// The age of the oldest; zero where none is open.
    pub(crate) fn oldest(&self) -> Duration {
        let oldest = self.places().iter().flatten().min().copied();
        oldest.map_or(Duration::ZERO, |opened| opened.elapsed())
    }
}

/// The life of one snapshot. It holds the open database.
pub(crate) struct Lifetime {
    pub(crate) shared: Arc<Shared>,
    opened: Instant,
    place: usize,
}

impl Lifetime {
    pub(super) fn begin(shared: Arc<Shared>) -> Self {
        Self::since(shared, Instant::now())
    }

    fn since(shared: Arc<Shared>, opened: Instant) -> Self {
        let place = shared.lifetimes.enter(opened);
        Self { shared, opened, place }
    }
}

impl Clone for Lifetime {
    /// A copy holds the same old rows.
    fn clone(&self) -> Self {
        Self::since(Arc::clone(&self.shared), self.opened)
    }
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        self.shared.lifetimes.leave(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_is_open_counts() {
        let lifetimes = Lifetimes::default();
        assert_eq!(lifetimes.oldest(), Duration::ZERO);
        let now = Instant::now();
        let old = lifetimes.enter(now.checked_sub(Duration::from_secs(9)).unwrap());
        let young = lifetimes.enter(now);
        assert!(lifetimes.oldest() >= Duration::from_secs(9));
        lifetimes.leave(old);
        assert_eq!(lifetimes.enter(now), old, "a free place is used again");
        lifetimes.leave(old);
        lifetimes.leave(young);
        assert_eq!(lifetimes.oldest(), Duration::ZERO);
    }
}
