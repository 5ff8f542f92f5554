//! Messages to other nodes: kept, sent while the node is up, sent again where no receipt came, and given
//! up.

use refuge_http::{Failure, NewMessage};
use refuge_mesh::{Frame, Message, NodeId, OutboxRefusal, Receipt, Selector};
use refuge_otp::Names;
use serde_json::{Value, json};

use super::rows::WaitingRow;
use super::{MessagesState, rows};
use crate::node_monitor::NodesUp;
use crate::node_service::disk_is_nearly_full;
use crate::peer_directory;
use crate::peer_link::PeerLinkMessage;
use crate::{names, now_ms, unavailable};

impl MessagesState {
    /// The nodes that are up.
    pub(super) fn up(&self) -> Vec<NodeId> {
        let up = self.names.value::<NodesUp>(names::NODE_MONITOR);
        up.map(|nodes| nodes.up.iter().map(|node| node.id).collect()).unwrap_or_default()
    }

    /// Takes what waits from its rows.
    pub(super) fn wait_again(&mut self, waiting: Vec<WaitingRow>) {
        (self.outbox, self.next_number) = (refuge_mesh::Outbox::default(), 0);
        self.numbers.clear();
        for WaitingRow { node, number, message } in waiting {
            self.next_number = self.next_number.max(number + 1);
            self.numbers.insert((node, message.id), number);
            let posted = self.outbox.post(node, message);
            if let Err(refusal) = posted {
                tracing::error!(peer = %node, %refusal, "a message that waited cannot be sent");
            }
        }
    }

