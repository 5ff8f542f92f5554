//! Announces this node on the local network and notices others there. It begins when the node listens for
//! others, and not where it does so on one address of its own alone, which the network need not reach.
//! Nobody waits for it; a crash of it loses what was noticed, which is noticed again. Told by: the configuration.

mod telling;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_discovery::{Announcement, LocalNetwork, LocalNetworkError, Speaker, VERSION};
use refuge_mesh::{AddressSource, ForeignVersion, NodeId, Peers};
use refuge_otp::Names;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::configuration::CurrentSettings;
use crate::peer_directory::{self, PeerBoard};
use crate::task::OwnedTask;
use crate::{address_book, mesh_listener, names, peer_dial, published};
use telling::{Here, News, REST, Telling};

/// Until it is tried again: a machine without a network may get one.
const RETRY: Duration = Duration::from_secs(30);
/// Who tells the book of addresses.
const SOURCE: AddressSource = AddressSource::LocalNetwork;

/// Messages of this actor.
#[derive(Debug)]
pub enum LocalDiscoveryMessage {
    /// The settings were read, and may be others.
    Settings,
}

/// The actor.
#[derive(Default)]
pub struct LocalDiscoveryActor;

/// What others of this node may know of the network; published under the actor's name.
#[derive(Default)]
struct Speaking(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    /// Who speaks multicast DNS for this node now, where somebody does.
    speaker: Option<Speaker>,
    /// The peers that announce themselves in another version, and in which.
    foreign: BTreeMap<NodeId, String>,
}

/// Who announces this node on the local network now: `system` for its service, or `node`.
pub(crate) fn speaker(names: &Names) -> Option<&'static str> {
    let speaking = names.value::<Speaking>(names::LOCAL_DISCOVERY)?;
    let speaker = speaking.heard().speaker;
    speaker.map(|speaker| match speaker {
        Speaker::System => "system",
        Speaker::Node => "node",
    })
}

/// Whether a peer is there that announces itself in another version, and in which.
pub(crate) fn foreign_version(names: &Names, id: &NodeId) -> Option<ForeignVersion> {
    let speaking = names.value::<Speaking>(names::LOCAL_DISCOVERY)?;
    let theirs = speaking.heard().foreign.get(id)?.clone();
    Some(ForeignVersion { theirs, ours: VERSION })
}

impl Speaking {
    /// Another speaks, who has heard nothing yet.
    fn now(&self, speaker: Option<Speaker>) {
        *self.heard() = Heard { speaker, foreign: BTreeMap::new() };
    }

    /// Who of the peers announces himself in another version now.
    fn note_foreign(&self, names: &Names, network: &LocalNetwork) {
        let Some(peers) = peer_directory::peers(names) else { return };
        let foreign = network.foreign().filter(|(id, _)| peers.is_trusted(id));
        let foreign = foreign.map(|(id, version)| (id, version.to_owned())).collect();
        self.heard().foreign = foreign;
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that listens, as it is wanted; it ends with the actor.
pub struct LocalDiscoveryState {
    names: Names,
    speaking: Arc<Speaking>,
    wanted: Option<Wanted>,
    _listening: Option<OwnedTask>,
}

/// How it is listened.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// Who is to speak first.
    first: Speaker,
    /// What the node calls itself.
    name: String,
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
        let speaking = Arc::new(Speaking::default());
        names.publish(&myself.get_cell(), names::LOCAL_DISCOVERY, Arc::clone(&speaking));
        let mut state = LocalDiscoveryState { names, speaking, wanted: None, _listening: None };
        state.follow_settings();
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LocalDiscoveryMessage::Settings => state.follow_settings(),
        }
        Ok(())
    }
}

impl LocalDiscoveryState {
    /// Begins, ends, or begins anew, as it is wanted now.
    fn follow_settings(&mut self) {
        let wanted = wanted(&self.names);
        if wanted == self.wanted {
            return;
        }
        // The former says goodbye before another speaks.
        self._listening = None;
        self.speaking.now(None);
        self._listening = wanted.clone().map(|wanted| self.listening(wanted));
        self.wanted = wanted;
    }

