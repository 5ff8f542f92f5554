//! What a hub says of where a node is: whether that node signed it, whether it counts, and what follows.

use refuge_identity::{NodeIdentity, check_hub_record};
use refuge_mesh::{
    AddressSource, Judgement, NodeEventKind, NodeId, Statement, StatementContent, StatementContext,
    StatementRefusal, judge,
};

use super::Visits;
use crate::address_book::AddressBookMessage;
use crate::node_events::{NewNodeEvent, NodeEventsMessage};
use crate::{names, now_ms, peer_directory};

impl Visits {
    /// Puts what counts into the book of addresses. What does not is told to the log and changes nothing.
    pub(super) fn hear(&mut self, hub: NodeId, wanted: NodeId, record: &Statement) {
        let Some(own) = self.names.value::<NodeIdentity>(names::NODE_IDENTITY) else { return };
        let claims = record.claims();
        let context = StatementContext {
            us: own.id,
            now_ms: now_ms(),
            last_serial: self.serials.get(&wanted).copied(),
        };
        if claims.issuer != wanted {
            tracing::warn!(%hub, %wanted, "a hub told of another node than it was asked for");
            return;
        }
        if let Err(error) = check_hub_record(record) {
            tracing::warn!(%hub, %wanted, %error, "a hub told what the node did not sign");
            return;
        }
        let source = match judge(claims, &context) {
            Ok(Judgement::New) => {
                self.serials.insert(wanted, claims.serial);
                self.tell(wanted, record);
                AddressSource::Hub
            }
            Ok(Judgement::Again) => AddressSource::Hub,
            // The handshake proves the node: where it was is worth a try.
            Err(StatementRefusal::Expired) => AddressSource::OldRecord,
            Err(refusal) => {
                tracing::info!(%hub, %wanted, %refusal, "what a hub told does not count");
                return;
            }
        };
        let StatementContent::HubRecord { addresses, .. } = &claims.content else { return };
        let told = AddressBookMessage::Told { id: wanted, addresses: addresses.clone(), source };
        // While it is being restarted the next visit tells it.
        let _ = self.names.cast(names::ADDRESS_BOOK, told);
    }

    fn tell(&self, id: NodeId, record: &Statement) {
        let peers = peer_directory::peers(&self.names);
        let Some(name) = peers.and_then(|peers| Some(peers.get(&id)?.name.clone())) else { return };
        let mut event = NewNodeEvent::new(NodeEventKind::Discovered, id, name);
        if let StatementContent::HubRecord { addresses, .. } = &record.claims().content {
            event.address = addresses.first().cloned();
        }
        event.source = Some(AddressSource::Hub.as_str().to_owned());
        let _ = self.names.cast(names::NODE_EVENTS, NodeEventsMessage::Publish(event));
    }
}
