//! What documents want: how one is taken in, given the runs that it should have now, and forgotten.

use std::sync::Arc;

use refuge_mesh::NodeId;

use super::document::{Active, Document, Reading, State, Writing, read};
use super::run::{Run, RunKey};
use super::runs::Runs;
use super::{Alarm, ChangedReplication, DocumentName, Documents};
use crate::job::is_named_by;

impl Documents {
    /// A document in a revision that was not seen before.
    pub(super) fn take(&mut self, change: ChangedReplication) {
        let (shown, reading) = read(&change.body);
        if let Some(document) = self.documents.get_mut(&change.document)
            && let (State::Active(active), Reading::Job(job)) = (&document.state, &reading)
            && *active.job == **job
        {
            // Something else was edited: what runs goes on.
            document.revision = change.revision;
            return;
        }
        let since_ms = self.unix_ms();
        self.forget(&change.document);
        let mut tell = false;
        let state = match reading {
            Reading::Failed { reason, told } => {
                tell = !told;
                State::Failed { reason }
            }
            Reading::Completed { id, statistics } => State::Completed { id, statistics },
            Reading::Job(job) => {
                State::Active(Active { job: Arc::new(*job), runs: Runs::default() })
            }
        };
        let document = Document {
            revision: change.revision,
            shown,
            state,
            started_unix_ms: since_ms,
            updated_unix_ms: since_ms,
            writing: Writing::Nothing,
        };
        self.documents.insert(change.document.clone(), Box::new(document));
        if tell {
            self.write(&change.document);
        }
        self.follow_nodes(&change.document);
    }

    /// Gives a document the runs that it should have now: that of its own, or those towards the
    /// nodes that it names and that are up.
    pub(super) fn follow_nodes(&mut self, name: &DocumentName) {
        let state = self.documents.get(name).map(|document| &document.state);
        let Some(State::Active(active)) = state else {
            return;
        };
        let wanted: Vec<Option<NodeId>> = match active.job.node_end() {
            None => vec![None],
            Some(end) => {
                let named = self.nodes.iter().filter(|node| is_named_by(&end.selector, node));
                named.map(|node| Some(node.id)).collect()
            }
        };
        let unwanted: Vec<Option<NodeId>> =
            active.runs.nodes().filter(|node| !wanted.contains(node)).collect();
        for node in unwanted {
            self.end_run(&RunKey { document: name.clone(), node });
        }
        for node in wanted {
            self.add_run(RunKey { document: name.clone(), node });
        }
    }

    fn add_run(&mut self, key: RunKey) {
        let unix_ms = self.unix_ms();
        let Some(document) = self.documents.get_mut(&key.document) else {
            return;
        };
        let State::Active(active) = &mut document.state else {
            return;
        };
        if active.runs.get(&key.node).is_some() {
            return;
        }
        let run = Run::new(&active.job, key.node, &self.options.node_uuid);
        active.runs.insert(key.node, run);
        document.updated_unix_ms = unix_ms;
        self.ready.insert(key);
    }

    /// Ends all that a document wanted.
    pub(super) fn forget(&mut self, name: &DocumentName) {
        let Some(document) = self.documents.get(name) else {
            return;
        };
        if let State::Active(active) = &document.state {
            let nodes: Vec<Option<NodeId>> = active.runs.nodes().collect();
            for node in nodes {
                self.end_run(&RunKey { document: name.clone(), node });
            }
        }
        if let Some(document) = self.documents.remove(name)
            && let Writing::Later { at_ms } = document.writing
        {
            self.alarms.remove(&(at_ms, Alarm::Write(name.clone())));
        }
    }
}
