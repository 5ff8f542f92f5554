//! What this node asks of others before they trust it. No actor waits for it: other nodes take their
//! time.

use std::time::Duration;

use refuge_client::{AskError, Question, ask};
use refuge_http::Failure;
use refuge_identity::NodeIdentity;
use refuge_mesh::{Invitation, NewPairing, NodeId, Statement, shown_text};
use refuge_otp::Names;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::peer_directory::{Admission, AdmittedName, PeerDirectoryMessage, Word};
use crate::{mesh_listener, names, peer_dial};

/// All of a pairing: whoever typed the command waits for it.
const PAIRING_DEADLINE: Duration = Duration::from_secs(9);
/// How long a pairing waits for this node's own listener, so that it can tell where it listens.
const LISTENING_PATIENCE: Duration = Duration::from_millis(500);

/// Characters of what another node says that are shown to people.
const MOST_SHOWN: usize = 256;
/// Another node is at fault, whatever status it gave.
const BAD_GATEWAY: u16 = 502;

/// Accepts an invitation, and answers when both nodes trust each other.
pub(super) fn pair(names: Names, wish: NewPairing, reply: oneshot::Sender<Result<Value, Failure>>) {
    crate::task::spawn(async move {
        let paired = tokio::time::timeout(PAIRING_DEADLINE, accept(&names, wish)).await;
        let late = || unreachable(format!("no answer within {PAIRING_DEADLINE:?}"));
        let _ = reply.send(paired.unwrap_or_else(|_| Err(late())));
    });
}

async fn accept(names: &Names, wish: NewPairing) -> Result<Value, Failure> {
    let NewPairing { invitation, name, groups } = wish;
    let invitation: Invitation = invitation
        .parse()
        .map_err(|error: refuge_mesh::BadInvitation| Failure::BadRequest(error.to_string()))?;
    let id = invitation.id;
    let own = peer_dial::identity(names).await;
    if own.id == id {
        let reason = "this is an invitation by this node itself: accept it on the other one";
        return Err(Failure::BadRequest(reason.to_owned()));
    }
    let admission = Admission {
        id,
        name: name.map_or_else(|| AdmittedName::Claimed(String::new()), AdmittedName::Given),
        groups,
        told_addresses: invitation.addresses.clone(),
        word: Word::Admin { introducer: None },
    };
    // Once it has the token the other node trusts this one: what is refused here is refused before that.
    check(names, admission.clone()).await?;
    redeem(names, invitation, admission).await
}

/// Brings the token to who invites, and trusts that node.
async fn redeem(
    names: &Names,
    Invitation { id, addresses, token }: Invitation,
    mut admission: Admission,
) -> Result<Value, Failure> {
    let port = tokio::time::timeout(LISTENING_PATIENCE, mesh_listener::listening(names)).await.ok();
    let reached = peer_dial::reach(names, id, addresses).await.map_err(unreachable)?;
    let address = reached.address.clone();
    let body = json!({ "token": token, "name": crate::own_name(names), "port": port });
    let question = Question { authority: id.to_string(), path: "/_mesh/pair", body: Some(&body) };
    let answer = ask(Box::new(reached.stream), question).await.map_err(refused)?.body;
    if let AdmittedName::Claimed(claimed) = &mut admission.name {
        answer.get("name").and_then(Value::as_str).unwrap_or_default().clone_into(claimed);
    }
    admission.told_addresses.retain(|one| *one != address);
    admission.told_addresses.insert(0, address.clone());
    let admit = |reply| PeerDirectoryMessage::Admit { admission, reply };
    let changed = crate::call(names, names::PEER_DIRECTORY, admit).await??;
    tracing::info!(peer = %id, name = changed.name, "paired by invitation");
    Ok(json!({ "id": id.to_string(), "name": changed.name, "address": address }))
}

async fn check(names: &Names, admission: Admission) -> Result<(), Failure> {
    let check = |reply| PeerDirectoryMessage::CheckAdmission { admission, reply };
    crate::call(names, names::PEER_DIRECTORY, check).await?
}

/// Asks a node that does not trust this one to do so: its admins see it among those that are pending.
pub(crate) async fn knock(names: &Names, id: NodeId, address: String) {
    let knocking = async {
        let reached = peer_dial::reach(names, id, vec![address]).await?;
        let port = mesh_listener::port(names);
        let body = json!({ "name": crate::own_name(names), "port": port });
        let path = "/_mesh/pair/request";
        let question = Question { authority: id.to_string(), path, body: Some(&body) };
        let answered = ask(Box::new(reached.stream), question).await;
        answered.map_err(|error| shown_text(&error.to_string(), MOST_SHOWN))
    };
    match tokio::time::timeout(peer_dial::ANSWER_DEADLINE, knocking).await {
        Ok(Ok(_)) => tracing::info!(peer = %id, "asked a node to trust this one"),
        Ok(Err(reason)) => tracing::debug!(peer = %id, reason, "a node was not asked"),
        Err(_) => tracing::debug!(peer = %id, "a node was not asked: no answer"),
    }
}

/// Tells a node that does not trust this one which peer this one was; whether it is trusted now.
pub(crate) async fn present_rotations(names: &Names, id: NodeId, address: &str) -> bool {
    let Some(own) = names.value::<NodeIdentity>(names::NODE_IDENTITY) else { return false };
    if own.rotations().is_empty() {
        return false;
    }
    let presenting = async {
        let reached = peer_dial::reach(names, id, vec![address.to_owned()]).await?;
        let rotations: Vec<Value> = own.rotations().iter().map(Statement::to_json).collect();
        let body = json!({ "rotations": rotations });
        let path = "/_mesh/pair/rotation";
        let question = Question { authority: id.to_string(), path, body: Some(&body) };
        let answered = ask(Box::new(reached.stream), question).await;
        answered.map_err(|error| shown_text(&error.to_string(), MOST_SHOWN))
    };
    match tokio::time::timeout(peer_dial::ANSWER_DEADLINE, presenting).await {
        Ok(Ok(_)) => {
            tracing::info!(peer = %id, "told a peer of this node's new identity");
            true
        }
        Ok(Err(reason)) => {
            tracing::debug!(peer = %id, reason, "a node does not take this one for its peer");
            false
        }
        Err(_) => false,
    }
}

fn refused(error: AskError) -> Failure {
    match error {
        AskError::Refused { status, reason } => {
            let error = "pairing_refused".to_owned();
            let reason = shown_text(&reason, MOST_SHOWN);
            let reason = format!("the other node refused ({status}): {reason}");
            Failure::Function { status: BAD_GATEWAY, error, reason }
        }
        other => unreachable(other.to_string()),
    }
}

/// Another node is at fault, or the way to it.
fn unreachable(reason: String) -> Failure {
    let reason = format!("the other node was not reached: {reason}");
    let error = "peer_unreachable".to_owned();
    Failure::Function { status: BAD_GATEWAY, error, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_inviter_says_is_no_command_to_the_terminal_and_no_status_of_this_node() {
        let reason = format!("\u{1b}]0;gone\u{7}\u{202E}no{}", "!".repeat(100_000));
        let told = refused(AskError::Refused { status: 200, reason });
        let Failure::Function { status, reason, .. } = told else { panic!("another failure") };
        assert_eq!(status, 502);
        assert!(reason.starts_with("the other node refused (200): ]0;goneno!"), "{reason}");
        assert!(reason.chars().count() < 300);
    }
}
