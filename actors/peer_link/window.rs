//! How much of what a peer sent may wait for the actor that it is for. What is beyond is passed over and
//! comes again, or is not read before there is a place.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for what was handed over and is not dealt with yet.
pub(super) struct Window(Arc<Semaphore>);

/// A place, free again when it is dropped: it goes along with what was handed over.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

#[cfg(test)]
impl Place {
    /// One of a window that nobody else has.
    pub(crate) fn alone() -> Self {
        Window::of(1).enter().expect("a place")
    }
}

impl Window {
    pub(super) fn of(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// A place, while there is one.
    pub(super) fn enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Place { _permit: permit })
    }

    /// A place, as soon as there is one.
    pub(super) async fn enter_in_turn(&self) -> Option<Place> {
        // It is never closed.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(Place { _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_floods_has_no_more_waiting_than_there_are_places() {
        let window = Window::of(32);
        let mut taken: Vec<Place> = (0..10_000).filter_map(|_| window.enter()).collect();
        assert_eq!(taken.len(), 32);
        taken.truncate(30);
        assert_eq!((0..10).filter_map(|_| window.enter()).collect::<Vec<_>>().len(), 2);
    }
}
