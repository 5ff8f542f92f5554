//! What the console asks of the directory: `refuge peer …`.

use refuge_console::{ControlError, PeerCommand};
use refuge_mesh::{NodeId, PeerRecord};
use serde_json::{Map, Value, json};

use super::Directory;
use super::admission::confirm;
use crate::mesh_commands;

/// Carries out one command and tells what is to be shown.
pub(super) async fn run(
    state: &mut Directory,
    command: PeerCommand,
) -> Result<Value, ControlError> {
    match command {
        PeerCommand::List => Ok(list(state)),
        PeerCommand::Add(peer) => {
            let id = peer
                .id
                .parse::<NodeId>()
                .map_err(|error| ControlError::Refused(error.to_string()))?;
            let mut body = body_of(state, &id);
            body.insert("trust".to_owned(), "trusted".into());
            confirm(&mut body);
            if let Some(name) = peer.name {
                body.insert("name".to_owned(), name.into());
            }
            extend(&mut body, "addresses", peer.addresses);
            extend(&mut body, "groups", peer.groups);
            write(state, id, Some(body)).await
        }
        PeerCommand::Remove(name) => {
            let id = find(state, &name)?;
            write(state, id, None).await
        }
        PeerCommand::Block(name) => set_trust(state, &name, "blocked").await,
        PeerCommand::Trust(name) => set_trust(state, &name, "trusted").await,
    }
}

/// One object a peer: the document with `id`, the id as people read it, and whether it is up.
fn list(state: &Directory) -> Value {
    let mut records: Vec<&PeerRecord> = state.known.records().collect();
    records.sort_by(|left, right| left.name.cmp(&right.name));
    let peers = records.into_iter().map(|record| mesh_commands::told(&state.names, record));
    json!({ "peers": peers.collect::<Vec<_>>() })
}

fn find(state: &Directory, name: &str) -> Result<NodeId, ControlError> {
    state.find(name).ok_or_else(|| ControlError::UnknownPeer(name.to_owned()))
}

async fn set_trust(state: &mut Directory, name: &str, trust: &str) -> Result<Value, ControlError> {
    // One that is not known yet can be blocked by its id.
    let id = find(state, name).or_else(|error| name.parse::<NodeId>().map_err(|_| error))?;
    let mut body = body_of(state, &id);
    body.insert("trust".to_owned(), trust.into());
    if trust == "trusted" {
        confirm(&mut body);
    }
    write(state, id, Some(body)).await
}

pub(super) fn body_of(state: &Directory, id: &NodeId) -> Map<String, Value> {
    state.known.get(id).map(|known| known.body.clone()).unwrap_or_default()
}

/// Adds texts to a list, each once.
pub(super) fn extend(body: &mut Map<String, Value>, member: &str, further: Vec<String>) {
    if further.is_empty() {
        return;
    }
    let list = body.entry(member).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        for text in further {
            let text = Value::String(text);
            if !list.contains(&text) {
                list.push(text);
            }
        }
    }
}

async fn write(
    state: &mut Directory,
    id: NodeId,
    body: Option<Map<String, Value>>,
) -> Result<Value, ControlError> {
    let known = body.is_some();
    let written = state.put(id, body).await;
    let changed = written.map_err(|failure| ControlError::Refused(failure.to_string()))?;
    let name = known.then_some(changed.name);
    Ok(json!({ "id": id.to_string(), "name": name }))
}
