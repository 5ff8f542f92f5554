//! `/_mesh` and below: other nodes, as server admins see and change them; and on the mesh port what
//! is asked by a node that is no peer yet. What is done about them is the node's.

use hyper::{Method, StatusCode};
use refuge_mesh::{
    Approval, ChangedIntroducer, MeshCommand, NewIntroduction, NewInvitation, NewPairing, NodeId,
    Statement,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;
use crate::limits;
use crate::node::{Node, PairingQuestion, PairingVisitor};
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::{MeshRoute, PairRoute};

/// Bytes of what a node says of itself before it is a peer.
const PAIRING_BYTES: usize = 4 * 1024;
/// Bytes of the statements that lead to a node from an identity that it had before: ten of the largest
/// keys.
const ROTATION_BYTES: usize = 128 * 1024;
/// Characters of a name that it claims, before it is made fit to be shown.
const MOST_CLAIMED: usize = 256;

/// Stands for all that ask, where they are refused; no node is called so.
const EVERYBODY: &str = "*";

/// Answers an admin.
pub(crate) async fn answer(
    node: &dyn Node,
    request: &mut Request,
    route: MeshRoute<'_>,
) -> Result<Reply, Failure> {
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    let told = |value: Value| reply::json_value(StatusCode::OK, &value);
    match route {
        MeshRoute::Overview => {
            reading(request)?;
            told(node.mesh(MeshCommand::Overview).await?)
        }
        MeshRoute::Diagnose { node: name } => {
            reading(request)?;
            told(node.mesh(MeshCommand::Diagnose(name.into_owned())).await?)
        }
        MeshRoute::Peers if reads => told(node.mesh(MeshCommand::Peers).await?),
        MeshRoute::Peers => {
            allow(&request.method, &[Method::POST], "GET,POST")?;
            let pairing: NewPairing = body(request).await?;
            made(node.mesh(MeshCommand::Pair(pairing)).await?)
        }
        MeshRoute::Peer { node: name } if reads => {
            told(node.mesh(MeshCommand::Show(name.into_owned())).await?)
        }
        MeshRoute::Peer { node: name } => {
            allow(&request.method, &[Method::POST], "GET,POST")?;
            let action: PeerAction = body(request).await?;
            told(node.mesh(action.command(name.into_owned())).await?)
        }
        MeshRoute::Invitations if reads => told(node.mesh(MeshCommand::Invitations).await?),
        MeshRoute::Invitations => {
            allow(&request.method, &[Method::POST], "GET,POST")?;
            let invitation: NewInvitation = body(request).await?;
            made(node.mesh(MeshCommand::Invite(invitation)).await?)
        }
        MeshRoute::Invitation { number } => {
            allow(&request.method, &[Method::DELETE], "DELETE")?;
            let missing = || Failure::NotFound("missing".to_owned());
            let number = number.parse().map_err(|_| missing())?;
            told(node.mesh(MeshCommand::Withdraw(number)).await?)
        }
        MeshRoute::Introductions if reads => told(node.mesh(MeshCommand::Introductions).await?),
        MeshRoute::Introductions => introductions(node, request).await,
    }
}

/// What is done with a peer: `{"action": "approve", "name": …, "groups": […]}` and the others.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
enum PeerAction {
    Approve {
        name: Option<String>,
        #[serde(default)]
        groups: Vec<String>,
    },
    Reject {},
    Revoke {},
    Introducer {
        introducer: bool,
        #[serde(default)]
        may_confer: Vec<String>,
        introductions: Option<String>,
    },
}

impl PeerAction {
    fn command(self, node: String) -> MeshCommand {
        match self {
            Self::Approve { name, groups } => MeshCommand::Approve(Approval { node, name, groups }),
            Self::Reject {} if node == EVERYBODY => MeshCommand::RejectAll,
            Self::Reject {} => MeshCommand::Reject(node),
            Self::Revoke {} => MeshCommand::Revoke(node),
            Self::Introducer { introducer, may_confer, introductions } => {
                MeshCommand::Introducer(ChangedIntroducer {
                    node,
                    introducer,
                    may_confer,
                    introductions,
                })
            }
        }
    }
}

/// Makes introductions, or hears one that an admin brings: a statement has a `kind`.
async fn introductions(node: &dyn Node, request: &mut Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::POST], "GET,POST")?;
    let value: Value = body(request).await?;
    if value.get("kind").is_some() {
        let statement =
            Statement::from_json(&value).map_err(|error| Failure::BadRequest(error.to_string()))?;
        let heard = node.hear_introduction(Box::new(statement)).await?;
        return reply::json_value(StatusCode::OK, &heard);
    }
    let wish: NewIntroduction = serde_json::from_value(value).map_err(|error| {
        Failure::BadRequest(format!("Request body has the wrong shape: {error}"))
    })?;
    made(node.mesh(MeshCommand::Introduce(wish)).await?)
}