    /// An application sends.
    pub(super) async fn send(&mut self, wish: NewMessage) -> Result<Value, Failure> {
        self.give_up().await?;
        if disk_is_nearly_full(&self.names) {
            let reason = "the disk is nearly full: no message is taken before there is room again";
            return Err(Failure::InsufficientStorage(reason.to_owned()));
        }
        let NewMessage { to, application, body } = wish;
        let nodes = meant(&self.names, &to)?;
        let id = rand::random();
        let message = Message { id, application, body, sent_ms: now_ms() };
        let (mut writes, mut posted, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for node in nodes {
            match self.outbox.post(node, message.clone()) {
                Ok(()) => {
                    writes.push(rows::wait(&node, self.next_number, &message));
                    self.numbers.insert((node, id), self.next_number);
                    self.next_number += 1;
                    posted.push(node);
                }
                Err(refusal) => refused.push((node, refusal)),
            }
        }
        if let (true, Some((_, refusal))) = (posted.is_empty(), refused.first()) {
            return Err(failure(refusal));
        }
        self.commit(writes).await?;
        for node in &posted {
            self.send_next(*node);
        }
        let refused = refused.iter().map(
            |(node, refusal)| json!({ "node": node.to_string(), "reason": refusal.to_string() }),
        );
        Ok(json!({
            "ok": true,
            "id": message.id_text(),
            "to": posted.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "refused": refused.collect::<Vec<_>>(),
        }))
    }

    /// What was under way may be lost with the link before.
    pub(super) fn link_made(&mut self, node: NodeId, link: u64) {
        if self.links.insert(node, link) != Some(link) {
            self.outbox.link_made(&node);
        }
        self.send_next(node);
    }

    /// A node says what became of a message.
    pub(super) async fn acknowledged(&mut self, from: NodeId, receipt: Receipt) {
        let Receipt { id, refused } = receipt;
        if !self.outbox.acknowledged(&from, &id) {
            return;
        }
        if let Some(reason) = refused {
            tracing::warn!(peer = %from, reason, "a node does not take a message: it is given up");
        }
        if let Some(number) = self.numbers.remove(&(from, id))
            && let Err(failure) = self.commit(vec![rows::wait_no_more(&from, number)]).await
        {
            // It is sent once more, and passed over there.
            tracing::debug!(peer = %from, %failure, "a receipt was not noted");
        }
        self.send_next(from);
    }

    /// Sends what may be under way to a node that is up, what no receipt came for again.
    pub(super) fn send_next(&mut self, node: NodeId) {
        if !self.up().contains(&node) {
            return;
        }
        let name = names::peer_link(node);
        let Some(&link) = self.links.get(&node) else {
            let _ = self.names.cast(&name, PeerLinkMessage::ReportLink);
            return;
        };
        for message in self.outbox.next(now_ms(), &node) {
            let frame = Frame::Message(Box::new(message));
            // Where it gets lost no receipt comes.
            let _ = self.names.cast(&name, PeerLinkMessage::TellOver { link, frame });
        }
    }

    /// Sends again what no receipt came for, and what could not be sent yet.
    pub(super) fn repeat(&mut self) {
        for node in self.up() {
            self.send_next(node);
        }
    }

    /// Gives up what nobody took for too long.
    pub(super) async fn give_up(&mut self) -> Result<(), Failure> {
        let given_up = self.outbox.give_up(now_ms(), self.steady_ms());
        for (node, _) in &given_up {
            tracing::warn!(peer = %node, "a message is given up: the node did not come up in time");
        }
        let numbers = given_up.iter().filter_map(|(node, id)| {
            let number = self.numbers.remove(&(*node, *id))?;
            Some(rows::wait_no_more(node, number))
        });
        let writes = numbers.collect();
        self.commit(writes).await
    }

    /// Nothing is for a node that is trusted no more, unless it is another now.
    pub(super) async fn follow_trust(&mut self) -> Result<(), Failure> {
        let Some(peers) = peer_directory::peers(&self.names) else { return Ok(()) };
        self.links.retain(|node, _| peers.is_trusted(node));
        let distrusted = self.outbox.nodes().filter(|node| !peers.is_trusted(node)).copied();
        for node in distrusted.collect::<Vec<_>>() {
            let heir = peers.heir(&node);
            self.hand_over(node, heir.map(|heir| heir.id)).await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, node: NodeId, heir: Option<NodeId>) -> Result<(), Failure> {
        let mut writes = Vec::new();
        let messages = if heir.is_some() { self.outbox.all(&node) } else { Vec::new() };
        for id in self.outbox.forget(&node) {
            let number = self.numbers.remove(&(node, id));
            writes.extend(number.map(|number| rows::wait_no_more(&node, number)));
        }
        for (message, heir) in messages.into_iter().zip(std::iter::repeat(heir).flatten()) {
            if let Err(refusal) = self.outbox.post(heir, message.clone()) {
                tracing::warn!(peer = %heir, %refusal, "a message is not handed over");
                continue;
            }
            writes.push(rows::wait(&heir, self.next_number, &message));
            self.numbers.insert((heir, message.id), self.next_number);
            self.next_number += 1;
        }
        self.commit(writes).await?;
        if let Some(heir) = heir {
            self.send_next(heir);
        }
        Ok(())
    }
}

/// The trusted nodes that are meant.
fn meant(names: &Names, to: &str) -> Result<Vec<NodeId>, Failure> {
    let peers = peer_directory::peers(names).ok_or_else(unavailable)?;
    let selector = Selector::parse(to).map_err(|error| Failure::BadRequest(error.to_string()))?;
    let nodes = peers.resolve(&selector);
    if nodes.is_empty() {
        return Err(Failure::NotFound(format!("no trusted node is known as {to:?}")));
    }
    Ok(nodes)
}

fn failure(refusal: &OutboxRefusal) -> Failure {
    let reason = refusal.to_string();
    match refusal {
        OutboxRefusal::Application | OutboxRefusal::TooDeep(_) => Failure::BadRequest(reason),
        OutboxRefusal::TooLong(_) => Failure::TooLarge { error: "message_too_large", reason },
        OutboxRefusal::Full | OutboxRefusal::FullOfBytes => {
            Failure::TooMany { error: "too_many_messages", reason, retry_after: None }
        }
    }
}
