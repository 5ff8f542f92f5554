//! Announces this node on the local network and notices others there. It begins when the node listens for
//! others, and not where it does so on one address of its own alone, which the network need not reach.
//! Nobody waits for it; a crash of it loses what was noticed, which is noticed again.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_discovery::{Announcement, LocalEvent, LocalNetwork};
use refuge_mesh::{AddressSource, NodeEventKind, NodeId};
use refuge_otp::Names;

use crate::address_book::AddressBookMessage;
use crate::configuration::CurrentSettings;
use crate::node_events::{NewNodeEvent, NodeEventsMessage};
use crate::task::OwnedTask;
use crate::{mesh_listener, names, peer_dial, peer_directory};

/// Until it is tried again: a machine without a network may get one.
const RETRY: Duration = Duration::from_secs(30);

/// Messages of this actor: none.
#[derive(Debug)]
pub enum LocalDiscoveryMessage {}

/// The actor.
#[derive(Default)]
pub struct LocalDiscoveryActor;

/// The task that listens; it ends with the actor.
pub struct LocalDiscoveryState {
    _listening: OwnedTask,
}

impl Actor for LocalDiscoveryActor {
    type Msg = LocalDiscoveryMessage;
    type State = LocalDiscoveryState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let listening = OwnedTask::spawn(async move {
            if !is_wanted(&names) {
                return;
            }
            loop {
                if let Err(error) = listen(&names).await {
                    tracing::info!(%error, "the local network is not looked at");
                }
                tokio::time::sleep(RETRY).await;
            }
        });
        Ok(LocalDiscoveryState { _listening: listening })
    }
}

fn is_wanted(names: &Names) -> bool {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    current.is_some_and(|current| {
        let mesh = &current.settings.mesh;
        mesh.local_discovery && mesh.bind.is_unspecified()
    })
}

async fn listen(names: &Names) -> Result<(), refuge_discovery::LocalNetworkError> {
    let own = peer_dial::identity(names).await;
    let port = mesh_listener::listening(names).await;
    let announcement = Announcement { id: own.id, name: crate::own_name(names), port };
    let mut network = LocalNetwork::start(&announcement)?;
    while let Some(event) = network.next().await {
        match event {
            LocalEvent::Found { id, addresses } => {
                let addresses = addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
                tell(names, NodeEventKind::Discovered, id, addresses.first().cloned());
                let source = AddressSource::LocalNetwork;
                let told = AddressBookMessage::Told { id, addresses, source };
                let _ = names.cast(names::ADDRESS_BOOK, told);
            }
            LocalEvent::Gone { id } => tell(names, NodeEventKind::Lost, id, None),
        }
    }
    Ok(())
}

/// Tells of peers alone: anybody on the network may call himself a thousand names.
fn tell(names: &Names, kind: NodeEventKind, id: NodeId, address: Option<String>) {
    let peers = peer_directory::peers(names);
    let Some(name) = peers.and_then(|peers| Some(peers.get(&id)?.name.clone())) else { return };
    let mut event = NewNodeEvent::new(kind, id, name);
    event.address = address;
    event.source = Some(AddressSource::LocalNetwork.as_str().to_owned());
    let _ = names.cast(names::NODE_EVENTS, NodeEventsMessage::Publish(event));
}
