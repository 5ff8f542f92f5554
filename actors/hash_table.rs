//! Announces this node in the distributed hash table and looks there for peers that are not up. What is read
//! there is a hint, put behind all others. Nobody waits for it; a crash of it loses what was found, which is
//! found again. Told by: the configuration.

mod looking;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_discovery::{HashTable, HashTableError, HashTableOptions};
use refuge_mesh::NodeId;
use refuge_otp::Names;
use tokio::sync::watch;
use tokio::time::Instant;

use self::looking::Looking;
use crate::configuration::CurrentSettings;
use crate::task::{self, OwnedTask};
use crate::{mesh_listener, names, peer_dial, port_mapping};

/// Until the table is joined again: a machine without a network may get one.
const RETRY: Duration = Duration::from_secs(60);
/// Between two announcements: the table forgets within the hour.
const ANNOUNCED_EVERY: Duration = Duration::from_secs(15 * 60);
/// Until an announcement that was not taken is tried again.
const REFUSED: Duration = Duration::from_secs(30);
/// Between two looks at who is not up.
const LOOK: Duration = Duration::from_secs(1);

/// Messages of this actor.
#[derive(Debug)]
pub enum HashTableMessage {
    /// The settings were read, and may be others.
    Settings,
}

/// The actor.
#[derive(Default)]
pub struct HashTableActor;

/// The task that takes part; it ends with the actor.
pub struct HashTableState {
    names: Names,
    wanted: watch::Sender<Option<Wanted>>,
    _part: OwnedTask,
}

/// How the table is taken part in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// `host:port` of those that are asked first.
    first: Vec<String>,
    /// The port to speak from; 0 picks a free one.
    port: u16,
}

impl Actor for HashTableActor {
    type Msg = HashTableMessage;
    type State = HashTableState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let (wanted, receiver) = watch::channel(wanted(&names));
        let told = names.clone();
        let part = OwnedTask::again(RETRY, move || {
            let names = told.clone();
            task::follow(receiver.clone(), move |wanted| take_part_again(names.clone(), wanted))
        });
        Ok(HashTableState { names, wanted, _part: part })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HashTableMessage::Settings => task::want(&state.wanted, wanted(&state.names)),
        }
        Ok(())
    }
}

/// None where it is not wanted.
fn wanted(names: &Names) -> Option<Wanted> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION)?;
    let mesh = &current.settings.mesh;
    let first = mesh.dht_first.split(',').map(str::trim).filter(|one| !one.is_empty());
    let first = first.map(str::to_owned).collect();
    mesh.dht.then_some(Wanted { first, port: mesh.dht_port })
}

/// Speaks from the address that the node listens on, where that is one alone.
fn options(wanted: Wanted, listening: SocketAddr) -> HashTableOptions {
    let bind = match listening.ip() {
        IpAddr::V4(address) if !address.is_unspecified() => Some(address),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    };
    HashTableOptions { first: wanted.first, bind, port: wanted.port }
}

/// Takes part for as long as this is wanted.
async fn take_part_again(names: Names, wanted: Option<Wanted>) {
    let Some(wanted) = wanted else { return };
    let mut is_first = true;
    loop {
        let Err(error) = take_part(&names, wanted.clone()).await;
        tracing::info!(%error, "the hash table is not asked");
        // The thread of the part before, which other settings ended, may still hold the port.
        let is_taken = matches!(error, HashTableError::Socket(_));
        let rest = if std::mem::take(&mut is_first) && is_taken { LOOK } else { RETRY };
        tokio::time::sleep(rest).await;
    }
}

async fn take_part(
    names: &Names,
    wanted: Wanted,
) -> Result<std::convert::Infallible, HashTableError> {
    let own = peer_dial::identity(names).await.id;
    let listening = mesh_listener::listening_on(names).await;
    let table = HashTable::join(options(wanted, listening)).await?;
    tracing::info!("the node takes part in the hash table");
    let mut announcing = Announcing::default();
    let mut looking = Looking::default();
    loop {
        // Where a router maps a port, that one leads here.
        let outer = port_mapping::outer_address(names);
        let port = outer.unwrap_or(listening).port();
        announcing.when_due(&table, &own, port).await;
        looking.at_those_who_are_due(&table, names).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// When and what is announced next.
#[derive(Default)]
struct Announcing {
    /// The port that was announced, and until when that holds.
    last: Option<(u16, Instant)>,
}

impl Announcing {
    async fn when_due(&mut self, table: &HashTable, own: &NodeId, port: u16) {
        if self.last.is_some_and(|(last, until)| last == port && Instant::now() < until) {
            return;
        }
        let holds = match table.announce(own, port).await {
            Ok(()) => ANNOUNCED_EVERY,
            Err(error) => {
                tracing::info!(%error, "this node is not announced");
                REFUSED
            }
        };
        self.last = Some((port, Instant::now() + holds));
    }
}
