//! What of the nodes that the local network shows is told, and how often: anybody there may say anything of
//! anybody, any number of times a second, and what is told makes events and dials.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use refuge_mesh::{Allowance, NodeId};

/// News that is told within a second of all nodes together, and at once after a rest: a home network that comes
/// up is told of at once.
const TOLD: Allowance = Allowance::new(20, 100);
/// Between two news of one node.
const NODE_REST_MS: u64 = 1_000;
/// Of whom is gone it is known for so long when he was told of, so that who comes and goes has his turn behind
/// those who stay. They are peers, of which there is a bound.
const GONE_KEPT_MS: u64 = 60 * 1_000;
/// What was not told is looked at again after so long; what changed meanwhile is told as it is then.
pub(super) const REST: Duration = Duration::from_millis(100);

/// The peers that are there, with their addresses.
pub(super) type Here = BTreeMap<NodeId, Vec<SocketAddr>>;

/// News.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is there, or moved.
    Found(NodeId, Vec<SocketAddr>),
    /// It is there no more.
    Gone(NodeId),
}

/// What was told of one node.
struct Told {
    /// Its addresses; none of one that is gone.
    addresses: Option<Vec<SocketAddr>>,
    at_ms: u64,
}

/// What was told. `now_ms` of every call is of one clock that does not go back.
pub(super) struct Telling {
    told: BTreeMap<NodeId, Told>,
    allowance: Allowance,
}

impl Default for Telling {
    fn default() -> Self {
        Self { told: BTreeMap::new(), allowance: TOLD }
    }
}

impl Telling {
    /// Forgets what was told of those who are no peers any more.
    pub(super) fn forget_all_but(&mut self, is_peer: impl Fn(&NodeId) -> bool) {
        self.told.retain(|id, _| is_peer(id));
    }

    /// What is to be told now, and whether more has to wait. `is_peer` says of whom anything is told. Whoever was
    /// not told of for the longest has his turn first.
    pub(super) fn next(
        &mut self,
        now_ms: u64,
        here: &Here,
        is_peer: impl Fn(&NodeId) -> bool,
    ) -> (Vec<News>, bool) {
        let rests = |told: &Told| now_ms < told.at_ms + NODE_REST_MS;
        self.forget_all_but(is_peer);
        let is_kept = |told: &Told| now_ms < told.at_ms + GONE_KEPT_MS;
        self.told.retain(|_, told| told.addresses.is_some() || is_kept(told));
        let known = self.told.iter().filter(|(_, told)| told.addresses.is_some());
        let gone = known.map(|(id, _)| *id).filter(|id| !here.contains_key(id));
        let mut changes: Vec<(NodeId, Option<&Vec<SocketAddr>>)> = gone
            .map(|id| (id, None))
            .chain(here.iter().map(|(id, addresses)| (*id, Some(addresses))))
            .collect();
        changes.sort_by_cached_key(|(id, _)| self.told.get(id).map(|told| told.at_ms));
        let (mut news, mut waits) = (Vec::new(), false);
        for (id, addresses) in changes {
            let before = self.told.get(&id);
            if before.is_some_and(|told| told.addresses.as_ref() == addresses) {
                continue;
            }
            if before.is_some_and(rests) || !self.allowance.take(now_ms) {
                waits = true;
                continue;
            }
            self.told.insert(id, Told { addresses: addresses.cloned(), at_ms: now_ms });
            news.push(addresses.map_or(News::Gone(id), |it| News::Found(id, it.clone())));
        }
        (news, waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_digest([number; 32])
    }

    fn here(nodes: &[(u8, u16)]) -> Here {
        let at = |port: u16| vec![SocketAddr::from(([10, 0, 0, 1], port))];
        nodes.iter().map(|(number, port)| (id(*number), at(*port))).collect()
    }

    fn count(telling: &mut Telling, now_ms: u64, here: &Here) -> usize {
        telling.next(now_ms, here, |_| true).0.len()
    }

    #[test]
    fn what_changed_is_told_once_and_what_came_back_in_between_is_not() {
        let mut telling = Telling::default();
        let (first, moved) = (here(&[(1, 1)]), here(&[(1, 2)]));
        let found = |here: &Here| vec![News::Found(id(1), here[&id(1)].clone())];
        assert_eq!(telling.next(0, &first, |_| true), (found(&first), false));
        assert_eq!(telling.next(10, &first, |_| true), (vec![], false));
        assert_eq!(telling.next(20, &moved, |_| true), (vec![], true), "it has to wait");
        assert_eq!(telling.next(30, &first, |_| true), (vec![], false), "it is where it was");
        assert_eq!(telling.next(1_000, &moved, |_| true), (found(&moved), false));
        assert_eq!(telling.next(2_000, &here(&[]), |_| true), (vec![News::Gone(id(1))], false));
        assert_eq!(telling.next(2_100, &first, |_| true), (vec![], true));
        assert_eq!(telling.next(3_000, &first, |_| true), (found(&first), false));
        // Who is no peer any more is not told of, and is news when he is one again.
        assert_eq!(telling.next(4_000, &here(&[]), |_| false), (vec![], false));
        assert_eq!(telling.next(4_001, &first, |_| true), (found(&first), false));
    }

    #[test]
    fn a_flood_of_one_node_is_one_news_a_second() {
        let mut telling = Telling::default();
        let told: usize = (0..10_000_u64)
            .map(|now_ms| count(&mut telling, now_ms, &here(&[(1, (now_ms % 1_000) as u16)])))
            .sum();
        assert_eq!(told, 10);
    }

    #[test]
    fn a_flood_of_many_nodes_is_twenty_news_a_second() {
        let mut telling = Telling::default();
        let flood = |now_ms: u64| {
            let port = (now_ms % 60_000) as u16;
            here(&(0..200).map(|number| (number, port)).collect::<Vec<_>>())
        };
        assert_eq!(count(&mut telling, 0, &flood(0)), 100);
        let told: usize =
            (1..=10_000).step_by(100).map(|at| count(&mut telling, at, &flood(at))).sum();
        assert!((190..=200).contains(&told), "{told}");
    }

    #[test]
    fn nodes_that_come_and_go_all_the_time_take_no_turn_of_one_that_stays() {
        let mut telling = Telling::default();
        let flood = |now_ms: u64, last: u8| {
            let some = |number: &u8| now_ms / 1_000 % 2 == u64::from(number % 2);
            here(&(0..last).filter(some).map(|number| (number, 1)).collect::<Vec<_>>())
        };
        for now_ms in (0..20_000).step_by(100) {
            telling.next(now_ms, &flood(now_ms, 200), |_| true);
        }
        let mut with_it = flood(20_000, 200);
        with_it.extend(here(&[(255, 7)]));
        let (news, waits) = telling.next(20_000, &with_it, |_| true);
        assert_eq!((&news[0], waits), (&News::Found(id(255), with_it[&id(255)].clone()), true));
        // It moves: those who were told of since it was have their turn behind it.
        let told = (20_100..60_000).step_by(100).find(|now_ms| {
            let mut moved = flood(*now_ms, 200);
            moved.extend(here(&[(255, 8)]));
            let found = News::Found(id(255), moved[&id(255)].clone());
            telling.next(*now_ms, &moved, |_| true).0.contains(&found)
        });
        assert!(told.is_some_and(|told| told < 32_000), "{told:?}");
    }
}
