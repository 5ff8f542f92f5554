//! The nodes that ask to be trusted, until an admin says what becomes of them. Held in memory: whoever
//! still wants it asks again.

mod meaning;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::node_id::NodeId;
use crate::origin::Origin;
use crate::peer::{Trust, clean_name};
use crate::peers::Peers;
pub use meaning::{Meant, SHORTEST_BEGINNING, Unclear};

/// From one address: a household has that many nodes to pair at once, a flood has more.
const MOST_FROM_ONE: usize = 3;
/// Of one kind of origin: more than a person looks through.
const MOST_OF_A_KIND: usize = 100;

/// A stranger about whom nobody decided for so long is missed by nobody, and whoever still wants it asks again.
const LONGEST_WAIT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// How a node came to ask. Each kind has room of its own, so that strangers keep no friend away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PendingKind {
    /// From the local network.
    Local,
    /// A trusted introducer vouches for it.
    Introduced,
    /// From anywhere.
    Elsewhere,
}

/// For whom one introducer vouches: it keeps no other's friends away.
const MOST_OF_ONE_INTRODUCER: usize = 20;

/// A node that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingPeer {
    /// Who.
    pub id: NodeId,
    /// What it calls itself, or what its introducer calls it: nothing to believe.
    pub name: String,
    /// Where it says that it listens.
    pub addresses: Vec<String>,
    /// Where it asked from; `None` for one that was introduced.
    pub from: Option<IpAddr>,
    /// Who vouches for it.
    pub introducer: Option<NodeId>,
    /// The groups that the introducer may give it.
    pub groups: Vec<String>,
    /// When it asked first, in milliseconds since 1970.
    pub since_ms: u64,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is pending from now on.
    Noted,
    /// It was already.
    Known,
}

/// Why a node is not even pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PendingRefusal {
    /// Several of its address are.
    #[error("{MOST_FROM_ONE} nodes of this address are waiting for an answer already")]
    TooManyFromOne,
    /// Its introducer vouches for too many.
    #[error(
        "{MOST_OF_ONE_INTRODUCER} nodes that this node introduced are waiting for an answer already"
    )]
    TooManyOfOneIntroducer,
    /// The list is full; the earlier stay.
    #[error("{MOST_OF_A_KIND} nodes are waiting for an answer already: try again later")]
    Full,
}

/// The list.
#[derive(Debug, Default)]
pub struct PendingList(BTreeMap<NodeId, PendingPeer>);

impl PendingPeer {
    /// How it came to ask.
    #[must_use]
    pub fn kind(&self) -> PendingKind {
        match self.from {
            _ if self.introducer.is_some() => PendingKind::Introduced,
            Some(address) if is_local(address) => PendingKind::Local,
            _ => PendingKind::Elsewhere,
        }
    }
}

impl PendingList {
    /// A node asks. One that is pending already gets its latest addresses and keeps its place; its
    /// introducer stays, since an introduction is worth more than a knock and the first more than the next.
    ///
    /// # Errors
    /// [`PendingRefusal`].
    pub fn ask(&mut self, mut asking: PendingPeer) -> Result<Asked, PendingRefusal> {
        asking.name = clean_name(&asking.name);
        let known = self.0.get(&asking.id).map(|known| known.introducer);
        match known {
            None => self.find_room(&asking)?,
            Some(None) if asking.introducer.is_some() => self.find_room(&asking)?,
            Some(_) => {}
        }
        let Some(known) = self.0.get_mut(&asking.id) else {
            self.0.insert(asking.id, asking);
            return Ok(Asked::Noted);
        };
        let PendingPeer { name, addresses, introducer, groups, from, .. } = asking;
        known.from = from.or(known.from);
        if known.introducer.is_none() || introducer == known.introducer {
            known.name = name;
            known.groups = groups;
            known.introducer = introducer;
            known.addresses = addresses;
        } else if introducer.is_none() {
            known.addresses = addresses;
        }
        Ok(Asked::Known)
    }

    fn find_room(&self, asking: &PendingPeer) -> Result<(), PendingRefusal> {
        let kind = asking.kind();
        let of_kind = || self.0.values().filter(|one| one.kind() == kind);
        if of_kind().count() >= MOST_OF_A_KIND {
            return Err(PendingRefusal::Full);
        }
        if kind == PendingKind::Introduced {
            let same = of_kind().filter(|one| one.introducer == asking.introducer);
            let many = same.count() >= MOST_OF_ONE_INTRODUCER;
            return if many { Err(PendingRefusal::TooManyOfOneIntroducer) } else { Ok(()) };
        }
        let origin = asking.from.map(Origin::of);
        let same = of_kind().filter(|one| one.from.map(Origin::of) == origin);
        if origin.is_some() && same.count() >= MOST_FROM_ONE {
            return Err(PendingRefusal::TooManyFromOne);
        }
        Ok(())
    }

    /// Trust is another now: nobody is pending on the word of a node that may not vouch for others (any
    /// more), unless it asked itself, and nobody with groups that its introducer may not give.
    pub fn judge_again(&mut self, peers: &Peers) {
        self.0.retain(|id, one| {
            // It asked while somebody said so.
            if peers.is_trusted(id) {
                return false;
            }
            let Some(introducer) = one.introducer else { return true };
            let introducer = peers.get(&introducer);
            match introducer.filter(|it| it.trust == Trust::Trusted && it.introducer) {
                Some(introducer) => {
                    one.groups.retain(|group| introducer.may_confer.contains(group));
                    true
                }
                None => {
                    one.introducer = None;
                    one.groups.clear();
                    one.from.is_some()
                }
            }
        });
    }

    /// Strangers that asked long ago leave, so that a list that somebody filled does not stay full. Those who
    /// were introduced have room of their own, and their introducer's word an end.
    pub fn forget_old(&mut self, now_ms: u64) {
        self.0.retain(|_, one| {
            one.introducer.is_some() || now_ms.saturating_sub(one.since_ms) < LONGEST_WAIT_MS
        });
    }

    /// Takes all from the list, the earliest first.
    pub fn take_all(&mut self) -> Vec<PendingPeer> {
        let mut all: Vec<PendingPeer> = std::mem::take(&mut self.0).into_values().collect();
        all.sort_by_key(|one| one.since_ms);
        all
    }

    /// Takes one from the list.
    pub fn take(&mut self, id: &NodeId) -> Option<PendingPeer> {
        self.0.remove(id)
    }

    /// One that asks.
    #[must_use]
    pub fn get(&self, id: &NodeId) -> Option<&PendingPeer> {
        self.0.get(id)
    }

    /// All that ask, the earliest first.
    #[must_use]
    pub fn all(&self) -> Vec<&PendingPeer> {
        let mut all: Vec<&PendingPeer> = self.0.values().collect();
        all.sort_by_key(|one| one.since_ms);
        all
    }
}

/// Whether an address is one of a network at home: it leads nowhere from the Internet.
fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unicast_link_local() || address.is_unique_local()
        }
    }
}

#[cfg(test)]
mod tests;
