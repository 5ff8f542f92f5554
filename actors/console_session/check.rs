//! What is not well with the node, each with what to do about it. No part that is asked has to be up: what
//! cannot be asked is told as such by the tree.

use std::time::Duration;

use refuge_http::Failure;
use refuge_mesh::HubAddress;
use refuge_otp::{ChildState, Names, TreeNode};
use refuge_replication::DocumentName;
use serde_json::{Value, json};

use super::control::Answer;
use super::node;
use super::shortening::Shortening;
use crate::configuration::CurrentSettings;
use crate::engine::StorageDoors;
use crate::replication_scheduler::ReplicationSchedulerMessage;
use crate::replicator_documents::ReplicatorDocumentsMessage;
use crate::{mesh_commands, mesh_listener, names, peer_directory};

/// Restarts of one actor since the start from which on it is named as a problem.
const MANY_RESTARTS: u64 = 5;
/// Messages that wait for one actor from which on it is named as a problem: a full queue of a shard holds
/// a few thousand.
const MANY_MESSAGES: usize = 1_000;
/// How long an answer is waited for: who asks wants to know what is wrong now.
const PATIENCE: Duration = Duration::from_secs(2);
/// Jobs of the scheduler that are looked at.
const LOOKED_AT: usize = 10_000;
/// Replications of one kind that are named; the others are as many lines of the same.
const MOST_NAMED: usize = 20;

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Value>);

impl Findings {
    fn add(&mut self, what: impl Into<String>, to_do: &str) {
        self.0.push(json!({"what": what.into(), "do": to_do}));
    }
}

/// What a part answers; `None` where it is down or waits for others, which the tree says.
async fn in_time<T>(answer: impl Future<Output = Result<T, Failure>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
}

/// What is not well, each with what to do.
pub(super) async fn check(names: &Names) -> Answer {
    let tree = node::tree(names)?;
    let mut found = Findings::default();
    parts(&tree, &mut found);
    storage(names, &mut found);
    mesh(names, &mut found);
    crashing(names, &mut found).await;
    in_vain(names, &mut found).await;
    Ok(json!({ "problems": found.0 }))
}

fn parts(tree: &TreeNode, found: &mut Findings) {
    for part in node::lasting(tree) {
        match part.state {
            ChildState::Running => {}
            ChildState::Parked => found.add(
                format!("{} is parked: it failed again and again", part.path),
                "look at the log for why; it is tried again every 30 s",
            ),
            other => found.add(
                format!("{} is {}", part.path, node::state(other)),
                "wait a moment; the log says why it ended",
            ),
        }
    }
    for part in tree.walk() {
        if part.restarts >= MANY_RESTARTS {
            let what = format!("{} was restarted {} times", part.path, part.restarts);
            found.add(what, "look at the log for why it ends");
        }
        if let Some(waiting) = part.mailbox.filter(|waiting| *waiting >= MANY_MESSAGES) {
            let what = format!("{waiting} messages wait for {}", part.path);
            let to_do = "send less at a time, or give the node more processors or a faster disk";
            found.add(what, to_do);
        }
    }
}

fn storage(names: &Names, found: &mut Findings) {
    match names.value::<StorageDoors>(names::ENGINE) {
        None => found.add(
            "the storage is down",
            "look at the log; free disk space, or restore a backup where data is damaged",
        ),
        Some(doors) => {
            if doors.store.free_space().is_some_and(|left| left.is_short()) {
                let to_do = "free disk space; deleting databases and compacting go on working";
                found.add("the disk is nearly full: writes are refused", to_do);
            }
        }
    }
}

/// The port for other nodes, and the hubs.
fn mesh(names: &Names, found: &mut Findings) {
    if let Some(reason) = mesh_listener::deafness(names) {
        found.add(
            format!("the mesh's port cannot be listened on: {reason}"),
            "end the program that has the port (ss -ltnp shows it), which is found within 10 s; or set \
             mesh.bind or mesh.port to others, then refuge stop and refuge start",
        );
    }
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    let (Some(current), Some(peers)) = (current, peer_directory::peers(names)) else { return };
    for text in HubAddress::texts(&current.settings.hub.hubs) {
        match text.parse() {
            Ok(HubAddress::Node { .. }) => {}
            Ok(HubAddress::Peer(name)) => {
                if mesh_commands::find(&peers, &name).is_err() {
                    found.add(
                        format!("`{name}` in hub.hubs is not the name of any peer"),
                        "name a peer as `refuge peer list` shows it, or write refuge:ID@host:port",
                    );
                }
            }
            Err(error) => {
                found.add(format!("a hub in hub.hubs is passed over: {error}"), "mend hub.hubs");
            }
        }
    }
}

