//! One incarnation of an actor, from the moment it exists until nothing of it is left: neither its
//! task nor its state. Supervisors wait for that before they start the next one, monitors hear of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ractor::ActorCell;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::table::Place;

/// How an actor ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "exit", content = "reason")]
pub enum Exit {
    /// It stopped, by itself or because it was asked to; `post_stop` ran. This is a normal end.
    Stopped,
    /// A handler returned an error or panicked.
    Failed(String),
    /// It was killed.
    Killed,
    /// A supervisor that saw more failures than its intensity allows.
    GaveUp(String),
    /// It was gone before anyone watched it.
    Unknown,
}

impl Exit {
    /// Whether a transient child that ended so stays down.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Stopped)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("stopped"),
            Self::Failed(reason) => write!(formatter, "failed: {reason}"),
            Self::Killed => formatter.write_str("killed"),
            Self::GaveUp(reason) => write!(formatter, "gave up: {reason}"),
            Self::Unknown => formatter.write_str("was not running"),
        }
    }
}

type Subscriber = Box<dyn FnOnce(Exit) + Send>;

/// The record of one incarnation, shared by all who watch it.
pub(crate) struct Life {
    cell: ActorCell,
    place: Place,
    exit: watch::Sender<Option<Exit>>,
    stop_requested: watch::Sender<bool>,
    subscribers: Mutex<Option<Vec<Subscriber>>>,
}

impl Life {
    pub(crate) fn new(cell: ActorCell, place: Place) -> Arc<Self> {
        Arc::new(Self {
            cell,
            place,
            exit: watch::Sender::new(None),
            stop_requested: watch::Sender::new(false),
            subscribers: Mutex::new(Some(Vec::new())),
        })
    }

    pub(crate) fn cell(&self) -> &ActorCell {
        &self.cell
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Exit> {
        self.exit.borrow().clone()
    }

    /// Waits until nothing of it is left.
    pub(crate) async fn gone(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        // The sender lives in `self`, so the channel cannot close while this waits.
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.clone().unwrap_or(Exit::Unknown),
            Err(_) => Exit::Unknown,
        }
    }

    /// Asks for an orderly stop; a supervisor in the middle of a restart hears it too.
    pub(crate) fn request_stop(&self) {
        self.stop_requested.send_replace(true);
        self.cell.stop(Some("shutdown".to_owned()));
    }

    pub(crate) fn is_stop_requested(&self) -> bool {
        *self.stop_requested.borrow()
    }

    /// Waits for [`Life::request_stop`].
    pub(crate) async fn stop_requested(&self) {
        let mut requested = self.stop_requested.subscribe();
        if requested.wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs `subscriber` when the actor is gone, at once if it is.
    pub(crate) fn subscribe(&self, subscriber: Subscriber) {
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        match subscribers.as_mut() {
            Some(waiting) => waiting.push(subscriber),
            None => {
                drop(subscribers);
                subscriber(self.ended().unwrap_or(Exit::Unknown));
            }
        }
    }

    /// Tells everyone; only the first call counts.
    pub(crate) fn end(&self, exit: &Exit) {
        self.exit.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(exit.clone());
            }
            first
        });
        let waiting = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).take();
        for subscriber in waiting.into_iter().flatten() {
            subscriber(exit.clone());
        }
    }
}
