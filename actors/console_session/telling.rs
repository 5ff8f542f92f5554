//! What the console tells of what is under way: indexers, replications, sessions, events, counts.

use refuge_http::{NodeEventsPage, NodeEventsRequest};
use refuge_otp::{Names, TreeNode};
use serde_json::{Value, json};

use super::control::{Answer, unavailable};
use super::node;
use super::shortening::Shortening;
use crate::metrics::MetricsMessage;
use crate::node_events::NodeEventsMessage;
use crate::own_events::OwnEventsMessage;
use crate::replication_scheduler::ReplicationSchedulerMessage;
use crate::{names, task_board};

/// Replications that are listed at once.
const LISTED: usize = 1_000;

/// The actors below a supervisor.
fn below(names: &Names, supervisor: &str) -> Result<Vec<TreeNode>, refuge_console::ControlError> {
    let tree = node::tree(names)?;
    Ok(tree.find(supervisor).map_or_else(Vec::new, |found| found.children.clone()))
}

/// The indexers, with the tasks of those that are at work.
pub(super) fn indexers(names: &Names) -> Answer {
    let rows: Vec<Value> = below(names, names::INDEXERS)?
        .into_iter()
        .map(|indexer| {
            let task = task_board::task(names, &indexer.name).unwrap_or_default();
            let told = |member: &str| task.get(member).cloned().unwrap_or(Value::Null);
            json!({
                "name": indexer.name,
                "database": told("database"),
                "design_document": told("design_document"),
                "progress": told("progress"),
                "changes_done": told("changes_done"),
                "total_changes": told("total_changes"),
                "restarts": indexer.restarts,
                "uptime_seconds": indexer.uptime_seconds,
            })
        })
        .collect();
    Ok(json!({ "indexers": rows }))
}

/// The jobs of the scheduler, in short.
pub(super) async fn replications(names: &Names) -> Answer {
    let jobs = crate::call(names, names::REPLICATION_SCHEDULER, |reply| {
        ReplicationSchedulerMessage::Jobs { skip: 0, limit: LISTED, reply }
    });
    let told = jobs.await.map_err(unavailable)?;
    let jobs = told.get("jobs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let shortening = Shortening::of(names);
    let rows: Vec<Value> = jobs.iter().map(|job| row(job, &shortening)).collect();
    Ok(json!({"replications": rows, "total": told.get("total_rows")}))
}

/// Ids of nodes are shortened: a table has no room for them.
fn row(job: &Value, shortening: &Shortening) -> Value {
    let told = |member: &str| job.get(member).cloned().unwrap_or(Value::Null);
    let short = |member: &str| shortening.shorten_value(told(member));
    let info = |member: &str| job.get("info").and_then(|info| info.get(member)).cloned();
    let last = job.get("history").and_then(|history| history.get(0));
    let state = match last.and_then(|last| last.get("type")).and_then(Value::as_str) {
        Some("started") => "running",
        Some("crashed") => "crashing",
        _ => "pending",
    };
    json!({
        "id": told("id"),
        "state": state,
        "source": short("source"),
        "target": short("target"),
        "database": told("database"),
        "doc_id": told("doc_id"),
        "docs_written": info("docs_written"),
        "changes_pending": info("changes_pending"),
        "error": info("error").map(|error| shortening.shorten_value(error)),
    })
}

/// Who is connected.
pub(super) fn sessions(names: &Names) -> Answer {
    let mut rows = Vec::new();
    let supervisors = [
        ("console", names::CONSOLE_SESSIONS),
        ("http", names::HTTP_CONNECTIONS),
        ("mesh", names::MESH_CONNECTIONS),
    ];
    for (kind, supervisor) in supervisors {
        for session in below(names, supervisor)? {
            let (name, uptime) = (session.name, session.uptime_seconds);
            rows.push(json!({"kind": kind, "name": name, "uptime_seconds": uptime}));
        }
    }
    Ok(json!({ "sessions": rows }))
}

/// What happened last, to this node and to others, by time.
pub(super) async fn events(names: &Names, count: usize) -> Answer {
    let own = crate::call(names, names::OWN_EVENTS, |reply| OwnEventsMessage::Last { reply });
    let own = own.await.map_err(unavailable)?;
    let shortening = Shortening::of(names);
    let mut rows: Vec<Value> = own.into_iter().map(|event| own_row(event, &shortening)).collect();
    // Others' events are in the storage, which may be down; then its own ones say so.
    rows.extend(events_of_nodes(names, count).await.unwrap_or_default());
    let time = |row: &Value| row.get("time").and_then(Value::as_str).map(str::to_owned);
    rows.sort_by_key(time);
    rows.drain(..rows.len().saturating_sub(count));
    Ok(json!({ "events": rows }))
}

/// An event of this node itself. Its number is counted apart from those of `_mesh/events`, and has another name
/// here; ids of nodes within its reason are shortened.
fn own_row(mut event: Value, shortening: &Shortening) -> Value {
    if let Value::Object(members) = &mut event {
        if let Some(number) = members.remove("seq") {
            members.insert("own_seq".to_owned(), number);
        }
        if let Some(reason) = members.get_mut("reason") {
            *reason = shortening.shorten_value(reason.take());
        }
    }
    event
}

async fn events_of_nodes(names: &Names, count: usize) -> Option<Vec<Value>> {
    let last = page(names, NodeEventsRequest { after: u64::MAX, limit: 1 }).await?.last;
    let after = last.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
    let page = page(names, NodeEventsRequest { after, limit: count }).await?;
    Some(page.events.iter().map(|event| event.to_json()).collect())
}

async fn page(names: &Names, request: NodeEventsRequest) -> Option<NodeEventsPage> {
    let ask = |reply| NodeEventsMessage::Page { request, reply };
    crate::call(names, names::NODE_EVENTS, ask).await.ok()?.ok()
}

/// What was counted, of the lines whose names hold `part`.
pub(super) async fn statistics(names: &Names, part: &str) -> Answer {
    let text = crate::call(names, names::METRICS, MetricsMessage::Prometheus).await;
    let text = text.map_err(unavailable)?;
    let rows: Vec<Value> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("_bucket"))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(name, _)| name.contains(part))
        .map(|(name, value)| json!({"name": name, "value": value.parse::<f64>().ok()}))
        .collect();
    Ok(json!({ "metrics": rows }))
}
