//! Carries out what an admin asks of the mesh, from the console and over HTTP alike. No actor lives here:
//! each command is the matter of one actor, or of what is published.

use refuge_http::Failure;
use refuge_identity::NodeIdentity;
use refuge_mesh::{MeshCommand, NodeId, PeerRecord, SHORTEST_BEGINNING, Statement};
use refuge_otp::Names;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::introductions::IntroductionsMessage;
use crate::node_identity::NodeIdentityMessage;
use crate::node_monitor::NodesUp;
use crate::pairing::PairingMessage;
use crate::peer_directory::{self, PeerChange, PeerDirectoryMessage};
use crate::{mesh_diagnosis, mesh_listener, names, unavailable};

/// Carries out one command.
pub(crate) async fn run(names: &Names, command: MeshCommand) -> Result<Value, Failure> {
    match command {
        MeshCommand::Overview => overview(names).await,
        MeshCommand::Peers => peers(names).await,
        MeshCommand::Show(node) => or_asks(names, &node, show(names, &node)).await,
        MeshCommand::Diagnose(node) => {
            let told = mesh_diagnosis::diagnose(names, &node).await;
            or_asks(names, &node, told).await
        }
        MeshCommand::Rotate => {
            let ask = |reply| NodeIdentityMessage::Rotate { reply };
            let next = crate::call(names, names::NODE_IDENTITY, ask).await?;
            let next = next.map_err(Failure::Unavailable)?;
            Ok(json!({ "next": next.to_string(), "people": next.for_people() }))
        }
        MeshCommand::Invite(wish) => {
            pairing(names, |reply| PairingMessage::Invite { wish, reply }).await?
        }
        MeshCommand::Invitations => {
            pairing(names, |reply| PairingMessage::Invitations { reply }).await
        }
        MeshCommand::Withdraw(number) => {
            pairing(names, |reply| PairingMessage::Withdraw { number, reply }).await??;
            Ok(json!({ "ok": true, "number": number }))
        }
        MeshCommand::Pair(wish) => {
            pairing(names, |reply| PairingMessage::Pair { wish, reply }).await?
        }
        MeshCommand::Pending => pairing(names, |reply| PairingMessage::Pending { reply }).await,
        MeshCommand::Approve(approval) => {
            pairing(names, |reply| PairingMessage::Approve { approval, reply }).await?
        }
        MeshCommand::Reject(node) => {
            pairing(names, |reply| PairingMessage::Reject { node, reply }).await?
        }
        MeshCommand::RejectAll => {
            pairing(names, |reply| PairingMessage::RejectAll { reply }).await?
        }
        MeshCommand::Revoke(node) => change(names, node, PeerChange::Revoke).await,
        MeshCommand::Introducer(changed) => {
            let node = changed.node.clone();
            change(names, node, PeerChange::Introducer(changed)).await
        }
        MeshCommand::Rule { node, rule } => change(names, node, PeerChange::Rule(rule)).await,
        MeshCommand::Introduce(wish) => {
            let ask = |reply| IntroductionsMessage::Introduce { wish, reply };
            crate::call(names, names::INTRODUCTIONS, ask).await?
        }
        MeshCommand::Introductions => {
            let ask = |reply| IntroductionsMessage::List { reply };
            crate::call(names, names::INTRODUCTIONS, ask).await
        }
    }
}

/// An introduction that an admin brings.
pub(crate) async fn hear(names: &Names, statement: Box<Statement>) -> Result<Value, Failure> {
    let ask = |reply| IntroductionsMessage::Brought { statement, reply };
    crate::call(names, names::INTRODUCTIONS, ask).await?
}

async fn pairing<R>(
    names: &Names,
    message: impl FnOnce(oneshot::Sender<R>) -> PairingMessage,
) -> Result<R, Failure> {
    crate::call(names, names::PAIRING, message).await
}

async fn change(names: &Names, node: String, change: PeerChange) -> Result<Value, Failure> {
    let ask = |reply| PeerDirectoryMessage::Change { node, change, reply };
    let changed = crate::call(names, names::PEER_DIRECTORY, ask).await??;
    Ok(json!({ "id": changed.id.to_string(), "name": changed.name }))
}

