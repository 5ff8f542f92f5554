//! What goes wrong, and what is to be seen from outside.

use refuge_mesh::{DownReason, Standing};

use crate::connection::{ACCEPTOR, DIALLER};
use crate::world::{News, Told, World};

impl World {
    /// Nothing gets through between two nodes, without a FIN, or again everything.
    pub(crate) fn part(&mut self, one: usize, other: usize, parted: bool) {
        self.set_cut(one, other, parted);
        self.set_cut(other, one, parted);
    }

    /// The process dies; its kernel closes what it held.
    pub(crate) fn kill(&mut self, node: usize) {
        self.forget(node);
        for connection in 0..self.connections.len() {
            for side in [DIALLER, ACCEPTOR] {
                if self.connections[connection].sides[side].node == node {
                    self.close(connection, side);
                }
            }
        }
    }

    /// The machine loses its power.
    pub(crate) fn switch_off(&mut self, node: usize) {
        self.forget(node);
        self.nodes[node].powered = false;
        let sides = self.connections.iter_mut().flat_map(|connection| &mut connection.sides);
        for side in sides.filter(|side| side.node == node) {
            (side.open, side.known) = (false, false);
        }
    }

    /// Its end stops in good order.
    pub(crate) fn stop(&mut self, node: usize) {
        for peer in 0..self.nodes.len() {
            let now_ms = self.clock(node);
            if let Some(machine) = self.nodes[node].machines.get_mut(&peer) {
                let effects = machine.stop(now_ms);
                self.carry_out(node, peer, effects);
            }
        }
        self.forget(node);
    }

    /// `node` trusts `peer` no more.
    pub(crate) fn revoke(&mut self, node: usize, peer: usize) {
        self.nodes[node].distrusted.insert(peer);
        let now_ms = self.clock(node);
        if let Some(machine) = self.nodes[node].machines.get_mut(&peer) {
            let effects = machine.distrusted(now_ms);
            self.carry_out(node, peer, effects);
        }
    }

    /// The connections that are open between two nodes carry nothing any more, as when a router on the
    /// way forgets them; new ones do.
    pub(crate) fn lose_connections(&mut self, one: usize, other: usize) {
        for connection in &mut self.connections {
            let [from, to] = [connection.sides[DIALLER].node, connection.sides[ACCEPTOR].node];
            connection.lost |= [(one, other), (other, one)].contains(&(from, to));
        }
    }

    /// They are reset.
    pub(crate) fn break_connections(&mut self, one: usize, other: usize) {
        for connection in 0..self.connections.len() {
            let sides = &self.connections[connection].sides;
            let [from, to] = [sides[DIALLER].node, sides[ACCEPTOR].node];
            if [(one, other), (other, one)].contains(&(from, to)) {
                self.reset(connection, DIALLER);
                self.reset(connection, ACCEPTOR);
            }
        }
    }

    /// What the node had in memory is gone; that it holds nobody up is no news of a machine.
    fn forget(&mut self, node: usize) {
        self.nodes[node].machines.clear();
        for peer in 0..self.nodes.len() {
            let news = News::Down(DownReason::Closed);
            self.told.push(Told { at_ms: self.now_ms, node, peer, news });
        }
    }

    pub(crate) fn is_up(&self, node: usize, peer: usize) -> bool {
        self.nodes[node].machines.get(&peer).is_some_and(refuge_mesh::PeerMachine::is_up)
    }

    /// News since a time, of the machine of `node` for `peer`.
    pub(crate) fn news(&self, node: usize, peer: usize, since_ms: u64) -> Vec<(u64, News)> {
        let meant = |told: &&Told| told.node == node && told.peer == peer && told.at_ms >= since_ms;
        self.told.iter().filter(meant).map(|told| (told.at_ms, told.news)).collect()
    }

    /// When the only news since a time came, which has to be this.
    pub(crate) fn only(&self, node: usize, peer: usize, since_ms: u64, wanted: News) -> u64 {
        match self.news(node, peer, since_ms)[..] {
            [(at_ms, news)] if news == wanted => at_ms - since_ms,
            ref other => panic!("{node} of {peer}: {other:?} instead of {wanted:?}"),
        }
    }

    /// The connection that a node takes for the link.
    fn link(&self, node: usize, peer: usize) -> Option<usize> {
        let active = self.nodes[node].machines.get(&peer)?.active()?;
        Some(self.carriers[&(node, peer, active)].0)
    }

    /// Both hold the other up, over the same connection, and there is no other.
    pub(crate) fn assert_linked(&self, one: usize, other: usize) {
        let link = self.link(one, other);
        assert!(link.is_some() && link == self.link(other, one), "{one} and {other} do not agree");
        for (node, peer) in [(one, other), (other, one)] {
            let state = self.nodes[node].machines[&peer].state(self.clock(node));
            assert_eq!(state.standing, Standing::Up, "{node} of {peer}");
            assert_eq!(state.carriers.len(), 1, "{node} of {peer}: {:?}", state.carriers);
        }
    }

    /// Who dialled the link.
    pub(crate) fn dialler(&self, one: usize, other: usize) -> usize {
        let link = self.link(one, other).expect("a link");
        self.connections[link].sides[DIALLER].node
    }
}
