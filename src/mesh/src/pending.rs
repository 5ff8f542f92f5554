//! The nodes that ask to be trusted, until an admin says what becomes of them. Held in memory: whoever
//! still wants it asks again.

mod meaning;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::node_id::NodeId;
use crate::origin::Origin;
use crate::peer::{Trust, clean_name};
use crate::peers::Peers;
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
    use crate::peer::PeerRecord;

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
    fn one_introducer_leaves_room_for_the_others() {
        let mut list = PendingList::default();
        for number in 0..20 {
            assert_eq!(list.ask(introduced(number)), Ok(Asked::Noted));
        }
        let too_many = Err(PendingRefusal::TooManyOfOneIntroducer);
        assert_eq!(list.ask(introduced(20)), too_many);
        list.ask(asking(21, "203.0.113.1")).expect("room for a stranger");
        assert_eq!(list.ask(introduced(21)), too_many, "nor by way of a stranger");
        assert_eq!(list.ask(introduced(0)), Ok(Asked::Known));
        let other = Some(NodeId::from_digest([8; 32]));
        let by_other = |number| PendingPeer { introducer: other, ..introduced(number) };
        assert_eq!(list.ask(by_other(22)), Ok(Asked::Noted));
        assert_eq!(list.ask(by_other(0)), Ok(Asked::Known));
        let first = list.get(&introduced(0).id).expect("pending");
        assert_eq!(first.introducer, introduced(0).introducer, "the first word stays");
    }

    #[test]
    fn nobody_is_pending_on_the_word_of_whom_nobody_believes_any_more() {
        let groups = || vec!["family".to_owned(), "work".to_owned()];
        let mut list = PendingList::default();
        for number in 0..2 {
            list.ask(PendingPeer { groups: groups(), ..introduced(number) }).expect("room");
        }
        list.ask(asking(1, "203.0.113.1")).expect("it asks itself, too");
        let introducer = |may_confer: &[&str], introducer| {
            let may_confer = may_confer.iter().map(|group| (*group).to_owned()).collect();
            let id = NodeId::from_digest([9; 32]);
            let trust = Trust::Trusted;
            Peers::new([PeerRecord { trust, introducer, may_confer, ..PeerRecord::new(id) }])
        };
        list.judge_again(&introducer(&["family"], true));
        let groups: Vec<_> = list.all().iter().map(|one| one.groups.clone()).collect();
        assert_eq!(groups, [["family"], ["family"]]);
        list.judge_again(&introducer(&["family"], false));
        let [stranger] = list.all().try_into().expect("one is left");
        assert_eq!((stranger.introducer, stranger.groups.len()), (None, 0));
        assert_eq!(stranger.kind(), PendingKind::Elsewhere);
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
