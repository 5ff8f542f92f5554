//! Checkpoint documents: the session history that both ends keep under `_local/<replication id>`,
//! how two of them are compared, and how the next one is made. Fields as CouchDB names them.
//!
//! Source: <https://docs.couchdb.org/en/stable/replication/protocol.html#compare-replication-logs>

use serde_json::{Map, Value, json};

use crate::date::http_date;
use crate::instance::Instance;
use crate::sequence::{sequence_text_of, smaller};
use crate::summary::Statistics;

/// As CouchDB's; peers do not share ids with us, so it says only how the document is shaped.
const REPLICATION_ID_VERSION: u64 = 4;
/// CouchDB keeps 50 sessions.
const KEPT_SESSIONS: usize = 50;

/// Fields of ours in a session's entry: which databases the ends were, where they tell it with every
/// commit ([`Instance::name`]).
const SOURCE_INSTANCE: &str = "source_instance";
const TARGET_INSTANCE: &str = "target_instance";

/// A checkpoint document, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckpointLog {
    /// Sessions, newest first; what the document's head says is the first of them.
    pub sessions: Vec<Session>,
}

/// One run of a replication.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its random name.
    pub id: String,
    /// Everything up to here was durable on the target.
    pub recorded_sequence: String,
    /// The whole entry of `history`, kept as it was.
    pub entry: Value,
}

impl CheckpointLog {
    /// Reads a checkpoint document. What is not understood is left out: the worst that follows is
    /// that more is compared again.
    pub fn read(body: &Value) -> Self {
        let entries = body.get("history").and_then(Value::as_array);
        let mut sessions: Vec<Session> =
            entries.into_iter().flatten().filter_map(Session::read).collect();
        let head = body.get("session_id").and_then(Value::as_str);
        let sequence = body.get("source_last_seq").map(sequence_text_of);
        if let (Some(id), Some(recorded_sequence)) = (head, sequence)
            && sessions.iter().all(|session| session.id != id)
        {
            let entry = json!({"session_id": id, "recorded_seq": recorded_sequence});
            sessions.insert(0, Session { id: id.to_owned(), recorded_sequence, entry });
        }
        Self { sessions }
    }
}

impl CheckpointLog {
    /// Without the sessions that say to be of other databases than these: one that is deleted and
    /// made anew in the midst of a checkpoint holds a document that speaks of the former one.
    pub fn of_instances(mut self, source: &Instance, target: &Instance) -> Self {
        let other = |session: &Session, field: &str, instance: &Instance| {
            let recorded = session.entry.get(field).and_then(Value::as_str);
            recorded.is_some_and(|recorded| !instance.is_named(recorded))
        };
        self.sessions.retain(|session| {
            !other(session, SOURCE_INSTANCE, source) && !other(session, TARGET_INSTANCE, target)
        });
        self
    }
}

impl Session {
    fn read(entry: &Value) -> Option<Self> {
        Some(Self {
            id: entry.get("session_id")?.as_str()?.to_owned(),
            recorded_sequence: sequence_text_of(entry.get("recorded_seq")?),
            entry: entry.clone(),
        })
    }
}

/// The sequence of the newest session that both ends know, with the sessions up to it (newest
/// first). Where the two ends recorded different sequences of it (a crash came between the two
/// writes, or one end went back to an older state), the smaller one counts.
pub fn common_session(
    source: &CheckpointLog,
    target: &CheckpointLog,
) -> Option<(String, Vec<Value>)> {
    for (position, session) in source.sessions.iter().enumerate() {
        let same = |other: &&Session| other.id == session.id;
        if let Some(other) = target.sessions.iter().find(same) {
            // The source's is written first: where numbers say nothing, the target's is older.
            let sequence = smaller(&other.recorded_sequence, &session.recorded_sequence);
            let history = source.sessions.iter().skip(position);
            let history = history.map(|session| session.entry.clone()).collect();
            return Some((sequence.to_owned(), history));
        }
    }
    None
}

/// What the next checkpoint says of this session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionRecord<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) started_unix_ms: u64,
    pub(crate) now_unix_ms: u64,
    pub(crate) start_sequence: &'a str,
    pub(crate) sequence: &'a str,
    pub(crate) statistics: Statistics,
    /// Names of the ends' instances, empty where they do not tell.
    pub(crate) source_instance: &'a str,
    pub(crate) target_instance: &'a str,
}

