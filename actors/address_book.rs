//! Holds the book of addresses that were found rather than written down, and publishes it for whoever
//! dials. Told by: discovery, and dials of what came of an address. A restart loses the book;
//! discovery tells it of what is new from then on.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_mesh::{AddressBook, AddressSource, BookedAddress, NodeEventKind, NodeId};
use refuge_otp::Names;
use tokio::sync::watch;

use crate::node_events::{NewNodeEvent, NodeEventsMessage};
use crate::peer_link::PeerLinkMessage;
use crate::{names, peer_directory};

/// Messages of the book.
pub enum AddressBookMessage {
    /// Somebody tells where a node is.
    Told {
        /// Which.
        id: NodeId,
        /// `host:port`.
        addresses: Vec<String>,
        /// Who tells.
        source: AddressSource,
    },
    /// An address led to its node.
    Worked {
        /// Which.
        id: NodeId,
        /// `host:port`.
        address: String,
    },
    /// Addresses did not lead to their node.
    Failed {
        /// Which.
        id: NodeId,
        /// `host:port`.
        addresses: Vec<String>,
    },
}

/// The book as it is now; published under the actor's name.
struct AddressBoard(watch::Receiver<Arc<AddressBook>>);

/// The actor.
#[derive(Default)]
pub struct AddressBookActor;

/// The book.
pub struct AddressBookState {
    names: Names,
    board: watch::Sender<Arc<AddressBook>>,
}

/// The addresses that were found of a node, the best first.
pub(crate) fn found(names: &Names, id: &NodeId) -> Vec<BookedAddress> {
    let board = names.value::<AddressBoard>(names::ADDRESS_BOOK);
    let book = board.map(|board| Arc::clone(&board.0.borrow()));
    book.map(|book| book.of(crate::now_ms(), id)).unwrap_or_default()
}

/// A way to find nodes found one: whoever wants to know hears of it, and the book.
pub(crate) fn discovered(names: &Names, id: NodeId, addresses: Vec<String>, source: AddressSource) {
    event(names, NodeEventKind::Discovered, id, (addresses.first().cloned(), source));
    let _ = names.cast(names::ADDRESS_BOOK, AddressBookMessage::Told { id, addresses, source });
}

/// A way to find nodes lost one that it had found.
pub(crate) fn lost(names: &Names, id: NodeId, source: AddressSource) {
    event(names, NodeEventKind::Lost, id, (None, source));
}

/// Tells of peers alone: anybody may call himself a thousand names.
fn event(
    names: &Names,
    kind: NodeEventKind,
    id: NodeId,
    (address, source): (Option<String>, AddressSource),
) {
    let peers = peer_directory::peers(names);
    let Some(name) = peers.and_then(|peers| Some(peers.get(&id)?.name.clone())) else { return };
    let mut event = NewNodeEvent::new(kind, id, name);
    event.address = address;
    event.source = Some(source.as_str().to_owned());
    let _ = names.cast(names::NODE_EVENTS, NodeEventsMessage::Publish(event));
}

/// Tells the book what came of dialling a node: the address that worked, or all those that did not.
pub(crate) fn tried(names: &Names, id: NodeId, outcome: Result<&str, Vec<String>>) {
    let message = match outcome {
        Ok(address) => AddressBookMessage::Worked { id, address: address.to_owned() },
        Err(addresses) => AddressBookMessage::Failed { id, addresses },
    };
    // While it is being restarted it knows none of them.
    let _ = names.cast(names::ADDRESS_BOOK, message);
}

impl Actor for AddressBookActor {
    type Msg = AddressBookMessage;
    type State = AddressBookState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let (board, current) = watch::channel(Arc::new(AddressBook::default()));
        names.publish(&myself.get_cell(), names::ADDRESS_BOOK, Arc::new(AddressBoard(current)));
        Ok(AddressBookState { names, board })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AddressBookMessage::Told { id, addresses, source } => {
                state.told(id, &addresses, source);
            }
            AddressBookMessage::Worked { id, address } => {
                state.change(|book, now_ms| book.worked(now_ms, &id, &address));
            }
            AddressBookMessage::Failed { id, addresses } => state.change(|book, _| {
                for address in &addresses {
                    book.failed(&id, address);
                }
            }),
        }
        Ok(())
    }
}

impl AddressBookState {
    /// Only of peers: whoever announces thousands of strangers fills no book.
    fn told(&self, id: NodeId, addresses: &[String], source: AddressSource) {
        let Some(peers) = peer_directory::peers(&self.names) else { return };
        if !peers.is_trusted(&id) {
            return;
        }
        self.change(|book, now_ms| {
            // Those who are no peers any more take no room from those who are.
            book.keep(now_ms, |node| peers.is_trusted(node));
            for address in addresses {
                book.told(now_ms, id, (address, source));
            }
        });
        // One that is not linked to is dialled at once.
        let _ = self.names.cast(&names::peer_link(id), PeerLinkMessage::Addresses);
    }

    /// The one writer. Nobody keeps a book for longer than a look, so that it is hardly ever copied.
    fn change(&self, change: impl FnOnce(&mut AddressBook, u64)) {
        self.board.send_modify(|book| change(Arc::make_mut(book), crate::now_ms()));
    }
}