fn reading(request: &Request) -> Result<(), Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")
}

fn made(value: Value) -> Result<Reply, Failure> {
    reply::json_value(StatusCode::CREATED, &value)
}

async fn body<T: DeserializeOwned>(request: &mut Request) -> Result<T, Failure> {
    request.check_json()?;
    request.json(limits::SMALL_JSON_BYTES).await
}

/// What a node says that is no peer yet.
#[derive(Deserialize)]
struct Introducing {
    #[serde(default)]
    name: String,
    port: Option<u16>,
    token: Option<String>,
    rotations: Option<Vec<Value>>,
}

/// Answers a node that wants to be a peer. Without a certificate there is no such path, and credentials
/// are of no use here: a certificate tells who asks.
pub(crate) async fn pair(
    node: &dyn Node,
    request: &mut Request,
    how: PairRoute,
) -> Result<Reply, Failure> {
    let (certificate, address) =
        (request.session.peer().certificate, request.session.peer().address);
    let Some(id) = certificate else { return Err(Failure::NotFound("missing".to_owned())) };
    allow(&request.method, &[Method::POST], "POST")?;
    request.check_json()?;
    let most = if how == PairRoute::Rotated { ROTATION_BYTES } else { PAIRING_BYTES };
    let said: Introducing = request.json(most).await?;
    let missing = |member: &str| Failure::BadRequest(format!("`{member}` is missing"));
    let question = match how {
        PairRoute::Invited => PairingQuestion::Redeem(said.token.ok_or_else(|| missing("token"))?),
        PairRoute::Asking => PairingQuestion::Ask,
        PairRoute::Rotated => {
            let statements = said.rotations.ok_or_else(|| missing("rotations"))?;
            let read = statements.iter().map(Statement::from_json).collect::<Result<_, _>>();
            let bad = |error: refuge_mesh::BadStatement| Failure::BadRequest(error.to_string());
            PairingQuestion::Rotate(read.map_err(bad)?)
        }
    };
    let name = said.name.chars().take(MOST_CLAIMED).collect();
    let visitor = PairingVisitor { id, address, name, port: said.port };
    let answer = node.pair(visitor, question).await?;
    reply::json_value(StatusCode::OK, &answer)
}

/// Tells a node how this one became who it is from the id that it had before, on the mesh port alone.
pub(crate) fn rotations(node: &dyn Node, request: &Request, old: &str) -> Result<Reply, Failure> {
    let missing = || Failure::NotFound("missing".to_owned());
    request.session.peer().certificate.ok_or_else(missing)?;
    reading(request)?;
    let old = NodeId::from_canonical(old).map_err(|_| missing())?;
    reply::json_value(StatusCode::OK, &node.rotations(&old)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::surface::{Endpoint, mesh};

    /// The shapes that a body may have there, as they are described.
    fn shapes(endpoint: &Endpoint) -> Vec<Value> {
        let takes = endpoint.operations.iter().find_map(|one| one.takes).expect("a body");
        let shape = takes()["application/json"]["schema"].clone();
        shape["oneOf"].as_array().cloned().unwrap_or_else(|| vec![shape])
    }

    fn described(shape: &Value) -> BTreeSet<String> {
        shape["properties"].as_object().expect("members").keys().cloned().collect()
    }

    /// The members that are read, as the refusal of another one tells them.
    fn read<T: DeserializeOwned>(mut given: Value) -> BTreeSet<String> {
        given["another"] = 0.into();
        let refusal = serde_json::from_value::<T>(given).err().expect("a refusal").to_string();
        let members = refusal.split('`').skip(1).step_by(2).filter(|member| *member != "another");
        members.map(str::to_owned).collect()
    }

    #[test]
    fn what_is_described_is_what_is_read() {
        let one = |endpoint: &Endpoint| described(&shapes(endpoint)[0]);
        assert_eq!(one(&mesh::PEERS), read::<NewPairing>(json!({})));
        assert_eq!(one(&mesh::INVITATIONS), read::<NewInvitation>(json!({})));
        assert_eq!(one(&mesh::INTRODUCTIONS), read::<NewIntroduction>(json!({})));
        let actions = shapes(&mesh::PEER);
        assert_eq!(actions.len(), 4);
        for shape in actions {
            let action = shape["properties"]["action"]["const"].clone();
            let mut members = read::<PeerAction>(json!({ "action": action }));
            members.insert("action".to_owned());
            assert_eq!(described(&shape), members, "{action}");
        }
    }

    #[test]
    fn all_that_ask_are_refused_by_a_name_that_no_node_has() {
        let reject = || serde_json::from_value::<PeerAction>(json!({"action": "reject"}));
        let command = |node: &str| reject().expect("an action").command(node.to_owned());
        assert_eq!(command("*"), MeshCommand::RejectAll);
        assert_eq!(command("anna"), MeshCommand::Reject("anna".to_owned()));
    }
}
