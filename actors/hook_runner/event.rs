//! An event as hooks hear of it: what happened to another node, or to this one.

use std::sync::Arc;

use refuge_mesh::{NodeEvent, NodeEventKind};
use serde_json::Value;

/// An event of which hooks are told.
#[derive(Clone, Debug, PartialEq)]
pub struct HookEvent {
    /// Its number, among those of its kind: of other nodes, or of this one.
    pub number: u64,
    /// Its name, as in `etc/hooks/<name>.d`.
    pub event: &'static str,
    /// The node that it is about; empty where that is this one.
    pub node: String,
    /// What it is about is called: a node, a database, an actor.
    pub name: String,
    /// Events with the same subject wait for one another.
    pub subject: Arc<str>,
    /// What a hook finds in its environment.
    pub environment: Vec<(&'static str, String)>,
    /// What it reads.
    pub json: Value,
}

impl From<&NodeEvent> for HookEvent {
    fn from(event: &NodeEvent) -> Self {
        let node = event.node.to_string();
        Self {
            number: event.number,
            event: event.kind.as_str(),
            name: event.name.clone(),
            subject: node.as_str().into(),
            environment: vec![
                ("REFUGE_EVENT", event.kind.as_str().to_owned()),
                ("REFUGE_NODE_ID", node.clone()),
                ("REFUGE_NODE_NAME", event.name.clone()),
                ("REFUGE_NODE_ADDRESS", event.address.clone().unwrap_or_default()),
            ],
            json: event.to_json(),
            node,
        }
    }
}

/// Names of the events of other nodes, each the name of a folder of hooks.
pub fn names_of_node_events() -> impl Iterator<Item = &'static str> {
    NodeEventKind::ALL.iter().map(|kind| kind.as_str())
}
