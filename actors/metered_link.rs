//! Asks the system whether this machine's link is metered, while the document of a trusted peer says that
//! nothing is replicated with it over such a link (`"metered": false`), and tells the scheduler of
//! replications whenever the answer or those peers change. NetworkManager knows; it is asked with `busctl`,
//! a program of the system's. Where neither is there nobody tells, and no link counts as metered.
//!
//! Nobody waits for it. Until it was told for the first time, those peers are replicated with no more than
//! over a metered link, and so while it is restarted.

mod asking;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use refuge_mesh::{NodeId, Peers};
use refuge_otp::Names;
use refuge_replication::KeptOff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::peer_directory::{self, PeerBoard};
use crate::replication_scheduler::ReplicationSchedulerMessage;
use crate::task::OwnedTask;
use crate::{names, published};

/// Between two questions: replication goes on within a few seconds of a link that costs nothing, and a process
/// now and then is no burden.
const INTERVAL: Duration = Duration::from_secs(5);
/// Until a directory that went is looked for again, or a task that failed begins anew.
const RETRY: Duration = Duration::from_millis(200);

/// Messages of this actor: none.
#[derive(Debug)]
pub enum MeteredLinkMessage {}

/// The actor.
#[derive(Default)]
pub struct MeteredLinkActor;

/// The task that asks; it ends with the actor.
pub struct MeteredLinkState {
    _watching: OwnedTask,
}

/// What is known of the link; published under the actor's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkMeter {
    /// Nobody was asked yet.
    Unasked,
    /// Its bytes are counted, or it is thought that they are.
    Metered,
    /// They are not, or nobody tells.
    Unmetered,
}

/// Why nothing is replicated with a peer now; `None` where its document or the link lets it be.
pub(crate) fn keeps_off(names: &Names, peer: &NodeId) -> Option<KeptOff> {
    let peers = peer_directory::peers(names)?;
    if peers.get(peer).is_none_or(|peer| peer.metered) {
        return None;
    }
    match names.value::<LinkMeter>(names::METERED_LINK).as_deref() {
        Some(LinkMeter::Unmetered) => None,
        Some(LinkMeter::Metered) => Some(KeptOff::LinkMetered),
        None | Some(LinkMeter::Unasked) => Some(KeptOff::LinkUnknown),
    }
}

impl Actor for MeteredLinkActor {
    type Msg = MeteredLinkMessage;
    type State = MeteredLinkState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let owner = myself.get_cell();
        let watching = OwnedTask::again(RETRY, move || watch_link(names.clone(), owner.clone()));
        Ok(MeteredLinkState { _watching: watching })
    }
}

/// Ends when the directory is restarted: it is looked for again, however long it takes.
async fn watch_link(names: Names, owner: ActorCell) {
    let Ok(board) = published::<PeerBoard>(&names, names::PEER_DIRECTORY).await else { return };
    let mut board = board.watch();
    let mut told = None;
    let mut asked: Option<(Instant, LinkMeter)> = None;
    loop {
        let kept_off = kept_off(&board.borrow_and_update());
        let meter = match asked {
            _ if kept_off.is_empty() => None,
            Some((at, meter)) if at.elapsed() < INTERVAL => Some(meter),
            _ => {
                // A bus that is slow for once opens no link that costs.
                let before = asked.map_or(LinkMeter::Unmetered, |(_, meter)| meter);
                let meter = asking::ask().await.unwrap_or(before);
                asked = Some((Instant::now(), meter));
                Some(meter)
            }
        };
        asked = asked.filter(|_| meter.is_some());
        let now = (kept_off, meter.unwrap_or(LinkMeter::Unasked));
        if told.as_ref() != Some(&now) {
            tell(&names, &owner, now.1);
            told = Some(now);
        }
        if !changed(&mut board, asked.map(|(at, _)| at + INTERVAL)).await {
            return;
        }
    }
}

/// Waits until the peers change or somebody is to be asked again; whether there are peers yet.
async fn changed(board: &mut watch::Receiver<Arc<Peers>>, next: Option<Instant>) -> bool {
    let Some(next) = next else { return board.changed().await.is_ok() };
    tokio::select! {
        changed = board.changed() => changed.is_ok(),
        () = tokio::time::sleep_until(next) => true,
    }
}

/// Those whose documents say that a metered link is not for them.
fn kept_off(peers: &Peers) -> BTreeSet<NodeId> {
    peers.trusted().filter(|peer| !peer.metered).map(|peer| peer.id).collect()
}

fn tell(names: &Names, owner: &ActorCell, meter: LinkMeter) {
    let before = names.value::<LinkMeter>(names::METERED_LINK);
    match (before.as_deref(), meter) {
        (Some(LinkMeter::Metered), LinkMeter::Unmetered) => {
            tracing::info!("the link is not metered any more");
        }
        (before, LinkMeter::Metered) if before != Some(&LinkMeter::Metered) => {
            tracing::info!(
                "the link is metered: replication waits where a peer's document says so"
            );
        }
        _ => {}
    }
    names.publish(owner, names::METERED_LINK, Arc::new(meter));
    // One that is being restarted begins with what is published.
    let _ = names.cast(names::REPLICATION_SCHEDULER, ReplicationSchedulerMessage::LinkChanged);
}
