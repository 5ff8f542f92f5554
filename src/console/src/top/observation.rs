//! What a node told at one moment, and what follows from two such moments.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

/// One actor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) path: String,
    /// Supervisors above it.
    pub(super) depth: usize,
    pub(super) state: String,
    pub(super) mailbox: Option<u64>,
    pub(super) restarts: u64,
    pub(super) handled: u64,
    pub(super) busy_us: u64,
    pub(super) uptime_seconds: u64,
}

/// A node at one moment.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    at: Instant,
    /// The tree, a supervisor before its children.
    pub(super) actors: Vec<Actor>,
    requests: u64,
    /// As the node told it; what is only shown is not taken apart.
    pub(super) told: Value,
}

impl Observation {
    /// The answer to `observe`.
    pub(super) fn read(told: Value, at: Instant) -> Self {
        let mut actors = Vec::new();
        if let Some(tree) = told.get("tree") {
            collect(tree, 0, &mut actors);
        }
        Self { at, actors, requests: number(&told, "requests"), told }
    }

    /// A member of what the node tells of itself in short.
    pub(super) fn status(&self, member: &str) -> &Value {
        self.told.get("status").and_then(|status| status.get(member)).unwrap_or(&Value::Null)
    }

    /// A list.
    pub(super) fn rows(&self, member: &str) -> &[Value] {
        self.told.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

fn number(value: &Value, member: &str) -> u64 {
    value.get(member).and_then(Value::as_u64).unwrap_or(0)
}

fn collect(node: &Value, depth: usize, actors: &mut Vec<Actor>) {
    let text = |member: &str| {
        node.get(member).and_then(Value::as_str).map(crate::render::printable).unwrap_or_default()
    };
    actors.push(Actor {
        name: text("name"),
        path: text("path"),
        depth,
        state: text("state"),
        mailbox: node.get("mailbox").and_then(Value::as_u64),
        restarts: number(node, "restarts"),
        handled: number(node, "handled"),
        busy_us: number(node, "busy_us"),
        uptime_seconds: number(node, "uptime_seconds"),
    });
    for child in node.get("children").and_then(Value::as_array).into_iter().flatten() {
        collect(child, depth + 1, actors);
    }
}

/// How much happened between two moments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pace {
    /// Requests a second.
    pub(super) requests: f64,
    /// By the actors' paths: messages a second, and which part of the time it was busy.
    pub(super) actors: HashMap<String, (f64, f64)>,
    /// Restarts that came about: the path, and how many there are by now.
    pub(super) restarted: Vec<(String, u64)>,
}

impl Pace {
    pub(super) fn between(former: &Observation, now: &Observation) -> Self {
        let seconds = now.at.saturating_duration_since(former.at).as_secs_f64().max(0.001);
        let known: HashMap<&str, &Actor> =
            former.actors.iter().map(|actor| (actor.path.as_str(), actor)).collect();
        let mut pace = Self {
            requests: now.requests.saturating_sub(former.requests) as f64 / seconds,
            ..Self::default()
        };
        for actor in &now.actors {
            let Some(before) = known.get(actor.path.as_str()) else { continue };
            let handled = actor.handled.saturating_sub(before.handled) as f64 / seconds;
            let busy = actor.busy_us.saturating_sub(before.busy_us) as f64 / 1e6 / seconds;
            pace.actors.insert(actor.path.clone(), (handled, busy.min(1.0)));
            if actor.restarts > before.restarts {
                pace.restarted.push((actor.path.clone(), actor.restarts));
            }
        }
        pace
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    /// A small node after so many seconds.
    pub(in crate::top) fn observation(begun: Instant, seconds: u64) -> Observation {
        let actor = |name: &str, handled: u64, children: Value| {
            json!({
                "name": name, "path": format!("root/{name}"), "state": "running", "mailbox": 3,
                "restarts": seconds, "handled": handled, "busy_us": seconds * 250_000,
                "uptime_seconds": 59, "children": children,
            })
        };
        let told = json!({
            "status": {"state": "up", "version": "1.2.3", "address": "127.0.0.1:5984", "pid": 7,
                "uptime_seconds": 61, "open_databases": 2, "connections": 5,
                "resident_bytes": 64 << 20, "restarts": 1},
            "tree": {"name": "root", "path": "root", "state": "running", "children": [
                actor("engine", 100 * seconds, json!([])),
                actor("expiry", 10 * seconds, json!([])),
            ]},
            "requests": 1_000 * seconds,
            "disk": {"available_bytes": 5_u64 << 30, "least_bytes": 1},
            "tasks": [{"type": "indexer", "database": "cities", "progress": 40}],
            "peers": [{"name": "anna", "trust": "trusted", "up": true, "addresses": ["a:1"]}],
        });
        Observation::read(told, begun + Duration::from_secs(seconds))
    }

    #[test]
    fn two_moments_make_a_pace() {
        let begun = Instant::now();
        let (former, now) = (observation(begun, 1), observation(begun, 3));
        let pace = Pace::between(&former, &now);
        assert_eq!(pace.requests, 1_000.0);
        assert_eq!(pace.actors["root/engine"], (100.0, 0.25));
        assert_eq!(pace.restarted.len(), 2);
        assert_eq!(now.actors[1].depth, 1);
    }
}