    fn listening(&self, wanted: Wanted) -> OwnedTask {
        let (names, speaking) = (self.names.clone(), Arc::clone(&self.speaking));
        let Wanted { first: mut next, name } = wanted;
        OwnedTask::again(RETRY, move || {
            // Once the service failed, the node speaks for itself until this actor is started again.
            let first = std::mem::replace(&mut next, Speaker::Node);
            let (names, speaking, name) = (names.clone(), Arc::clone(&speaking), name.clone());
            async move {
                if first == Speaker::System {
                    told(listen(&names, &speaking, (first, &name)).await);
                }
                told(listen(&names, &speaking, (Speaker::Node, &name)).await);
                speaking.now(None);
            }
        })
    }
}

/// How it is to be listened; none where it is not wanted.
fn wanted(names: &Names) -> Option<Wanted> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION)?;
    let mesh = &current.settings.mesh;
    let first = if mesh.system_dns_sd { Speaker::System } else { Speaker::Node };
    mesh.local_discovery.then(|| Wanted { first, name: crate::own_name(names) })
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
    (speaker, name): (Speaker, &str),
) -> Result<(), LocalNetworkError> {
    speaking.now(None);
    let own = peer_dial::identity(names).await;
    let address = mesh_listener::listening_on(names).await;
    if !address.ip().is_unspecified() {
        // The socket is bound once: it stays so as long as the node runs, whatever is set since.
        return std::future::pending().await;
    }
    let announcement = Announcement { id: own.id, name: name.to_owned(), port: address.port() };
    let mut network = LocalNetwork::start(&announcement, speaker).await?;
    tracing::info!(?speaker, "the node is announced on the local network");
    speaking.now(Some(speaker));
    follow(names, &mut network, speaking).await;
    Ok(())
}

/// Tells of peers that come and go, and of nodes that are there already when they become peers; until whoever
/// speaks has ended. However much it says, it is looked at after a rest.
async fn follow(names: &Names, network: &mut LocalNetwork, speaking: &Speaking) {
    let started = Instant::now();
    let mut telling = Telling::default();
    let mut watch = peer_watch(names).await;
    let mut next_look = None;
    let mut looked: Option<Instant> = None;
    loop {
        let at = next_look;
        let due = async move {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        // What is new after a rest is looked at at once.
        let soon = looked.map_or(started, |looked| looked + REST);
        tokio::select! {
            () = due => {
                looked = Some(Instant::now());
                speaking.note_foreign(names, network);
                let waits = tell(names, network, (&mut telling, started));
                next_look = waits.then(|| Instant::now() + REST);
            }
            heard = network.next() => match heard {
                Some(_) => next_look = next_look.or(Some(soon)),
                None => return,
            },
            changed = watch.changed() => {
                if changed.is_err() {
                    watch = peer_watch(names).await;
                }
                // At once: one that is a peer again before the next look is told of anew.
                let peers = Arc::clone(&watch.borrow_and_update());
                telling.forget_all_but(|id| peers.is_trusted(id));
                next_look = next_look.or(Some(soon));
            }
        }
    }
}

/// A view of the peers, over restarts of their directory.
async fn peer_watch(names: &Names) -> watch::Receiver<Arc<Peers>> {
    loop {
        if let Ok(board) = published::<PeerBoard>(names, names::PEER_DIRECTORY).await {
            return board.watch();
        }
    }
}

/// Tells what is new; whether more has to wait.
fn tell(
    names: &Names,
    network: &LocalNetwork,
    (telling, started): (&mut Telling, Instant),
) -> bool {
    // While the directory is restarted nobody is known to be a peer, or not to be one any more.
    let Some(peers) = peer_directory::peers(names) else { return true };
    let is_peer = |id: &NodeId| peers.is_trusted(id);
    let mut here = Here::new();
    for (id, addresses) in network.nodes().filter(|(id, _)| is_peer(id)) {
        here.entry(id).or_default().extend_from_slice(addresses);
    }
    let now_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (news, waits) = telling.next(now_ms, &here, is_peer);
    for one in news {
        match one {
            News::Found(id, addresses) => {
                let addresses = addresses.iter().map(ToString::to_string).collect();
                address_book::discovered(names, id, addresses, SOURCE);
            }
            News::Gone(id) => address_book::lost(names, id, SOURCE),
        }
    }
    waits
}
