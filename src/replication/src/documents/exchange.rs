//! What the machine of the documents and its shell say to each other. Data only.

use std::fmt;
use std::sync::Arc;

pub use refuge_document::REPLICATOR;
use refuge_mesh::NodeId;
use serde_json::{Map, Value};

use super::state::StateWrite;
use crate::identity::ReplicationId;
use crate::job::Job;

/// What the machine is told when it is made.
#[derive(Clone, Debug)]
pub struct DocumentsOptions {
    /// `uuid` of this node, part of the replications' ids.
    pub node_uuid: String,
    /// Wall clock when the machine is made, milliseconds since 1970. All later times are
    /// milliseconds since then by a clock that never goes back.
    pub started_unix_ms: u64,
    /// Numbers of runs begin here; best at random, so that late news of runs which a former machine
    /// started are not taken for news of its own.
    pub first_run: u64,
}

/// Names a document of `_replicator`, or of another database of that kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentName {
    /// Its database.
    pub database: Arc<str>,
    /// Its id.
    pub id: Arc<str>,
}

impl fmt::Display for DocumentName {
    /// For messages; the usual database goes without saying.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.database {
            REPLICATOR => formatter.write_str(&self.id),
            database => write!(formatter, "{database}/{}", self.id),
        }
    }
}

/// A document of `_replicator` as it is now.
#[derive(Clone, Debug)]
pub struct ChangedReplication {
    /// Which.
    pub document: DocumentName,
    /// Its winning revision, as text.
    pub revision: String,
    /// Its body, or why that is none.
    pub body: Result<Map<String, Value>, String>,
}

/// A trusted node that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerUp {
    /// Its id.
    pub id: NodeId,
    /// What it is called here.
    pub name: String,
    /// The groups it is in, without `group:`.
    pub groups: Vec<String>,
    /// The ids that it had before its keys were rotated, by which it is meant as well.
    pub earlier: Vec<NodeId>,
}

/// Names one start of one run; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunNumber(pub u64);

/// A run to be started.
#[derive(Clone, Debug)]
pub struct RunOrder {
    /// To be given back with all news of it.
    pub number: RunNumber,
    /// The document that wants it.
    pub document: DocumentName,
    /// What to do; no end of it names nodes any more.
    pub job: Arc<Job>,
    /// Its id; no other run has it at the same time.
    pub id: ReplicationId,
}

/// What the shell is to do.
#[derive(Clone, Debug)]
pub enum DocumentsEffect {
    /// Start this; its news go to [`crate::Documents::waits`], [`crate::Documents::started`],
    /// [`crate::Documents::ended`] and [`crate::Documents::crashed`].
    Start(RunOrder),
    /// Stop that, or forget it where it crashed and rests; there is no news to be told. Its id may be in a
    /// later start, which has to wait for the end of this one.
    Stop {
        /// The run.
        number: RunNumber,
        /// Its id.
        id: ReplicationId,
    },
    /// Write a state into a document; what came of it goes to [`crate::Documents::written`].
    Write(StateWrite),
    /// Call [`crate::Documents::elapsed`] after so many milliseconds. Replaces the wake-up asked for
    /// earlier. A call too early or too often does no harm.
    Wake {
        /// Milliseconds from now.
        after_ms: u64,
    },
}

/// What came of writing a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is there, in this revision.
    Written {
        /// The document's new revision.
        revision: String,
    },
    /// The document is another by now, or gone; its change will tell.
    Superseded,
    /// It could not be written.
    Failed,
}
