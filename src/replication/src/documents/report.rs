//! What `_scheduler/docs` tells, in CouchDB's shape.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/server/common.html#scheduler-docs>

use refuge_mesh::{Peers, Selector};
use serde_json::{Map, Value, json};

use super::absent::no_peer_named;
use super::document::{Active, Document, State};
use super::run::{Phase, Run};
use super::{DocumentName, Documents, PeerUp};
use crate::date::timestamp;
use crate::job::is_named_by;

/// Which documents are told of.
#[derive(Clone, Debug, Default)]
pub struct DocumentRows {
    /// Those of this database alone.
    pub database: Option<String>,
    /// Those in one of these states alone; all where there are none.
    pub states: Vec<String>,
    /// In the opposite order of their ids.
    pub descending: bool,
    /// So many are passed over.
    pub skip: usize,
    /// At most so many are told of.
    pub limit: usize,
}

impl DocumentRows {
    /// All of them.
    pub fn all() -> Self {
        Self { limit: usize::MAX, ..Self::default() }
    }
}

/// What a report tells and the machine does not know.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// The peers, where they are known now.
    pub peers: Option<&'a Peers>,
    /// The counts of a replication that runs now, by its id as text.
    pub progress: &'a dyn Fn(&str) -> Option<Value>,
}

impl Outside<'_> {
    /// Why nobody runs towards those whom an end names, while none of them is up.
    fn absence(&self, selector: &Selector) -> String {
        let unknown = self.peers.and_then(|peers| no_peer_named(selector, peers));
        unknown.unwrap_or_else(|| format!("no trusted node that `{selector}` names is up"))
    }
}

impl Documents {
    /// The body of `_scheduler/docs`.
    pub fn report(&self, rows: &DocumentRows, outside: Outside<'_>) -> Value {
        let wanted = self.documents.iter().filter(|(name, document)| {
            rows.database.as_deref().is_none_or(|database| *name.database == *database)
                && (rows.states.is_empty()
                    || rows.states.iter().any(|state| state == self.state(document)))
        });
        let mut wanted: Vec<(&DocumentName, &Box<Document>)> = wanted.collect();
        if rows.descending {
            wanted.reverse();
        }
        let total = wanted.len();
        let page = wanted.into_iter().skip(rows.skip).take(rows.limit);
        let told: Vec<Value> =
            page.map(|(name, document)| self.row(name, document, outside)).collect();
        json!({"total_rows": total, "offset": rows.skip.min(total), "docs": told})
    }

    /// The body of `_scheduler/docs/{db}/{id}`; `None` when there is no such document.
    pub fn report_one(&self, name: &DocumentName, outside: Outside<'_>) -> Option<Value> {
        self.documents.get(name).map(|document| self.row(name, document, outside))
    }

