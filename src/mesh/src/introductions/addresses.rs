//! Where a node that is introduced is said to be.

use crate::address_book::{AddressSource, BookedAddress};
use crate::peer::PeerRecord;

/// Addresses of one node that are passed on.
const MOST_ADDRESSES: usize = 32;

/// Where to look for a peer, the best first: where it was reached of late or is on this network, what is written
/// down, what it told a hub, and last what was told once, which may be of a former place. Whoever hears it keeps the
/// first few. `found` is what the book of addresses has of it, in the book's order.
#[must_use]
pub fn addresses_to_tell(peer: &PeerRecord, found: &[BookedAddress]) -> Vec<String> {
    let good = || found.iter().filter(|one| one.failures == 0);
    let is_here =
        |one: &&BookedAddress| one.worked_ms.is_some() || one.source == AddressSource::LocalNetwork;
    // Of the rest, what anybody may have written, or of long ago, is no word to vouch for.
    let told = good().filter(|one| one.source >= AddressSource::Hub);
    let of_book = |one: &BookedAddress| one.address.clone();
    let all = good().filter(is_here).map(of_book).chain(peer.addresses.iter().cloned());
    let all = all.chain(told.map(of_book)).chain(peer.told_addresses.iter().cloned());
    let mut each_once = Vec::new();
    for address in all {
        if each_once.len() < MOST_ADDRESSES && !each_once.contains(&address) {
            each_once.push(address);
        }
    }
    each_once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address_book::AddressBook;
    use crate::node_id::NodeId;

    #[test]
    fn a_friend_is_told_where_a_node_is_now_before_where_it_was() {
        let id = NodeId::from_digest([1; 32]);
        let mut peer = PeerRecord::new(id);
        peer.told_addresses = vec!["pairing:1".to_owned(), "moved:1".to_owned()];
        let mut book = AddressBook::default();
        let mut told = |address, source| book.told(1, id, (address, source));
        told("moved:1", AddressSource::Hub);
        told("guess:1", AddressSource::Table);
        told("gone:1", AddressSource::LocalNetwork);
        book.failed(&id, "gone:1");
        let order =
            |peer: &PeerRecord, book: &AddressBook| addresses_to_tell(peer, &book.of(2, &id));
        assert_eq!(order(&peer, &book), ["moved:1", "pairing:1"]);
        peer.addresses = vec!["written:1".to_owned()];
        assert_eq!(order(&peer, &book), ["written:1", "moved:1", "pairing:1"]);
        book.worked(2, &id, "moved:1");
        book.told(2, id, ("here:1", AddressSource::LocalNetwork));
        assert_eq!(order(&peer, &book), ["moved:1", "here:1", "written:1", "pairing:1"]);
        // What led to it counts, whoever told of it.
        book.worked(2, &id, "guess:1");
        book.failed(&id, "moved:1");
        let all = ["guess:1", "here:1", "written:1", "pairing:1", "moved:1"];
        assert_eq!(order(&peer, &book), all);
    }

    #[test]
    fn of_many_addresses_the_first_are_told() {
        let mut peer = PeerRecord::new(NodeId::from_digest([1; 32]));
        peer.addresses = (0..40).map(|number| format!("a:{number}")).collect();
        assert_eq!(addresses_to_tell(&peer, &[]), peer.addresses[..MOST_ADDRESSES]);
    }
}
