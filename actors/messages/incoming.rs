//! Messages of other nodes: taken once, kept on disk before they are acknowledged, and told as a feed.

use refuge_http::{Failure, MessagesPage, MessagesRequest};
use refuge_mesh::{Frame, InboxRefusal, Message, NodeId, Receipt, Taken, rfc3339};
use refuge_otp::Names;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::rows::Kept;
use super::{MessagesMessage, MessagesState, rows};
use crate::engine::StorageDoors;
use crate::node_service::disk_is_nearly_full;
use crate::peer_directory;
use crate::peer_link::{PeerLinkMessage, Place};
use crate::{names, now_ms, unavailable};

/// What became of a message that had its turn.
enum Turn {
    /// It is dealt with.
    Done,
    /// It comes again, and others after it.
    Waits,
}

impl MessagesState {
    /// A trusted node sends a message: it is taken when those of the same node that had to wait were.
    pub(super) async fn came(&mut self, from: NodeId, message: Box<Message>, place: Place) {
        let (id, steady_ms) = (message.id, self.steady_ms());
        if !self.turns.is_next(steady_ms, from, id) {
            return tracing::debug!(peer = %from, "a message has to wait behind others");
        }
        match self.take(from, &message).await {
            Ok(Turn::Done) => self.turns.is_done(steady_ms, &from, &id),
            Ok(Turn::Waits) => {
                self.turns.has_to_wait(steady_ms, from, id);
            }
            Err(failure) => {
                tracing::warn!(peer = %from, %failure, "a message is not taken yet");
                // The first after what is on disk was read: once, since its node sends it again.
                if self.turns.has_to_wait(steady_ms, from, id) && self.unsure {
                    self.hold(MessagesMessage::Came { from, message, place });
                }
            }
        }
    }

    async fn take(&mut self, from: NodeId, message: &Message) -> Result<Turn, Failure> {
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        if !peers.is_trusted(&from) {
            return Ok(Turn::Done);
        }
        if disk_is_nearly_full(&self.names) {
            return Err(Failure::InsufficientStorage("the disk is nearly full".to_owned()));
        }
        let (id, now_ms) = (message.id, now_ms());
        let refused = match self.inbox.take(now_ms, from, message) {
            Ok(Taken::New) => {
                let Some(leaving) = self.received.leaving(now_ms, &from, message.body.len()) else {
                    self.inbox.give_back(&from, &id);
                    tracing::debug!(peer = %from, "a message has to wait until there is room for it");
                    return Ok(Turn::Waits);
                };
                // Whether a commit that failed is on disk is found out before the next is taken.
                self.keep((now_ms, from), message, leaving).await?;
                None
            }
            Ok(Taken::Before) => None,
            // One of the clocks may be wrong for a moment: when to give it up is its sender's affair.
            Err(refusal @ (InboxRefusal::Old | InboxRefusal::FromTheFuture)) => {
                tracing::info!(peer = %from, %refusal, "a message is not taken");
                return Ok(Turn::Done);
            }
            Err(refusal) => Some(refusal.to_string()),
        };
        let told = PeerLinkMessage::Tell(Frame::Receipt(Receipt { id, refused }));
        // Without it the message comes again.
        let _ = self.names.cast(&names::peer_link(from), told);
        Ok(Turn::Done)
    }

    async fn keep(
        &mut self,
        (now_ms, from): (u64, NodeId),
        message: &Message,
        leaving: Vec<u64>,
    ) -> Result<(), Failure> {
        let number = self.received.next_number();
        let mut writes = vec![rows::keep(number, (&from, now_ms), message)];
        writes.extend(leaving.iter().map(|number| rows::keep_no_more(*number)));
        self.commit(writes).await?;
        let bytes = message.body.len();
        let (id, application) = (message.id, message.application.clone());
        self.received.leave(&leaving);
        self.received.insert(number, Kept { from, id, application, came_ms: now_ms, bytes });
        Ok(())
    }

    /// What was kept long enough leaves.
    pub(super) async fn forget_old(&mut self) -> Result<(), Failure> {
        let leaving = self.received.old(now_ms());
        self.commit(leaving.iter().map(|number| rows::keep_no_more(*number)).collect()).await?;
        self.received.leave(&leaving);
        Ok(())
    }

    /// A page of the feed.
    pub(super) fn page(
        &self,
        request: MessagesRequest,
        reply: oneshot::Sender<Result<MessagesPage, Failure>>,
    ) {
        let numbers = self.received.numbers(&request);
        let last = self.received.newest(request.application.as_deref());
        let missed = self.received.missed(request.after);
        let Some(doors) = self.names.value::<StorageDoors>(names::ENGINE) else {
            let _ = reply.send(Err(unavailable()));
            return;
        };
        let names = self.names.clone();
        crate::blocking::aside(move || {
            let mut page = MessagesPage { messages: Vec::new(), last, missed };
            for number in numbers {
                match rows::read(&doors.store, number) {
                    // It has left meanwhile.
                    Ok(None) => {}
                    Ok(Some(read)) => page.messages.push((number, told(&names, number, &read))),
                    Err(error) => {
                        let _ = reply.send(Err(Failure::Internal(error.to_string())));
                        return;
                    }
                }
            }
            let _ = reply.send(Ok(page));
        });
    }
}

fn told(names: &Names, number: u64, (from, came_ms, message): &(NodeId, u64, Message)) -> Value {
    let peers = peer_directory::peers(names);
    let name = peers.and_then(|peers| Some(peers.get(from)?.name.clone()));
    let mut told = message.to_json();
    if let Some(members) = told.as_object_mut() {
        members.insert("seq".to_owned(), number.into());
        members.insert("from".to_owned(), from.to_string().into());
        members.insert("name".to_owned(), name.into());
        members.insert("sent".to_owned(), rfc3339(message.sent_ms).into());
        members.insert("received".to_owned(), json!(rfc3339(*came_ms)));
    }
    told
}
