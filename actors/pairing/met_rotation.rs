//! A peer whose key was rotated and that this node dials: another node is met at its address, and is asked
//! for the statements by which it is that peer. And what this node answers when it is asked so itself.

use futures_util::future::join_all;
use refuge_client::{Question, ask};
use refuge_http::Failure;
use refuge_identity::NodeIdentity;
use refuge_mesh::{BookedAddress, MetNode, NodeId, Statement, shown_text};
use refuge_otp::Names;
use serde_json::{Value, json};

use super::{PairingBoard, PairingMessage, PoisonError, earlier_identity};
use crate::{address_book, names, peer_dial, peer_directory, unavailable};

/// Characters of what another node says, for the log.
const MOST_SHOWN: usize = 256;

/// The statements by which this node follows an identity that it had before, the oldest first. Anybody may
/// read them who knows that identity: they prove themselves, and are few.
pub(crate) fn told(names: &Names, old: &NodeId) -> Result<Value, Failure> {
    let own = names.value::<NodeIdentity>(names::NODE_IDENTITY).ok_or_else(unavailable)?;
    let before = |statement: &&Statement| statement.claims().issuer != *old;
    let told: Vec<Value> =
        own.rotations().iter().skip_while(before).map(Statement::to_json).collect();
    if told.is_empty() {
        return Err(Failure::NotFound("missing".to_owned()));
    }
    Ok(json!({ "rotations": told }))
}

/// Asks the nodes that were met at a peer's addresses whether they are that peer, each seldom. The new id of
/// the peer, once one proved it and has the other's place.
pub(crate) async fn follow(names: &Names, met: Vec<MetNode>) -> Option<NodeId> {
    let asking = met.iter().filter(|met| is_its_address(names, met) && may_ask(names, met));
    let asking = asking.map(|met| async move {
        let asked = tokio::time::timeout(peer_dial::ANSWER_DEADLINE, rotations_of(names, met));
        let rotations = asked.await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let followed = match rotations {
            Ok(rotations) => accept(names, met, &rotations).await,
            Err(reason) => Err(reason),
        };
        let MetNode { peer, found, address } = met;
        match followed {
            Ok(()) => Some(*found),
            Err(reason) => {
                tracing::debug!(%peer, %found, address, reason, "another node was met");
                None
            }
        }
    });
    join_all(asking).await.into_iter().flatten().next()
}

/// Whether the peer itself, or who wrote of it here, said that it is there, or it was: whoever answers is told
/// whom this node looks for, and by whose certificate.
fn is_its_address(names: &Names, met: &MetNode) -> bool {
    let peers = peer_directory::peers(names);
    let written = peers.and_then(|peers| Some(peers.get(&met.peer)?.all_addresses()));
    let has_worked = |one: &BookedAddress| one.address == met.address && one.worked_ms.is_some();
    written.is_some_and(|written| written.contains(&met.address))
        || address_book::found(names, &met.peer).iter().any(has_worked)
}

fn may_ask(names: &Names, met: &MetNode) -> bool {
    let Some(board) = names.value::<PairingBoard>(names::PAIRING) else { return false };
    let mut questions = board.rotation_questions.lock().unwrap_or_else(PoisonError::into_inner);
    questions.ask(crate::clock_ms(), met)
}

/// What a node that was met states of an identity that it had before.
async fn rotations_of(names: &Names, met: &MetNode) -> Result<Value, String> {
    let reached = peer_dial::reach(names, met.found, vec![met.address.clone()]).await?;
    let path = format!("/_mesh/pair/rotation/{}", met.peer);
    let question = Question { authority: met.found.to_string(), path: &path, body: None };
    let answered = ask(Box::new(reached.stream), question).await;
    Ok(answered.map_err(|error| shown_text(&error.to_string(), MOST_SHOWN))?.body)
}

/// Lets the node that was met take the place of the peer, if its statements lead from that one to it: they are
/// believed no more easily than those that a node shows of its own accord.
async fn accept(names: &Names, met: &MetNode, told: &Value) -> Result<(), String> {
    let listed = told.get("rotations").and_then(Value::as_array);
    let listed = listed.ok_or("it told no statements")?;
    let statements: Result<Vec<Statement>, _> = listed.iter().map(Statement::from_json).collect();
    let statements = statements.map_err(|error| error.to_string())?;
    let proving = earlier_identity(names, met.found, statements).await;
    let rotated = proving.map_err(|failure| failure.to_string())?;
    if rotated.old != met.peer {
        return Err("its statements are about another peer".to_owned());
    }
    let rotate = |reply| PairingMessage::Rotate { rotated, reply };
    let done = crate::call(names, names::PAIRING, rotate).await;
    let done = done.map_err(|failure| failure.to_string())?;
    done.map(drop).map_err(|failure| failure.to_string())
}
