//! What came before it can be dealt with: while the rows are read, and to be sent while the peers are not known
//! yet. It is held in its order, and the actor goes on.

use refuge_http::Failure;
use refuge_storage::StorageError;

use super::rows::{self, KeptRow, WaitingRow};
use super::{MessagesMessage, MessagesState};
use crate::engine::StorageDoors;
use crate::peer_directory::{self, PeerBoard};
use crate::task::OwnedTask;
use crate::{names, published, unavailable};

/// Held at once, of each kind; who comes then is told to come again.
pub(super) const MOST_HELD: usize = 1_000;

/// Messages for this actor that wait for a task.
pub(super) struct Held {
    messages: Vec<MessagesMessage>,
    _task: OwnedTask,
}

impl Held {
    fn by(task: OwnedTask) -> Self {
        Self { messages: Vec::new(), _task: task }
    }

    /// Holds it, where there is room.
    fn push(&mut self, message: MessagesMessage) {
        if self.messages.len() < MOST_HELD {
            self.messages.push(message);
        } else {
            refuse(message, &unavailable());
        }
    }

    /// Holds what was freed elsewhere, in front of what came later.
    fn push_front(&mut self, freed: Vec<MessagesMessage>) {
        self.messages.splice(..0, freed);
    }

    /// What was held, in its order; nothing where it is refused.
    fn end(self, outcome: Result<(), Failure>) -> Vec<MessagesMessage> {
        match outcome {
            Ok(()) => self.messages,
            Err(failure) => {
                self.messages.into_iter().for_each(|message| refuse(message, &failure));
                Vec::new()
            }
        }
    }
}

/// All rows.
pub struct ReadRows {
    waiting: Vec<WaitingRow>,
    came: Vec<KeptRow>,
}

impl MessagesState {
    /// Has all rows read where that was not done yet, or a commit failed, of which nobody knows whether it is on
    /// disk.
    pub(super) fn read_if_unsure(&mut self) {
        if !self.unsure || self.reading.is_some() {
            return;
        }
        let (names, myself) = (self.names.clone(), self.myself.clone());
        self.reading = Some(Held::by(OwnedTask::spawn(async move {
            let _ = myself.cast(MessagesMessage::Read(read(&names).await));
        })));
    }

    /// Holds what has to wait; gives back what is to be dealt with now.
    pub(super) fn hold(&mut self, message: MessagesMessage) -> Option<MessagesMessage> {
        // A waiter is woken when the rows are there.
        if matches!(message, MessagesMessage::Beyond { .. }) {
            return Some(message);
        }
        self.read_if_unsure();
        // What is sent goes behind what was sent before it.
        if let (Some(held), MessagesMessage::Send { .. }) = (&mut self.awaiting_peers, &message) {
            held.push(message);
            return None;
        }
        if let Some(held) = &mut self.reading {
            held.push(message);
            return None;
        }
        if matches!(message, MessagesMessage::Send { .. }) {
            return self.hold_until_peers_are_known(message);
        }
        Some(message)
    }

    /// Early in the life of a node, and while their directory is restarted, the peers are not known.
    fn hold_until_peers_are_known(&mut self, message: MessagesMessage) -> Option<MessagesMessage> {
        if peer_directory::peers(&self.names).is_some() {
            return Some(message);
        }
        let (names, myself) = (self.names.clone(), self.myself.clone());
        let held = self.awaiting_peers.get_or_insert_with(|| {
            Held::by(OwnedTask::spawn(async move {
                let known = published::<PeerBoard>(&names, names::PEER_DIRECTORY).await;
                let _ = myself.cast(MessagesMessage::PeersKnown(known.map(|_| ())));
            }))
        });
        held.push(message);
        None
    }

    /// The rows were read, or not: what waited for them.
    pub(super) fn rows_read(&mut self, read: Result<ReadRows, Failure>) -> Vec<MessagesMessage> {
        let Some(held) = self.reading.take() else { return Vec::new() };
        let outcome = read.map(|read| self.replace(read));
        if let Err(failure) = &outcome {
            tracing::warn!(%failure, "the messages of applications cannot be read yet");
        }
        held.end(outcome)
    }

    /// The peers are known, or not in time: what was to be sent.
    pub(super) fn peers_known(&mut self, known: Result<(), Failure>) -> Vec<MessagesMessage> {
        let freed = self.awaiting_peers.take().map(|held| held.end(known)).unwrap_or_default();
        let Some(reading) = &mut self.reading else { return freed };
        reading.push_front(freed);
        Vec::new()
    }

    fn replace(&mut self, ReadRows { waiting, came }: ReadRows) {
        self.wait_again(waiting);
        self.inbox = refuge_mesh::Inbox::default();
        for (from, id) in self.received.replace(came) {
            self.inbox.remember(from, id);
        }
        self.unsure = false;
        // Nothing counts as under way, and nodes may have come up meanwhile.
        self.repeat();
    }
}

async fn read(names: &refuge_otp::Names) -> Result<ReadRows, Failure> {
    let doors = published::<StorageDoors>(names, names::ENGINE).await?;
    let store = doors.store.clone();
    let read = move || {
        let waiting = rows::waiting(&store)?;
        Ok::<_, StorageError>(ReadRows { waiting, came: rows::received(&store)? })
    };
    let read = crate::blocking(read).await.map_err(|_| unavailable())?;
    read.map_err(|error| Failure::Internal(error.to_string()))
}

/// Who waits for an answer gets one. What another node sends it sends again, and a node that came up gets
/// what waits for it at the next look.
fn refuse(message: MessagesMessage, failure: &Failure) {
    match message {
        MessagesMessage::Send { reply, .. } => drop(reply.send(Err(failure.clone()))),
        MessagesMessage::Page { reply, .. } => drop(reply.send(Err(failure.clone()))),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use ractor::Actor;
    use refuge_http::{MessagesRequest, NewMessage};
    use refuge_otp::Names;
    use tokio::sync::oneshot;

    use super::super::MessagesActor;
    use super::*;

    fn send(to: &str) -> MessagesMessage {
        let (to, application, body) = (to.to_owned(), "chat".to_owned(), "1".to_owned());
        let (reply, _) = oneshot::channel();
        MessagesMessage::Send { wish: NewMessage { to, application, body }, reply }
    }

    fn page() -> MessagesMessage {
        let request = MessagesRequest { application: None, after: 0, limit: 10 };
        let (reply, _) = oneshot::channel();
        MessagesMessage::Page { request, reply }
    }

    #[tokio::test]
    async fn what_is_sent_while_rows_are_read_again_overtakes_nothing_that_waits_for_the_peers() {
        let names = Names::new("test");
        let (actor, _) = Actor::spawn(None, MessagesActor, names.clone()).await.unwrap();
        let mut state = MessagesState::new(names, actor);
        state.unsure = false;
        assert!(state.hold(send("first")).is_none());
        state.unsure = true;
        for message in [page(), send("second")] {
            assert!(state.hold(message).is_none());
        }
        assert!(state.peers_known(Ok(())).is_empty());
        assert!(state.hold(send("third")).is_none());
        let held = state.reading.take().unwrap().end(Ok(()));
        let sent = held.iter().filter_map(|message| match message {
            MessagesMessage::Send { wish, .. } => Some(wish.to.as_str()),
            _ => None,
        });
        assert_eq!(sent.collect::<Vec<_>>(), ["first", "second", "third"]);
        assert_eq!(held.len(), 4);
    }
}
