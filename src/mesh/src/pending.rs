//! The nodes that ask to be trusted, until an admin says what becomes of them. Held in memory: whoever
//! still wants it asks again.

mod meaning;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::node_id::NodeId;
use crate::origin::Origin;
use crate::peer::clean_name;
pub use meaning::{Meant, Unclear};

/// From one address: a household has that many nodes to pair at once, a flood has more.
const MOST_FROM_ONE: usize = 3;
/// Of one kind of origin: more than a person looks through.
const MOST_OF_A_KIND: usize = 100;

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
    /// introducer stays, since an introduction is worth more than a knock.
    ///
    /// # Errors
    /// [`PendingRefusal`].
    pub fn ask(&mut self, mut asking: PendingPeer) -> Result<Asked, PendingRefusal> {
        asking.name = clean_name(&asking.name);
        if let Some(known) = self.0.get_mut(&asking.id) {
            let PendingPeer { name, addresses, introducer, groups, from, .. } = asking;
            if known.introducer.is_none() || introducer.is_some() {
                known.name = name;
                known.groups = groups;
                known.introducer = introducer;
            }
            known.addresses = addresses;
            known.from = from.or(known.from);
            return Ok(Asked::Known);
        }
        let kind = asking.kind();
        let of_kind = self.0.values().filter(|one| one.kind() == kind).count();
        if of_kind >= MOST_OF_A_KIND {
            return Err(PendingRefusal::Full);
        }
        if kind != PendingKind::Introduced
            && let Some(origin) = asking.from.map(Origin::of)
        {
            let same =
                |one: &&PendingPeer| one.kind() == kind && one.from.map(Origin::of) == Some(origin);
            if self.0.values().filter(same).count() >= MOST_FROM_ONE {
                return Err(PendingRefusal::TooManyFromOne);
            }
        }
        self.0.insert(asking.id, asking);
        Ok(Asked::Noted)
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
mod tests {
    use super::*;

    fn asking(number: u16, from: &str) -> PendingPeer {
        let mut digest = [0; 32];
        digest[..2].copy_from_slice(&number.to_be_bytes());
        PendingPeer {
            id: NodeId::from_digest(digest),
            name: "somebody".to_owned(),
            addresses: Vec::new(),
            from: from.parse().ok(),
            introducer: None,
            groups: Vec::new(),
            since_ms: u64::from(number),
        }
    }

    fn introduced(number: u16) -> PendingPeer {
        let introducer = Some(NodeId::from_digest([9; 32]));
        PendingPeer { introducer, ..asking(number, "") }
    }

    #[test]
    fn three_of_one_address_may_wait() {
        let mut list = PendingList::default();
        for number in 0..3 {
            assert_eq!(list.ask(asking(number, "203.0.113.1")), Ok(Asked::Noted));
        }
        let fourth = list.ask(asking(3, "203.0.113.1"));
        assert_eq!(fourth, Err(PendingRefusal::TooManyFromOne));
        assert_eq!(list.ask(asking(4, "203.0.113.2")), Ok(Asked::Noted));
        assert_eq!(list.ask(asking(0, "203.0.113.1")), Ok(Asked::Known));
        for number in 10..13 {
            let from = format!("2001:db8::{number}");
            assert_eq!(list.ask(asking(number, &from)), Ok(Asked::Noted));
        }
        assert!(list.ask(asking(13, "2001:db8::ff")).is_err(), "one /64 is one address");
    }

    #[test]
    fn a_full_list_keeps_the_earlier_and_has_room_for_friends() {
        let mut list = PendingList::default();
        for number in 0..10_000 {
            let from = format!("203.{}.{}.1", number / 256, number % 256);
            let noted = list.ask(asking(number, &from)).is_ok();
            assert_eq!(noted, number < 100, "{number}");
        }
        assert_eq!(list.all().len(), 100);
        assert_eq!(list.all()[0].since_ms, 0);
        assert_eq!(list.ask(asking(10_001, "192.168.1.7")), Ok(Asked::Noted));
        assert_eq!(list.ask(introduced(10_002)), Ok(Asked::Noted));
    }

    #[test]
    fn an_introduction_outlives_a_knock() {
        let mut list = PendingList::default();
        let mut vouched = introduced(1);
        vouched.groups = vec!["family".to_owned()];
        list.ask(vouched).expect("room");
        let mut knock = asking(1, "203.0.113.1");
        knock.name = "ad\u{1b}[2Jmin".to_owned();
        knock.addresses = vec!["a:1".to_owned()];
        assert_eq!(list.ask(knock), Ok(Asked::Known));
        let known = list.take(&asking(1, "").id).expect("pending");
        assert_eq!((known.name.as_str(), known.groups.len()), ("somebody", 1));
        assert_eq!(known.addresses, ["a:1"]);
        assert_eq!(known.kind(), PendingKind::Introduced);
        let mut knock = asking(2, "203.0.113.1");
        knock.name = "ad\u{1b}[2Jm\u{202E}in".to_owned();
        list.ask(knock).expect("room");
        assert_eq!(list.all()[0].name, "ad[2Jmin");
        list.take(&asking(2, "").id);
        assert!(list.all().is_empty());
    }
}
