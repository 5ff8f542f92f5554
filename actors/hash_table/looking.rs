//! Which peers are looked for in the table, and how often: those that are not up, sooner at first and then
//! ever more rarely, so that a thousand who are away cost little.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use refuge_discovery::HashTable;
use refuge_mesh::{AddressSource, NodeId};
use refuge_otp::Names;
use tokio::time::Instant;

use crate::node_monitor::NodesUp;
use crate::{address_book, names, peer_directory};

/// Between the first two looks for a peer; each later pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// Looks between two announcements of this node are done one after another, so many at a time.
const MOST_AT_ONCE: usize = 20;

/// The peers that are away.
#[derive(Default)]
pub(super) struct Looking(BTreeMap<NodeId, Away>);

struct Away {
    next: Instant,
    pause: Duration,
    /// What was found last: it is told again only when it changed.
    found: BTreeSet<String>,
}

impl Looking {
    pub(super) async fn at_those_who_are_due(&mut self, table: &HashTable, names: &Names) {
        for id in self.due(&away(names), Instant::now()) {
            let found = table.look_up(&id).await;
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            if self.found(&id, &found, Instant::now()) {
                address_book::discovered(names, id, found, AddressSource::Table);
            }
        }
    }

    /// Whom to look for now, those first who wait longest. Who is up again is forgotten.
    fn due(&mut self, away: &BTreeSet<NodeId>, now: Instant) -> Vec<NodeId> {
        self.0.retain(|id, _| away.contains(id));
        for id in away {
            let new = || Away { next: now, pause: FIRST_PAUSE, found: BTreeSet::new() };
            self.0.entry(*id).or_insert_with(new);
        }
        let due = self.0.iter().filter(|(_, one)| one.next <= now);
        let mut due: Vec<(Instant, NodeId)> = due.map(|(id, one)| (one.next, *id)).collect();
        due.sort();
        due.into_iter().take(MOST_AT_ONCE).map(|(_, id)| id).collect()
    }

    /// Somebody was looked for; whether what was found is new.
    fn found(&mut self, id: &NodeId, found: &[String], now: Instant) -> bool {
        let Some(one) = self.0.get_mut(id) else { return false };
        one.next = now + one.pause;
        one.pause = LONGEST_PAUSE.min(one.pause * 2);
        let found = found.iter().cloned().collect();
        // In another order they are the same.
        let is_new = one.found != found && !found.is_empty();
        one.found = found;
        is_new
    }
}

/// Trusted, and not up.
fn away(names: &Names) -> BTreeSet<NodeId> {
    let up = names.value::<NodesUp>(names::NODE_MONITOR);
    let up: BTreeSet<NodeId> = up.iter().flat_map(|nodes| &nodes.up).map(|node| node.id).collect();
    let peers = peer_directory::peers(names);
    let trusted = peers.iter().flat_map(|peers| peers.trusted()).map(|peer| peer.id);
    trusted.filter(|id| !up.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_digest([number; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn who_stays_away_is_looked_for_ever_more_rarely() {
        let (mut looking, away) = (Looking::default(), BTreeSet::from([id(1)]));
        let (begun, mut looks) = (Instant::now(), 0);
        while begun.elapsed() < Duration::from_secs(24 * 60 * 60) {
            for one in looking.due(&away, Instant::now()) {
                assert!(!looking.found(&one, &[], Instant::now()), "nothing was found");
                looks += 1;
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!((140..170).contains(&looks), "{looks}");
        // What is told again in another order is nothing new.
        let both = ["10.0.0.1:1".to_owned(), "10.0.0.2:1".to_owned()];
        let turned = [both[1].clone(), both[0].clone()];
        assert!(looking.found(&id(1), &both, Instant::now()));
        assert!(!looking.found(&id(1), &turned, Instant::now()));
        // Who came and went is looked for at once.
        assert_eq!(looking.due(&BTreeSet::new(), Instant::now()), []);
        assert_eq!(looking.due(&away, Instant::now()), [id(1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_changed_is_told_again() {
        let (mut looking, away) = (Looking::default(), BTreeSet::from([id(1)]));
        looking.due(&away, Instant::now());
        let found = ["11.0.0.1:6984".to_owned()];
        assert!(looking.found(&id(1), &found, Instant::now()));
        assert!(!looking.found(&id(1), &found, Instant::now()));
        assert!(
            !looking.found(&id(2), &found, Instant::now()),
            "nobody looks for that one any more"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_many_have_their_turn() {
        let mut looking = Looking::default();
        let away: BTreeSet<NodeId> = (0..50).map(id).collect();
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            for one in looking.due(&away, Instant::now()) {
                looking.found(&one, &[], Instant::now());
                seen.insert(one);
            }
        }
        assert_eq!(seen, away);
    }
}
