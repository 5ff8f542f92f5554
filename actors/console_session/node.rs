//! What the console tells of the node as a whole and of single actors.

use std::time::Instant;

use refuge_console::{ControlError, PeerCommand, TraceWish};
use refuge_otp::{ChildState, Names, Passed, TreeNode};
use serde_json::{Value, json};

use super::control::{Answer, shown};
use crate::configuration::CurrentSettings;
use crate::engine::StorageDoors;
use crate::metrics;
use crate::names;
use crate::node_service::report;
use crate::peer_directory::PeerDirectoryMessage;
use crate::task_board;

/// The live tree.
pub(super) fn tree(names: &Names) -> Result<TreeNode, ControlError> {
    let starting = || ControlError::Unavailable("the node is starting".to_owned());
    names.tree().ok_or_else(starting)
}

/// What is always there: all but what was added at run time, which comes and goes.
pub(super) fn lasting(tree: &TreeNode) -> Vec<&TreeNode> {
    let mut found = Vec::new();
    let mut pending = vec![tree];
    while let Some(node) = pending.pop() {
        found.push(node);
        pending.extend(node.children.iter().rev().filter(|child| !child.added));
    }
    found
}

/// The first part that is not up, the root's children before what is below them.
fn down(tree: &TreeNode) -> Option<&TreeNode> {
    tree.children.iter().chain(lasting(tree)).find(|node| node.state != ChildState::Running)
}

/// The root answers once the last part has started.
pub(super) fn ping(names: &Names) -> Answer {
    let tree = tree(names)?;
    match down(&tree) {
        None => Ok("pong".into()),
        Some(part) => {
            let reason = format!("{} is {}: the node is not up", part.path, state(part.state));
            Err(ControlError::Unavailable(reason))
        }
    }
}

/// In a word.
pub(super) fn state(state: ChildState) -> &'static str {
    match state {
        ChildState::Starting => "starting",
        ChildState::Running => "running",
        ChildState::Restarting => "restarting",
        ChildState::Parked => "parked",
        ChildState::Stopped => "stopped",
    }
}

/// The node in a few lines.
pub(super) async fn status(names: &Names) -> Answer {
    status_of(names, &tree(names)?).await
}

async fn status_of(names: &Names, tree: &TreeNode) -> Answer {
    let children = |name: &str| tree.find(name).map_or(0, |node| node.children.len());
    let parts = tree.children.iter();
    let parts: Vec<Value> =
        parts.map(|part| json!({"name": part.name, "state": state(part.state)})).collect();
    let root = names.value::<CurrentSettings>(names::CONFIGURATION);
    let root = root.map(|current| current.settings.root.display().to_string());
    let resident_bytes = crate::blocking(metrics::resident_bytes).await.ok().flatten();
    Ok(json!({
        "state": down(tree).map_or("up", |part| state(part.state)),
        "version": report::version(names),
        "pid": std::process::id(),
        "root": root,
        "address": names.node(),
        "uptime_seconds": tree.uptime_seconds,
        "actors": tree.walk().count(),
        "restarts": tree.walk().map(|node| node.restarts).sum::<u64>(),
        "open_databases": children(names::OPEN_DATABASES),
        "connections": children(names::HTTP_CONNECTIONS),
        "resident_bytes": resident_bytes,
        "parts": parts,
    }))
}

/// All that the observer shows.
pub(super) async fn observe(names: &Names) -> Answer {
    let tree = tree(names)?;
    let peers = names.lookup::<PeerDirectoryMessage>(names::PEER_DIRECTORY).is_some();
    let peers = match peers {
        true => crate::call(names, names::PEER_DIRECTORY, |reply| PeerDirectoryMessage::Command {
            command: PeerCommand::List,
            reply,
        })
        .await
        .ok(),
        false => None,
    };
    let space = names.value::<StorageDoors>(names::ENGINE);
    let space = space.and_then(|doors| doors.store.free_space());
    let disk = space.map(
        |left| json!({"available_bytes": left.available_bytes, "least_bytes": left.least_bytes}),
    );
    let peers = peers.and_then(Result::ok).and_then(|answer| answer.get("peers").cloned());
    Ok(json!({
        "status": status_of(names, &tree).await?,
        "tree": shown(&tree)?,
        "requests": metrics::count_of_process(names, "refuge_http_requests_total"),
        "disk": disk,
        "tasks": task_board::tasks(names),
        "peers": peers,
    }))
}

/// Stops one actor in order.
pub(super) fn restart(names: &Names, name: &str) -> Answer {
    let tree = tree(names)?;
    if tree.name == name {
        let reason = "the root is the node: restart it whole, without a name".to_owned();
        return Err(ControlError::Refused(reason));
    }
    names.stop(name).map_err(|_| ControlError::NotFound(name.to_owned()))?;
    Ok(json!({ "restarting": name }))
}

/// One actor without those below it.
pub(super) fn actor(names: &Names, name: &str) -> Answer {
    let tree = tree(names)?;
    let found = tree.find(name).ok_or_else(|| ControlError::NotFound(name.to_owned()))?;
    let mut told = shown(found)?;
    if let Some(children) = told.get_mut("children") {
        *children = found.children.len().into();
    }
    Ok(told)
}

/// The messages that pass, until there are enough or the time is over.
pub(super) async fn trace(names: &Names, wish: TraceWish) -> Answer {
    let TraceWish { actor, time, messages } = wish;
    let heard = names.trace(&actor, messages);
    let mut heard = heard.map_err(|_| ControlError::NotFound(actor.clone()))?;
    let begun = Instant::now();
    let mut passed = Vec::new();
    let listening = async {
        while passed.len() < messages
            && let Some(message) = heard.recv().await
        {
            passed.push(message);
        }
    };
    // The time being over is the usual end.
    let _ = tokio::time::timeout(time, listening).await;
    let told: Vec<Value> = passed.iter().map(|message| told(message, begun)).collect();
    Ok(json!({"actor": actor, "messages": told}))
}

fn told(passed: &Passed, begun: Instant) -> Value {
    let after = passed.at.saturating_duration_since(begun);
    json!({
        "after_ms": after.as_millis() as u64,
        "message": passed.message,
        "variant": passed.variant.parse::<u64>().unwrap_or(0),
        "took_us": passed.took.as_micros() as u64,
        "outcome": if passed.well { "ok" } else { "failed" },
    })
}
