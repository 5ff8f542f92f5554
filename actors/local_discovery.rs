//! Announces this node on the local network and notices others there. It begins when the node listens for
//! others, and not where it does so on one address of its own alone, which the network need not reach.
//! Nobody waits for it; a crash of it loses what was noticed, which is noticed again.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_discovery::{Announcement, LocalEvent, LocalNetwork, LocalNetworkError, Speaker};
use refuge_mesh::{AddressSource, NodeId, Peers};
use refuge_otp::Names;

use crate::configuration::CurrentSettings;
use crate::task::OwnedTask;
use crate::{address_book, mesh_listener, names, peer_dial, peer_directory};

/// Until it is tried again: a machine without a network may get one.
const RETRY: Duration = Duration::from_secs(30);

/// Messages of this actor: none.
#[derive(Debug)]
pub enum LocalDiscoveryMessage {}

/// The actor.
#[derive(Default)]
pub struct LocalDiscoveryActor;

/// Who speaks multicast DNS for this node now, where somebody does; published under the actor's name.
#[derive(Default)]
struct Speaking(Mutex<Option<Speaker>>);

/// Who announces this node on the local network now: `system` for its service, or `node`.
pub(crate) fn speaker(names: &Names) -> Option<&'static str> {
    let speaking = names.value::<Speaking>(names::LOCAL_DISCOVERY)?;
    let speaker = *speaking.0.lock().unwrap_or_else(PoisonError::into_inner);
    speaker.map(|speaker| match speaker {
        Speaker::System => "system",
        Speaker::Node => "node",
    })
}

impl Speaking {
    fn now(&self, speaker: Option<Speaker>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = speaker;
    }
}

/// The task that listens; it ends with the actor.
pub struct LocalDiscoveryState {
    _listening: Option<OwnedTask>,
}

impl Actor for LocalDiscoveryActor {
    type Msg = LocalDiscoveryMessage;
    type State = LocalDiscoveryState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let Some(first) = wanted(&names) else {
            return Ok(LocalDiscoveryState { _listening: None });
        };
        let speaking = Arc::new(Speaking::default());
        names.publish(&myself.get_cell(), names::LOCAL_DISCOVERY, Arc::clone(&speaking));
        let mut next = first;
        let listening = OwnedTask::again(RETRY, move || {
            // Once the service failed, the node speaks for itself until this actor is started again.
            let first = std::mem::replace(&mut next, Speaker::Node);
            let (names, speaking) = (names.clone(), Arc::clone(&speaking));
            async move {
                if first == Speaker::System {
                    told(listen(&names, &speaking, first).await);
                }
                told(listen(&names, &speaking, Speaker::Node).await);
                speaking.now(None);
            }
        });
        Ok(LocalDiscoveryState { _listening: Some(listening) })
    }
}

/// Who is to speak first; nobody where it is not wanted.
fn wanted(names: &Names) -> Option<Speaker> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION)?;
    let mesh = &current.settings.mesh;
    let is_wanted = mesh.local_discovery && mesh.bind.is_unspecified();
    is_wanted.then_some(if mesh.system_dns_sd { Speaker::System } else { Speaker::Node })
}

fn told(ended: Result<(), LocalNetworkError>) {
    match ended {
        Ok(()) => tracing::info!("the local network is not looked at any more"),
        // The usual case of a machine without such a service.
        Err(error @ LocalNetworkError::Service(_)) => {
            tracing::debug!(%error, "the node speaks multicast DNS itself");
        }
        Err(error) => tracing::info!(%error, "the local network is not looked at"),
    }
}

async fn listen(
    names: &Names,
    speaking: &Speaking,
    speaker: Speaker,
) -> Result<(), LocalNetworkError> {
    speaking.now(None);
    let own = peer_dial::identity(names).await;
    let port = mesh_listener::listening(names).await;
    let announcement = Announcement { id: own.id, name: crate::own_name(names), port };
    let mut network = LocalNetwork::start(&announcement, speaker).await?;
    tracing::info!(?speaker, "the node is announced on the local network");
    speaking.now(Some(speaker));
    follow(names, &mut network).await;
    Ok(())
}

/// Tells of peers that come, and of nodes that are there already when they become peers; until whoever
/// speaks has ended.
async fn follow(names: &Names, network: &mut LocalNetwork) {
    let source = AddressSource::LocalNetwork;
    let mut told = BTreeSet::new();
    loop {
        let here: Vec<NodeId> = network.nodes().collect();
        let peers_here = |peers: &Peers| -> BTreeSet<NodeId> {
            here.iter().filter(|id| peers.is_trusted(id)).copied().collect()
        };
        tokio::select! {
            event = network.next() => match event {
                Some(LocalEvent::Found { id, addresses }) => {
                    address_book::discovered(names, id, texts(&addresses), source);
                    if peer_directory::peers(names).is_some_and(|peers| peers.is_trusted(&id)) {
                        told.insert(id);
                    }
                }
                Some(LocalEvent::Gone { id }) => {
                    address_book::lost(names, id, source);
                    told.remove(&id);
                }
                None => return,
            },
            () = peer_directory::until(names, |peers| peers_here(peers) != told) => {
                let now = peer_directory::peers(names);
                let now = now.map(|peers| peers_here(&peers)).unwrap_or_default();
                for id in now.difference(&told) {
                    let addresses = texts(&network.addresses(id));
                    address_book::discovered(names, *id, addresses, source);
                }
                told = now;
            }
        }
    }
}

fn texts(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}
