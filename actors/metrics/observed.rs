//! What is looked at when somebody asks: the actors and their queues in the live tree, and what the
//! system tells of the process (`/proc`; where that is not there, these numbers are absent).

use std::collections::BTreeMap;
use std::fs;

use refuge_otp::{Names, TreeNode};
use serde_json::{Map, Value, json};

use super::recorder::{Reading, Sample};
use crate::engine::StorageDoors;
use crate::names;

/// What the tree shows at one moment.
struct Tree {
    actors: usize,
    uptime_seconds: u64,
    open_databases: usize,
    connections: usize,
    /// Messages that wait, by what the actors are.
    waiting: BTreeMap<String, usize>,
    /// What actors did since the node's start, by what they are. Those of children that came and went leave
    /// with them.
    work: BTreeMap<String, Work>,
}

/// What actors of one kind did.
#[derive(Clone, Copy, Default)]
struct Work {
    handled: u64,
    busy_us: u64,
    restarts: u64,
}

impl Tree {
    fn look(names: &Names) -> Option<Self> {
        let root = names.tree()?;
        let children = |name: &str| root.find(name).map_or(0, |node| node.children.len());
        let mut waiting = BTreeMap::new();
        let mut work: BTreeMap<String, Work> = BTreeMap::new();
        for node in root.walk() {
            let done = work.entry(kind(node)).or_default();
            done.handled += node.handled;
            done.busy_us += node.busy_us;
            done.restarts += node.restarts;
            if let Some(count) = node.mailbox {
                *waiting.entry(kind(node)).or_default() += count;
            }
        }
        Some(Self {
            actors: root.walk().count(),
            uptime_seconds: root.uptime_seconds,
            open_databases: children(names::OPEN_DATABASES),
            connections: children(names::HTTP_CONNECTIONS),
            waiting,
            work,
        })
    }
}

impl Work {
    fn samples(self, actor: &str) -> [Sample; 3] {
        let busy_seconds = Reading::Gauge(self.busy_us as f64 / 1e6);
        [
            ("refuge_actor_messages", Reading::Counter(self.handled)),
            ("refuge_actor_busy_seconds", busy_seconds),
            ("refuge_actor_restarts", Reading::Counter(self.restarts)),
        ]
        .map(|(name, reading)| Sample {
            name: format!("{name}_total"),
            labels: vec![("actor".to_owned(), actor.to_owned())],
            reading,
        })
    }
}

/// What an actor is: all shards of all databases are one kind.
fn kind(node: &TreeNode) -> String {
    match node.name.split_once('/') {
        None => node.name.clone(),
        Some((kind, rest)) if rest.contains("/shard/") => format!("{kind}/shard"),
        Some((kind, _)) => kind.to_owned(),
    }
}

/// What the system tells of the process.
#[derive(Default)]
struct Process {
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    open_files: Option<u64>,
    threads: Option<u64>,
    context_switches: Option<u64>,
    read_bytes: Option<u64>,
    written_bytes: Option<u64>,
}

impl Process {
    fn look() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let kibibytes = |name| field(&status, name).map(|kibibytes| kibibytes * 1024);
        let voluntary = field(&status, "voluntary_ctxt_switches");
        let forced = field(&status, "nonvoluntary_ctxt_switches");
        Self {
            resident_bytes: kibibytes("VmRSS"),
            virtual_bytes: kibibytes("VmSize"),
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
            threads: field(&status, "Threads"),
            context_switches: voluntary.zip(forced).map(|(voluntary, forced)| voluntary + forced),
            read_bytes: field(&io, "rchar"),
            written_bytes: field(&io, "wchar"),
        }
    }
}

/// The number behind `name:` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Memory that the process holds.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "VmRSS").map(|kibibytes| kibibytes * 1024)
}

/// All of it as lines for Prometheus.
pub(super) fn samples(names: &Names) -> Vec<Sample> {
    let gauge = |name: &str, value: f64| Sample {
        name: name.to_owned(),
        labels: Vec::new(),
        reading: Reading::Gauge(value),
    };
    let mut samples = Vec::new();
    if let Some(tree) = Tree::look(names) {
        samples.push(gauge("refuge_actors", tree.actors as f64));
        samples.push(gauge("refuge_uptime_seconds", tree.uptime_seconds as f64));
        samples.push(gauge("refuge_open_databases", tree.open_databases as f64));
        samples.push(gauge("refuge_http_connections", tree.connections as f64));
        samples.extend(tree.work.iter().flat_map(|(actor, work)| work.samples(actor)));
        samples.extend(tree.waiting.into_iter().map(|(actor, waiting)| Sample {
            labels: vec![("actor".to_owned(), actor)],
            ..gauge("refuge_mailbox_messages", waiting as f64)
        }));
    }
    if let Some(doors) = names.value::<StorageDoors>(names::ENGINE) {
        let seconds = doors.store.oldest_snapshot().as_secs_f64();
        samples.push(gauge("refuge_storage_oldest_snapshot_seconds", seconds));
    }
    let process = Process::look();
    let seen = [
        ("refuge_resident_bytes", process.resident_bytes),
        ("refuge_open_files", process.open_files),
        ("refuge_threads", process.threads),
    ];
    let seen = seen.into_iter().filter_map(|(name, value)| Some((name, value?)));
    samples.extend(seen.map(|(name, value)| gauge(name, value as f64)));
    samples
}

/// The body of `_system`: CouchDB's members as far as they have a meaning here.
pub(super) fn system(names: &Names) -> Value {
    let process = Process::look();
    let mut body = Map::new();
    let mut put = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(member.to_owned(), value);
        }
    };
    let tree = Tree::look(names);
    put("uptime", tree.as_ref().map(|tree| tree.uptime_seconds.into()));
    let memory = json!({"resident": process.resident_bytes, "virtual": process.virtual_bytes});
    put("memory", process.resident_bytes.map(|_| memory));
    put("context_switches", process.context_switches.map(Value::from));
    put("io_input", process.read_bytes.map(Value::from));
    put("io_output", process.written_bytes.map(Value::from));
    put("thread_count", process.threads.map(Value::from));
    put("open_files", process.open_files.map(Value::from));
    put("process_count", tree.as_ref().map(|tree| tree.actors.into()));
    put("message_queues", tree.as_ref().map(|tree| json!(tree.waiting)));
    put("internal_replication_jobs", Some(0.into()));
    put("distribution", Some(json!({})));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "VmRSSx:\t1 kB\nVmRSS:\t  2048 kB\nvoluntary_ctxt_switches:\t7\n";
        assert_eq!(field(text, "VmRSS"), Some(2048));
        assert_eq!(field(text, "voluntary_ctxt_switches"), Some(7));
        assert_eq!(field(text, "Threads"), None);
    }
}