/// Replications whose last run failed.
async fn crashing(names: &Names, found: &mut Findings) {
    let jobs = crate::call(names, names::REPLICATION_SCHEDULER, |reply| {
        ReplicationSchedulerMessage::Jobs { skip: 0, limit: LOOKED_AT, reply }
    });
    let Some(told) = in_time(jobs).await else { return };
    let jobs = told.get("jobs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let shortening = Shortening::of(names);
    let crashing: Vec<String> =
        jobs.iter().filter_map(crash).map(|what| shortening.shorten(&what)).collect();
    add_some(
        found,
        &crashing,
        "mend what it says: what another node or server forbids is granted there, in the _security of its \
         database; it is tried again by itself, ever more seldom",
    );
}

/// What is said of a job, where the last thing that happened to it is that it crashed.
fn crash(job: &Value) -> Option<String> {
    let text = |member: &str| job.get(member).and_then(Value::as_str);
    let history = job.get("history")?.as_array()?;
    let is_crash = |step: &&Value| step.get("type").and_then(Value::as_str) == Some("crashed");
    let last = history.first().filter(is_crash)?;
    let reason = last.get("reason").and_then(Value::as_str).unwrap_or("the log says why");
    let name = match (text("database"), text("doc_id")) {
        (Some(database), Some(document)) => format!("{database}/{document}"),
        _ => text("id")?.to_owned(),
    };
    let (source, target) = (text("source")?, text("target")?);
    let times = match history.iter().filter(is_crash).count() {
        1 => String::new(),
        // The history is bounded.
        times => format!(", {times} times of late"),
    };
    Some(format!("the replication {name} from {source} to {target} crashed{times}: {reason}"))
}

/// Documents of `_replicator` that wait for somebody who is none of the peers.
async fn in_vain(names: &Names, found: &mut Findings) {
    let limit = LOOKED_AT;
    let waiting = crate::call(names, names::REPLICATOR_DOCUMENTS, |reply| {
        ReplicatorDocumentsMessage::InVain { limit, reply }
    });
    let Some(waiting) = in_time(waiting).await else { return };
    let told = |(DocumentName { database, id }, lacking): (DocumentName, String)| {
        format!("the replication {database}/{id} waits: {lacking}")
    };
    let waiting: Vec<String> = waiting.into_iter().map(told).collect();
    add_some(
        found,
        &waiting,
        "correct the name in the document, or make the node a peer: refuge invite here and refuge pair there",
    );
}

/// Each of them, or the first and how many more there are.
fn add_some(found: &mut Findings, all: &[String], to_do: &str) {
    for what in all.iter().take(MOST_NAMED) {
        found.add(what.as_str(), to_do);
    }
    if all.len() > MOST_NAMED {
        let what = format!("{} more replications are in the same way", all.len() - MOST_NAMED);
        found.add(what, "refuge eval replications shows those that crash, _scheduler/docs all");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(steps: &[&str]) -> Value {
        let step = |kind: &&str| match *kind {
            "crashed" => json!({"type": "crashed", "reason": "b forbids it: not for you"}),
            kind => json!({"type": kind}),
        };
        let history: Vec<Value> = steps.iter().map(step).collect();
        json!({
            "id": "abc+continuous", "database": "_replicator", "doc_id": "one", "source": "a",
            "target": "b", "history": history,
        })
    }

    #[test]
    fn a_replication_that_crashed_last_is_told_and_one_that_works_is_not() {
        let what = "the replication _replicator/one from a to b crashed";
        let reason = "b forbids it: not for you";
        let once = crash(&job(&["crashed", "started", "added"]));
        assert_eq!(once, Some(format!("{what}: {reason}")));
        let twice = crash(&job(&["crashed", "started", "crashed", "started", "added"]));
        assert_eq!(twice, Some(format!("{what}, 2 times of late: {reason}")));
        assert_eq!(crash(&job(&["started", "crashed", "started", "added"])), None);
        assert_eq!(crash(&job(&["added"])), None);
    }

    #[test]
    fn what_there_is_much_of_is_counted() {
        let mut found = Findings::default();
        let all: Vec<String> = (0..MOST_NAMED + 3).map(|number| number.to_string()).collect();
        add_some(&mut found, &all, "mend it");
        assert_eq!(found.0.len(), MOST_NAMED + 1);
        let last = found.0.last().and_then(|last| last.get("what")).and_then(Value::as_str);
        assert_eq!(last, Some("3 more replications are in the same way"));
    }
}
