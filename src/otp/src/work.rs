//! What an actor has done so far, and who listens to it: counted by the shell around every actor, kept at
//! its place in the tree, so that a restart forgets nothing.

use std::any::type_name;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// One message that passed an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// When the actor took it.
    pub at: Instant,
    /// The type of the actor's messages, without the modules it is in.
    pub message: &'static str,
    /// Which of them it was: its place in the type's declaration, where it has several.
    pub variant: String,
    /// How long the actor was busy with it.
    pub took: Duration,
    /// Whether the actor goes on.
    pub well: bool,
}

/// The counts of one place.
#[derive(Default)]
pub(crate) struct Work {
    handled: AtomicU64,
    busy_ns: AtomicU64,
    /// Looked at before the lock is taken, since nearly nobody is ever listened to.
    listened: AtomicBool,
    listeners: Mutex<Vec<Sender<Passed>>>,
}

impl Work {
    /// Notes what was said to listeners who are still there. A listener that is full misses it.
    pub(crate) fn note<M>(&self, begun: Begun<M>, well: bool) {
        let took = begun.at.elapsed();
        self.handled.fetch_add(1, Ordering::Relaxed);
        let busy = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.busy_ns.fetch_add(busy, Ordering::Relaxed);
        let Some(variant) = begun.variant else { return };
        let message = type_name::<M>();
        let message = message.rsplit("::").next().unwrap_or(message);
        let passed = Passed { at: begun.at, message, variant, took, well };
        let mut listeners = self.listeners();
        listeners.retain(|listener| !listener.is_closed());
        for listener in &*listeners {
            // It hears less than all; whoever waits for it is not held up.
            let _ = listener.try_send(passed.clone());
        }
        self.listened.store(!listeners.is_empty(), Ordering::Relaxed);
    }

    /// A message is taken.
    pub(crate) fn begin<M>(&self, message: &M) -> Begun<M> {
        let listened = self.listened.load(Ordering::Relaxed);
        let variant = listened.then(|| variant(message));
        Begun { at: Instant::now(), variant, message: std::marker::PhantomData }
    }

    /// Hears of the messages from now on, of so many that were not taken out at most.
    pub(crate) fn listen(&self, room: usize) -> Receiver<Passed> {
        let (listener, heard) = channel(room.max(1));
        self.listeners().push(listener);
        self.listened.store(true, Ordering::Relaxed);
        heard
    }

    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    pub(crate) fn busy_us(&self) -> u64 {
        self.busy_ns.load(Ordering::Relaxed) / 1_000
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Sender<Passed>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that is being handled.
pub(crate) struct Begun<M> {
    at: Instant,
    variant: Option<String>,
    message: std::marker::PhantomData<fn(M)>,
}

/// Messages need not be able to describe themselves; which variant it is, every enum tells.
fn variant<M>(message: &M) -> String {
    let told = format!("{:?}", std::mem::discriminant(message));
    told.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(dead_code)]
    enum Told {
        One,
        Two(u8),
    }

    #[test]
    fn who_listens_hears_which_message_passed() {
        let work = Work::default();
        work.note(work.begin(&Told::One), true);
        let mut heard = work.listen(1);
        work.note(work.begin(&Told::Two(7)), true);
        work.note(work.begin(&Told::One), false);
        let passed = heard.try_recv().unwrap();
        assert_eq!((passed.message, passed.variant.as_str(), passed.well), ("Told", "1", true));
        // The second found no room.
        assert!(heard.try_recv().is_err());
        drop(heard);
        work.note(work.begin(&Told::One), true);
        work.note(work.begin(&Told::One), true);
        assert!(!work.listened.load(Ordering::Relaxed));
        assert_eq!(work.handled(), 5);
    }
}