async fn overview(names: &Names) -> Result<Value, Failure> {
    let identity = names.value::<NodeIdentity>(names::NODE_IDENTITY);
    let known = peer_directory::peers(names).ok_or_else(unavailable)?;
    let invitations = pairing(names, |reply| PairingMessage::Invitations { reply }).await?;
    let pending = pairing(names, |reply| PairingMessage::Pending { reply }).await?;
    let count = |value: &Value, member: &str| {
        value.get(member).and_then(Value::as_array).map_or(0, Vec::len)
    };
    Ok(json!({
        "id": identity.as_ref().map(|identity| identity.id.to_string()),
        "people": identity.as_ref().map(|identity| identity.id.for_people()),
        "name": crate::own_name(names),
        "port": mesh_listener::port(names),
        "peers": known.iter().count(),
        "trusted": known.trusted().count(),
        "up": names.value::<NodesUp>(names::NODE_MONITOR).map_or(0, |nodes| nodes.up.len()),
        "pending": count(&pending, "pending"),
        "invitations": count(&invitations, "invitations"),
    }))
}

async fn peers(names: &Names) -> Result<Value, Failure> {
    let known = peer_directory::peers(names).ok_or_else(unavailable)?;
    let mut records: Vec<&PeerRecord> = known.iter().collect();
    records.sort_by(|left, right| left.name.cmp(&right.name));
    let peers: Vec<Value> = records.into_iter().map(|record| told(names, record)).collect();
    let told = pairing(names, |reply| PairingMessage::Pending { reply }).await?;
    Ok(json!({ "peers": peers, "pending": told.get("pending") }))
}

fn show(names: &Names, node: &str) -> Result<Value, Failure> {
    let known = peer_directory::peers(names).ok_or_else(unavailable)?;
    let record = find(&known, node)?;
    let mut shown = told(names, record);
    if let Some(members) = shown.as_object_mut() {
        members.insert("certificate".to_owned(), record.certificate.clone().into());
    }
    Ok(shown)
}

/// What is told of a node; of one that is not known and asks to be, where that is told.
async fn or_asks(
    names: &Names,
    node: &str,
    told: Result<Value, Failure>,
) -> Result<Value, Failure> {
    let reason = match told {
        Err(Failure::NotFound(reason)) => reason,
        told => return told,
    };
    // While it is being restarted nobody is known to ask.
    let pending = pairing(names, |reply| PairingMessage::Pending { reply }).await;
    let asking = pending.ok().and_then(|pending| asking(&pending, node));
    Err(Failure::NotFound(asking.map_or(reason, |id| {
        format!(
            "node {id} is not known here yet, it asks to be trusted: `refuge peer pending` shows \
             what is known of it, `refuge peer approve {id}` trusts it"
        )
    })))
}

/// The id of the node that asks and is meant by its id in either form, or by as much of it as nobody imitates:
/// a stranger is not told of in the place of a friend whose name was mistyped.
fn asking(pending: &Value, node: &str) -> Option<String> {
    let whole = node.parse::<NodeId>().map(|id| id.to_string());
    let beginning = whole.unwrap_or_else(|_| node.to_ascii_uppercase());
    if beginning.chars().count() < SHORTEST_BEGINNING {
        return None;
    }
    let mut ids = pending.get("pending")?.as_array()?.iter().filter_map(|one| one["id"].as_str());
    ids.find(|id| id.starts_with(&beginning)).map(str::to_owned)
}

/// The known node that is meant, by an id that it had before as well.
pub(crate) fn find<'a>(
    peers: &'a refuge_mesh::Peers,
    node: &str,
) -> Result<&'a PeerRecord, Failure> {
    peers.find_now(node).ok_or_else(|| {
        let reason =
            format!("no node is known as {node:?}: `refuge peer list` shows those that are");
        Failure::NotFound(reason)
    })
}

/// A peer as it is shown: its document but for the certificate, both forms of its id, and whether it is
/// up.
pub(crate) fn told(names: &Names, record: &PeerRecord) -> Value {
    let up = names.value::<NodesUp>(names::NODE_MONITOR);
    let is_up = up.is_some_and(|nodes| nodes.up.iter().any(|node| node.id == record.id));
    let mut shown = record.to_body();
    shown.remove("certificate");
    shown.insert("id".to_owned(), record.id.to_string().into());
    shown.insert("people".to_owned(), record.id.for_people().into());
    shown.insert("up".to_owned(), is_up.into());
    Value::Object(shown)
}
