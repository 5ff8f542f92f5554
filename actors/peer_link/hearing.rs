//! What the machine is told of streams: that one was opened or could not be, and what came over it.

use ractor::ActorRef;
use refuge_mesh::{CarrierId, Effect, Frame};

use super::carrier::Carrier;
use super::{Opened, PeerLinkMessage, PeerLinkState};

impl PeerLinkState {
    pub(super) fn dialled(
        &mut self,
        myself: &ActorRef<PeerLinkMessage>,
        now: u64,
        carrier: CarrierId,
        result: Result<Opened, String>,
    ) -> Vec<Effect> {
        self.dials.remove(&carrier);
        match result {
            Ok(Opened { stream, address }) => {
                self.last_failure = None;
                let link = (carrier, myself);
                self.carriers.insert(carrier, Carrier::new(stream, Some(address), link));
                self.machine.dialled(now, carrier)
            }
            Err(reason) => {
                if self.last_failure.as_ref() != Some(&reason) {
                    tracing::info!(peer = %self.peer, reason, "a node was not reached");
                }
                self.last_failure = Some(reason);
                self.machine.dial_failed(now, carrier)
            }
        }
    }

    pub(super) fn received(
        &mut self,
        now: u64,
        carrier: CarrierId,
        frames: Vec<Frame>,
    ) -> Vec<Effect> {
        // What came behind the end of a stream is not of this link any more.
        if !self.carriers.contains_key(&carrier) {
            return Vec::new();
        }
        let mut effects = self.machine.heard(now, carrier);
        for frame in frames {
            let left = self.pass_on(carrier, frame);
            effects.extend(self.machine.received(now, carrier, left));
        }
        effects
    }
}
