//! The hub: keeps what nodes state of where they are, and tells it to those that ask. It cannot forge what
//! they signed, and believes none of it.
//!
//! Called by: the node's service, for other nodes over the mesh port. A restart loses the records, which
//! their nodes bring again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::Hub;
use refuge_http::{Failure, HubQuestion};
use refuge_identity::{NodeIdentity, check_hub_record};
use refuge_mesh::{HubRefusal, HubRegistry, NodeId, Statement, rfc3339};
use refuge_otp::Names;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::configuration::CurrentSettings;
use crate::{names, now_ms, peer_directory, unavailable};

/// One node's record is taken so often; a signature is checked for each.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Nodes whose last visit is remembered before those are forgotten that were here long ago.
const MOST_VISITS: usize = 10_000;

/// Messages of the hub.
pub enum HubMessage {
    /// A node that proved its id asks.
    Asked {
        /// Which.
        visitor: NodeId,
        /// What.
        question: HubQuestion,
        /// Gets the answer.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
}

/// The actor.
#[derive(Default)]
pub struct HubActor;

/// The records.
pub struct HubState {
    names: Names,
    registry: HubRegistry,
    visits: HashMap<NodeId, Instant>,
}

/// Asks the hub, where this node is one for the visitor.
pub(crate) async fn ask(
    names: &Names,
    visitor: NodeId,
    question: HubQuestion,
) -> Result<Value, Failure> {
    let wanted = settings(names).is_some_and(|hub| {
        let trusted =
            || peer_directory::peers(names).is_some_and(|peers| peers.is_trusted(&visitor));
        hub.enabled && (hub.public || trusted())
    });
    if !wanted {
        return Err(missing());
    }
    crate::call(names, names::HUB, |reply| HubMessage::Asked { visitor, question, reply }).await?
}

fn settings(names: &Names) -> Option<Hub> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    current.map(|current| current.settings.hub.clone())
}

fn missing() -> Failure {
    Failure::NotFound("missing".to_owned())
}

impl Actor for HubActor {
    type Msg = HubMessage;
    type State = HubState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let most = settings(&names).unwrap_or_default().max_nodes;
        Ok(HubState { names, registry: HubRegistry::new(most), visits: HashMap::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        HubMessage::Asked { visitor, question, reply }: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let answer = match question {
            HubQuestion::Register(record) => state.register(visitor, *record),
            HubQuestion::Read(id) => {
                state.registry.get(&id).map(Statement::to_json).ok_or_else(missing)
            }
            HubQuestion::List { after, limit } => {
                let listed = state.registry.listed(now_ms(), after).take(limit);
                Ok(json!({ "nodes": listed.map(Statement::to_json).collect::<Vec<_>>() }))
            }
        };
        let _ = reply.send(answer);
        Ok(())
    }
}

impl HubState {
    fn register(&mut self, visitor: NodeId, record: Statement) -> Result<Value, Failure> {
        self.check_pace(visitor)?;
        if let Some(hub) = settings(&self.names) {
            self.registry.keep_at_most(hub.max_nodes);
        }
        let own = self.names.value::<NodeIdentity>(names::NODE_IDENTITY).ok_or_else(unavailable)?;
        check_hub_record(&record).map_err(|error| Failure::Forbidden(error.to_string()))?;
        let expires = rfc3339(record.claims().expires_ms);
        let registered = self.registry.register((own.id, now_ms()), &visitor, record);
        match registered {
            Ok(_) => Ok(json!({ "ok": true, "expires": expires })),
            Err(HubRefusal::Full) => Err(Failure::TooMany {
                error: "hub_full",
                reason: HubRefusal::Full.to_string(),
                retry_after: None,
            }),
            Err(refusal) => Err(Failure::Forbidden(refusal.to_string())),
        }
    }

    /// Whoever comes too early is no later for it.
    fn check_pace(&mut self, visitor: NodeId) -> Result<(), Failure> {
        check_pace(&mut self.visits, visitor, Instant::now())
    }
}

fn check_pace(
    visits: &mut HashMap<NodeId, Instant>,
    visitor: NodeId,
    now: Instant,
) -> Result<(), Failure> {
    if visits.get(&visitor).is_some_and(|last| now.duration_since(*last) < LEAST_PAUSE) {
        let reason = format!("a hub takes a record of one node every {LEAST_PAUSE:?}");
        return Err(Failure::too_many(reason, LEAST_PAUSE));
    }
    if visits.len() >= MOST_VISITS {
        visits.retain(|_, last| now.duration_since(*last) < LEAST_PAUSE);
    }
    visits.insert(visitor, now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_comes_too_early_again_and_again_is_heard_after_the_pause() {
        let (mut visits, visitor) = (HashMap::new(), NodeId::from_digest([1; 32]));
        let start = Instant::now();
        let come =
            |visits: &mut _, ms| check_pace(visits, visitor, start + Duration::from_millis(ms));
        assert!(come(&mut visits, 0).is_ok());
        for ms in [1, 400, 800, 999] {
            assert!(come(&mut visits, ms).is_err(), "{ms}");
        }
        assert!(come(&mut visits, 1_000).is_ok());
    }
}