    fn state(&self, document: &Document) -> &'static str {
        match &document.state {
            State::Failed { .. } => "failed",
            State::Completed { .. } => "completed",
            State::Active(active) => match active.runs.get(&None) {
                Some(run) => self.state_of(run),
                None => self.state_of_all(active),
            },
        }
    }

    fn row(&self, name: &DocumentName, document: &Document, outside: Outside<'_>) -> Value {
        let told = match &document.state {
            State::Failed { reason } => Told {
                state: "failed",
                id: None,
                errors: 1,
                information: json!({ "error": reason }),
            },
            State::Completed { id, statistics } => Told {
                state: "completed",
                id: id.clone(),
                errors: 0,
                information: statistics.clone().unwrap_or(Value::Null),
            },
            State::Active(active) => self.told(active, outside),
        };
        json!({
            "database": &*name.database,
            "doc_id": &*name.id,
            "id": told.id,
            "node": "nonode@nohost",
            "source": document.shown.source,
            "source_proxy": document.shown.source_proxy,
            "target": document.shown.target,
            "target_proxy": document.shown.target_proxy,
            "state": told.state,
            "info": told.information,
            "error_count": told.errors,
            "start_time": timestamp(document.started_unix_ms),
            "last_updated": timestamp(document.updated_unix_ms),
        })
    }

    fn told(&self, active: &Active, outside: Outside<'_>) -> Told {
        let only = active.runs.get(&None);
        if let Some(run) = only {
            return Told {
                state: self.state_of(run),
                id: Some(run.id.to_string()),
                errors: run.crashes.count(),
                information: self.information(run, outside).map_or(Value::Null, Value::Object),
            };
        }
        let nodes: Vec<Value> = active
            .runs
            .iter()
            .filter_map(|(node, run)| {
                let node = self.nodes.iter().find(|up| Some(up.id) == *node)?;
                Some(self.towards(node, run, outside))
            })
            .collect();
        let mut information = Map::new();
        if let Some(end) = active.job.node_end()
            && !self.nodes.iter().any(|node| is_named_by(&end.selector, node))
        {
            information.insert("reason".to_owned(), outside.absence(&end.selector).into());
        }
        if let Some(error) = active.runs.values().find_map(|run| error_of(run)) {
            information.insert("error".to_owned(), error.into());
        }
        information.insert("nodes".to_owned(), nodes.into());
        let one = active.runs.only();
        Told {
            state: self.state_of_all(active),
            id: one.map(|run| run.id.to_string()),
            errors: active.runs.values().map(|run| run.crashes.count()).max().unwrap_or(0),
            information: Value::Object(information),
        }
    }

    fn towards(&self, node: &PeerUp, run: &Run, outside: Outside<'_>) -> Value {
        let mut told = Map::new();
        told.insert("node".to_owned(), node.id.to_string().into());
        told.insert("name".to_owned(), node.name.as_str().into());
        told.insert("id".to_owned(), run.id.to_string().into());
        told.insert("state".to_owned(), self.state_of(run).into());
        told.insert("error_count".to_owned(), run.crashes.count().into());
        told.extend(self.information(run, outside).unwrap_or_default());
        Value::Object(told)
    }

    /// What there is to say of one run beyond its state.
    fn information(&self, run: &Run, outside: Outside<'_>) -> Option<Map<String, Value>> {
        let counts = match run.phase {
            Phase::Running { .. } => (outside.progress)(&run.id.to_string()),
            Phase::Done => run.statistics.clone(),
            Phase::Ready | Phase::Starting(_) | Phase::Pending(_) | Phase::Resting { .. } => None,
        };
        let mut information = match counts {
            Some(Value::Object(counts)) => counts,
            _ => Map::new(),
        };
        if let Some(error) = error_of(run) {
            information.insert("error".to_owned(), error.into());
        }
        if let (Phase::Pending(_), Some(reason)) = (run.phase, waiting_for(run)) {
            information.insert("reason".to_owned(), reason.into());
        }
        // Towards a node; other documents fail then.
        if run.phase == Phase::Ready
            && let Some(holder) = self.holders.get(&run.id)
        {
            let reason = format!("the document `{}` runs the same replication", holder.document);
            information.insert("reason".to_owned(), reason.into());
        }
        (!information.is_empty()).then_some(information)
    }

    fn state_of(&self, run: &Run) -> &'static str {
        match run.phase {
            Phase::Ready if self.holders.contains_key(&run.id) => "waiting",
            Phase::Ready | Phase::Starting(_) => "initializing",
            Phase::Pending(_) => "pending",
            Phase::Running { .. } => "running",
            Phase::Resting { .. } => "crashing",
            Phase::Done => "waiting",
        }
    }

    /// Of a document with several runs the most telling one.
    fn state_of_all(&self, active: &Active) -> &'static str {
        let states: Vec<&str> = active.runs.values().map(|run| self.state_of(run)).collect();
        let telling = ["running", "crashing", "pending", "initializing"];
        telling.into_iter().find(|state| states.contains(state)).unwrap_or("waiting")
    }
}

/// Why a run is pending, where it is more than that others run before it.
fn waiting_for(run: &Run) -> Option<String> {
    run.waits_for.map(|reason| reason.to_string())
}

/// Why a run does not work now; of one that works again the count of its crashes tells enough.
fn error_of(run: &Run) -> Option<&str> {
    let works = matches!(run.phase, Phase::Running { .. });
    run.last_error.as_deref().filter(|_| !works)
}

struct Told {
    state: &'static str,
    id: Option<String>,
    errors: u32,
    information: Value,
}
