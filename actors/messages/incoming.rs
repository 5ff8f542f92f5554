//! Messages of other nodes: taken once, kept on disk before they are acknowledged, and told as a feed.

use std::collections::BTreeMap;

use refuge_http::{Failure, MessagesPage, MessagesRequest};
use refuge_mesh::{
    Frame, MESSAGE_LIFETIME_MS, Message, MessageId, NodeId, Receipt, Taken, rfc3339,
};
use refuge_otp::Names;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::rows::Kept;
use super::{MessagesState, rows};
use crate::engine::StorageDoors;
use crate::node_service::disk_is_nearly_full;
use crate::peer_directory;
use crate::peer_link::PeerLinkMessage;
use crate::{names, now_ms, unavailable};

/// Messages that came and are kept for those who read the feed; the oldest leave.
const MOST_KEPT: usize = 10_000;
/// Bytes of them.
const MOST_KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a page, or one message.
const PAGE_BYTES: usize = 1024 * 1024;

/// What came, without its bodies, and who waits for more. The newest row stays however old it is, so that
/// numbers only grow.
#[derive(Default)]
pub(super) struct Received {
    kept: BTreeMap<u64, Kept>,
    /// The newest of which there is a row, be it readable or not.
    last: u64,
    bytes: usize,
    waiters: Vec<Waiter>,
}

struct Waiter {
    application: Option<String>,
    number: u64,
    reply: oneshot::Sender<u64>,
}

impl Waiter {
    fn wants(&self, number: u64, application: &str) -> bool {
        let its = self.application.as_deref().is_none_or(|wanted| wanted == application);
        its && number > self.number
    }
}

impl Received {
    /// Takes what is on disk; the senders and ids of it, in order.
    pub(super) fn replace(&mut self, rows: Vec<(u64, Option<Kept>)>) -> Vec<(NodeId, MessageId)> {
        self.last = rows.last().map_or(0, |(number, _)| *number);
        let readable = rows.into_iter().filter_map(|(number, kept)| Some((number, kept?)));
        self.kept = readable.collect();
        self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
        self.kept.values().map(|kept| (kept.from, kept.id)).collect()
    }

    /// Waits until there is more.
    pub(super) fn wait(
        &mut self,
        application: Option<String>,
        number: u64,
        reply: oneshot::Sender<u64>,
    ) {
        let newest = self.newest(application.as_deref());
        if newest > number {
            let _ = reply.send(newest);
            return;
        }
        // Who went away no longer waits.
        self.waiters.retain(|waiter| !waiter.reply.is_closed());
        self.waiters.push(Waiter { application, number, reply });
    }

    const fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// The newest for an application; 0 before the first.
    fn newest(&self, application: Option<&str>) -> u64 {
        let its = |kept: &Kept| application.is_none_or(|wanted| wanted == kept.application);
        let found = self.kept.iter().rev().find(|(_, kept)| its(kept));
        found.map_or(0, |(number, _)| *number)
    }

    /// Those that leave when one of `bytes` comes.
    fn leaving(&self, now_ms: u64, bytes: usize) -> Vec<u64> {
        let (mut count, mut total) = (self.kept.len() + 1, self.bytes + bytes);
        let mut leaving = Vec::new();
        for (number, kept) in &self.kept {
            let old = kept.came_ms.saturating_add(MESSAGE_LIFETIME_MS) <= now_ms;
            if !old && count <= MOST_KEPT && total <= MOST_KEPT_BYTES {
                break;
            }
            (count, total) = (count - 1, total - kept.bytes);
            leaving.push(*number);
        }
        leaving
    }

    fn leave(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.bytes -= self.kept.remove(number).map_or(0, |kept| kept.bytes);
        }
    }

    fn insert(&mut self, number: u64, kept: Kept) {
        for waiter in self.waiters.extract_if(.., |one| one.wants(number, &kept.application)) {
            let _ = waiter.reply.send(number);
        }
        self.bytes += kept.bytes;
        self.last = self.last.max(number);
        self.kept.insert(number, kept);
    }

    /// The numbers of a page.
    fn numbers(&self, request: &MessagesRequest) -> Vec<u64> {
        let behind = self.kept.range(request.after.saturating_add(1)..);
        let wanted = request.application.as_deref();
        let its = behind.filter(|(_, kept)| wanted.is_none_or(|app| app == kept.application));
        let (mut numbers, mut bytes) = (Vec::new(), 0);
        for (number, kept) in its.take(request.limit) {
            if bytes > 0 && bytes + kept.bytes > PAGE_BYTES {
                break;
            }
            bytes += kept.bytes;
            numbers.push(*number);
        }
        numbers
    }
}

impl MessagesState {
    /// A trusted node sends a message.
    pub(super) async fn take(&mut self, from: NodeId, message: Message) -> Result<(), Failure> {
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        if !peers.is_trusted(&from) {
            return Ok(());
        }
        self.read_if_unsure().await?;
        if disk_is_nearly_full(&self.names) {
            return Err(Failure::InsufficientStorage("the disk is nearly full".to_owned()));
        }
        let (id, now_ms) = (message.id, now_ms());
        let refused = match self.inbox.take(now_ms, from, &message) {
            Ok(Taken::New) => {
                // Whether a commit that failed is on disk is found out before the next is taken.
                self.keep(now_ms, from, message).await?;
                None
            }
            Ok(Taken::Before) => None,
            Err(refusal) => Some(refusal.to_string()),
        };
        let told = PeerLinkMessage::Tell(Frame::Receipt(Receipt { id, refused }));
        // Without it the message comes again.
        let _ = self.names.cast(&names::peer_link(from), told);
        Ok(())
    }

    async fn keep(&mut self, now_ms: u64, from: NodeId, message: Message) -> Result<(), Failure> {
        let number = self.received.next_number();
        let leaving = self.received.leaving(now_ms, message.body.len());
        let mut writes = vec![rows::keep(number, (&from, now_ms), &message)];
        writes.extend(leaving.iter().map(|number| rows::keep_no_more(*number)));
        self.commit(writes).await?;
        let bytes = message.body.len();
        let Message { id, application, .. } = message;
        self.received.leave(&leaving);
        self.received.insert(number, Kept { from, id, application, came_ms: now_ms, bytes });
        Ok(())
    }

    /// What was kept long enough leaves.
    pub(super) async fn forget_old(&mut self) -> Result<(), Failure> {
        let mut leaving = self.received.leaving(now_ms(), 0);
        leaving.retain(|number| *number + 1 < self.received.next_number());
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
        let first = self.received.kept.first_key_value().map_or(1, |(first, _)| *first);
        let missed = request.after + 1 < first;
        let Some(doors) = self.names.value::<StorageDoors>(names::ENGINE) else {
            let _ = reply.send(Err(unavailable()));
            return;
        };
        let names = self.names.clone();
        tokio::task::spawn_blocking(move || {
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
