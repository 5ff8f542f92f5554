//! Announces this node in the distributed hash table and looks there for peers that are not up. What is read
//! there is a hint, put behind all others. Nobody waits for it; a crash of it loses what was found, which is
//! found again.

mod looking;

use std::net::IpAddr;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_discovery::{HashTable, HashTableError, HashTableOptions};
use refuge_mesh::NodeId;
use refuge_otp::Names;
use tokio::time::Instant;

use self::looking::Looking;
use crate::configuration::CurrentSettings;
use crate::task::OwnedTask;
use crate::{mesh_listener, names, peer_dial, port_mapping};

/// Until the table is joined again: a machine without a network may get one.
const RETRY: Duration = Duration::from_secs(60);
/// Between two announcements: the table forgets within the hour.
const ANNOUNCED_EVERY: Duration = Duration::from_secs(15 * 60);
/// Until an announcement that was not taken is tried again.
const REFUSED: Duration = Duration::from_secs(30);
/// Between two looks at who is not up.
const LOOK: Duration = Duration::from_secs(1);

/// Messages of this actor: none.
#[derive(Debug)]
pub enum HashTableMessage {}

/// The actor.
#[derive(Default)]
pub struct HashTableActor;

/// The task that takes part; it ends with the actor.
pub struct HashTableState {
    _part: Option<OwnedTask>,
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
        let part = options(&names).map(|options| {
            OwnedTask::again(RETRY, move || {
                let (names, options) = (names.clone(), options.clone());
                async move {
                    let Err(error) = take_part(&names, options).await;
                    tracing::info!(%error, "the hash table is not asked");
                }
            })
        });
        Ok(HashTableState { _part: part })
    }
}

/// How the table is taken part in; none where it is not wanted.
fn options(names: &Names) -> Option<HashTableOptions> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION)?;
    let mesh = &current.settings.mesh;
    let first = mesh.dht_first.split(',').map(str::trim).filter(|one| !one.is_empty());
    let bind = match mesh.bind {
        IpAddr::V4(address) if !address.is_unspecified() => Some(address),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    };
    let first = first.map(str::to_owned).collect();
    mesh.dht.then_some(HashTableOptions { first, bind, port: mesh.dht_port })
}

async fn take_part(
    names: &Names,
    options: HashTableOptions,
) -> Result<std::convert::Infallible, HashTableError> {
    let own = peer_dial::identity(names).await.id;
    let listening = mesh_listener::listening(names).await;
    let table = HashTable::join(options).await?;
    tracing::info!("the node takes part in the hash table");
    let mut announcing = Announcing::default();
    let mut looking = Looking::default();
    loop {
        // Where a router maps a port, that one leads here.
        let outer = port_mapping::outer_address(names);
        let port = outer.map_or(listening, |address| address.port());
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