/// The next checkpoint document, without `_id` and `_rev`. `older` are the entries of former
/// sessions, newest first.
pub(crate) fn checkpoint_body(record: SessionRecord<'_>, older: &[Value]) -> Map<String, Value> {
    let mut session = json!({
        "session_id": record.session_id,
        "start_time": http_date(record.started_unix_ms),
        "end_time": http_date(record.now_unix_ms),
        "start_last_seq": record.start_sequence,
        "end_last_seq": record.sequence,
        "recorded_seq": record.sequence,
        "missing_checked": record.statistics.missing_checked,
        "missing_found": record.statistics.missing_found,
        "docs_read": record.statistics.docs_read,
        "docs_written": record.statistics.docs_written,
        "doc_write_failures": record.statistics.doc_write_failures,
    });
    if let Value::Object(session) = &mut session {
        let instances =
            [(SOURCE_INSTANCE, record.source_instance), (TARGET_INSTANCE, record.target_instance)];
        let told = instances.into_iter().filter(|(_, instance)| !instance.is_empty());
        session.extend(told.map(|(field, instance)| (field.to_owned(), instance.into())));
    }
    let own =
        |entry: &&Value| entry.get("session_id").and_then(Value::as_str) != Some(record.session_id);
    let mut history = vec![session];
    history.extend(older.iter().filter(own).take(KEPT_SESSIONS - 1).cloned());
    let mut body = Map::new();
    body.insert("session_id".to_owned(), record.session_id.into());
    body.insert("source_last_seq".to_owned(), record.sequence.into());
    body.insert("replication_id_version".to_owned(), REPLICATION_ID_VERSION.into());
    body.insert("history".to_owned(), Value::Array(history));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(sessions: &[(&str, &str)]) -> CheckpointLog {
        let history: Vec<Value> = sessions
            .iter()
            .map(|(id, sequence)| json!({"session_id": id, "recorded_seq": sequence}))
            .collect();
        CheckpointLog::read(&json!({ "history": history }))
    }

    #[test]
    fn the_newest_common_session_counts() {
        let source = log(&[("c", "30-x"), ("b", "20-x"), ("a", "10-x")]);
        let target = log(&[("d", "31-x"), ("b", "20-x"), ("a", "10-x")]);
        let (sequence, history) = common_session(&source, &target).unwrap();
        assert_eq!(sequence, "20-x");
        assert_eq!(history.len(), 2);
    }

    #[test]
    fn a_crash_between_the_two_writes_falls_back_to_the_smaller_sequence() {
        let source = log(&[("a", "30-x")]);
        let target = log(&[("a", "20-x")]);
        assert_eq!(common_session(&source, &target).unwrap().0, "20-x");
        assert_eq!(common_session(&target, &source).unwrap().0, "20-x");
    }

    #[test]
    fn no_common_session_means_the_beginning() {
        assert_eq!(common_session(&log(&[("a", "1")]), &log(&[])), None);
    }

    #[test]
    fn a_head_without_history_and_numbers_are_understood() {
        let head = CheckpointLog::read(&json!({"session_id": "a", "source_last_seq": 7}));
        assert_eq!(head.sessions[0].recorded_sequence, "7");
        assert_eq!(CheckpointLog::read(&json!([1])).sessions, []);
    }

    #[test]
    fn a_session_replaces_its_own_entry_and_old_ones_go() {
        let older: Vec<Value> = (0..60)
            .map(|number| json!({"session_id": format!("s{number}"), "recorded_seq": "1"}))
            .collect();
        let record = SessionRecord {
            session_id: "s0",
            started_unix_ms: 0,
            now_unix_ms: 1_000,
            start_sequence: "1",
            sequence: "2",
            statistics: Statistics::default(),
            source_instance: "7",
            target_instance: "",
        };
        let body = checkpoint_body(record, &older);
        let history = body["history"].as_array().unwrap();
        assert_eq!(history.len(), 50);
        assert_eq!(history[0]["end_time"], "Thu, 01 Jan 1970 00:00:01 GMT");
        assert_eq!(history[1]["session_id"], "s1");
        assert_eq!(history[0]["source_instance"], "7");
        assert!(history[0].get("target_instance").is_none());
    }

    #[test]
    fn sessions_of_another_database_under_the_same_name_do_not_count() {
        let body = json!({"session_id": "b", "source_last_seq": "20", "history": [
            {"session_id": "b", "recorded_seq": "20", "target_instance": "1"},
            {"session_id": "a", "recorded_seq": "10"},
        ]});
        let log = CheckpointLog::read(&body);
        let source = Instance::started("9");
        assert_eq!(log.clone().of_instances(&source, &Instance::started("1")).sessions.len(), 2);
        assert_eq!(log.of_instances(&source, &Instance::unique("2")).sessions[0].id, "a");
    }
}
