//! The last state of a document, as it is written into the document itself: `completed` or `failed`,
//! as CouchDB 3 does; all other states are told at `_scheduler/docs` alone.

use refuge_document::{BadDocument, Body, json};
use serde_json::Value;

use super::DocumentName;
use super::document::{Document, State};
use crate::date::timestamp;

/// Fields of ours in a document.
const REASON: &str = "_replication_state_reason";
const STATISTICS: &str = "_replication_stats";
const ID: &str = "_replication_id";

/// A state to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct StateWrite {
    /// The document.
    pub document: DocumentName,
    /// The revision that it is an edit of.
    pub revision: String,
    /// The fields with their values; `None` for those that are not to be there.
    fields: Vec<(&'static str, Option<Value>)>,
}

impl StateWrite {
    pub(super) fn of(name: &DocumentName, document: &Document, unix_ms: u64) -> Option<Self> {
        let (state, reason, replication_id, statistics) = match &document.state {
            State::Failed { reason } => ("failed", Some(reason.clone().into()), None, None),
            State::Completed { id, statistics } => {
                ("completed", None, id.clone().map(Value::from), statistics.clone())
            }
            State::Active(_) => return None,
        };
        let fields = vec![
            ("_replication_state", Some(state.into())),
            ("_replication_state_time", Some(timestamp(unix_ms).into())),
            (REASON, reason),
            (ID, replication_id),
            (STATISTICS, statistics),
        ];
        Some(Self { document: name.clone(), revision: document.revision.clone(), fields })
    }

    /// The document's body with the state in it. The rest of it keeps its text.
    ///
    /// # Errors
    /// When `body` is no document's body.
    pub fn apply(&self, body: &[u8]) -> Result<Body, BadDocument> {
        let mut text = vec![b'{'];
        for member in json::members(body)? {
            let (name, value) = member?;
            if self.fields.iter().all(|(own, _)| *own != name) {
                push(&mut text, &name, value);
            }
        }
        for (name, value) in &self.fields {
            if let Some(value) = value {
                push(&mut text, name, value.to_string().as_bytes());
            }
        }
        text.push(b'}');
        Body::parse(&text)
    }
}

/// Appends a member.
fn push(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    if text.len() > 1 {
        text.push(b',');
    }
    json::write_string(text, name);
    text.push(b':');
    text.extend_from_slice(value);
}
