//! Two scripted ends with one changed document at the source, and what the machine asked of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use refuge_document::Revision;
use refuge_replication::{
    Answer, Carriage, ChangedDocument, ChangesPage, Difference, DocumentsPage, Effect, End,
    EndFailure, EndFailureKind, EndPoint, Failure, Information, Phase, Replication, ReplicationId,
    ReplicationIdentity, Request, Selection, Settings, Summary,
};
use serde_json::{Value, json};

pub(crate) type Outcome = Result<Answer, EndFailure>;

/// Two ends with one changed document at the source.
pub(crate) struct Script {
    pub(crate) settings: Settings,
    /// What is asked, in order: `source Information`.
    pub(crate) asked: Vec<String>,
    /// Answers that differ from the usual, by what is asked; used up one after another.
    pub(crate) instead: BTreeMap<&'static str, Vec<Outcome>>,
    pub(crate) written: Vec<Value>,
    /// Under which names checkpoints were asked for.
    pub(crate) local_ids: Vec<String>,
    /// How many bytes of documents were asked for at a time.
    pub(crate) limits_bytes: Vec<usize>,
    pub(crate) now_ms: u64,
}

impl Script {
    pub(crate) fn new() -> Self {
        let end = |name: &str| EndPoint::Local(name.to_owned());
        let id = ReplicationId::of(ReplicationIdentity {
            node_uuid: "node",
            source: &end("a"),
            target: &end("b"),
            continuous: false,
            create_target: false,
            strip: false,
            selection: &Selection::default(),
            since: None,
            user: None,
        });
        let mut settings = Settings::once(id, "session".to_owned(), 0);
        settings.source_name = "a".to_owned();
        settings.target_name = "b".to_owned();
        Self {
            settings,
            asked: Vec::new(),
            instead: BTreeMap::new(),
            written: Vec::new(),
            local_ids: Vec::new(),
            limits_bytes: Vec::new(),
            now_ms: 0,
        }
    }

    pub(crate) fn instead(
        mut self,
        asked: &'static str,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        self.instead.entry(asked).or_default().extend(outcomes);
        self
    }

    /// Runs to the end, answering at once, jumping to where the machine wants to be woken.
    pub(crate) fn run(&mut self) -> Result<Summary, Failure> {
        let mut machine = Replication::new(self.settings.clone());
        let mut effects = machine.start(0);
        loop {
            let mut next = Vec::new();
            let mut wake = None;
            for effect in effects {
                match effect {
                    Effect::Request { id, end, request } => {
                        let outcome = self.answer(end, &request);
                        next.extend(machine.answer(self.now_ms, id, outcome));
                    }
                    Effect::Wake { after_ms } => wake = Some(after_ms),
                    Effect::Refused(refused) => {
                        self.asked.push(format!("refused {}", refused.len()))
                    }
                    Effect::Finished(outcome) => {
                        assert_eq!(machine.status().phase, Phase::Finished);
                        return outcome;
                    }
                }
            }
            if next.is_empty() {
                self.now_ms += wake.unwrap_or(1_000);
                next = machine.elapsed(self.now_ms);
            }
            effects = next;
        }
    }

    pub(crate) fn answer(&mut self, end: End, request: &Request) -> Outcome {
        let text = format!("{request:?}");
        let name = text.split(|character: char| !character.is_alphanumeric()).next().unwrap();
        let asked = format!("{end} {name}");
        self.asked.push(asked.clone());
        if let Request::Documents { limit_bytes, .. } = request {
            self.limits_bytes.push(*limit_bytes);
        }
        if let Some(instead) = self.instead.get_mut(asked.as_str())
            && !instead.is_empty()
        {
            return instead.remove(0);
        }
        Ok(self.usual(request))
    }

    pub(crate) fn usual(&mut self, request: &Request) -> Answer {
        match request {
            Request::Information => Answer::Information(Information {
                update_sequence: "1-x".to_owned(),
                instance_start_time: "5".to_owned(),
                ttl: true,
                access: true,
            }),
            Request::CreateDatabase { .. } => Answer::Created,
            Request::DesignDocument { .. } => {
                Answer::DesignDocument(Some(json!({"filters": {"mine": "function () {}"}})))
            }
            Request::Checkpoint { local_id } => {
                self.local_ids.push(local_id.clone());
                Answer::Checkpoint(None)
            }
            Request::WriteCheckpoint { body, .. } => {
                self.written.push(body.clone());
                Answer::CheckpointWritten { revision: "0-1".to_owned() }
            }
            Request::Changes { .. } => Answer::Changes(page()),
            // It has none of what it is asked for.
            Request::RevisionsDiff { revisions } => {
                let lacks = |(id, missing): (&String, &Vec<Revision>)| {
                    let missing = missing.clone();
                    (id.clone(), Difference { missing, possible_ancestors: Vec::new() })
                };
                Answer::Differences(revisions.iter().map(lacks).collect())
            }
            Request::Documents { .. } => Answer::Documents(DocumentsPage {
                documents: vec![Bytes::from_static(b"{}")],
                ..DocumentsPage::default()
            }),
            Request::Store { .. } => Answer::Stored { refused: Vec::new() },
            Request::Carry { .. } => Answer::Carried(Carriage::Stored),
            Request::EnsureFullCommit => Answer::Committed { instance_start_time: "5".to_owned() },
        }
    }
}

pub(crate) fn page() -> ChangesPage {
    ChangesPage {
        rows: vec![ChangedDocument {
            sequence: "1-x".to_owned(),
            id: "doc".to_owned(),
            revisions: vec!["1-a".parse().unwrap()],
        }],
        last_sequence: "1-x".to_owned(),
        pending: Some(0),
        finished: true,
    }
}

pub(crate) fn failing(kind: EndFailureKind) -> Outcome {
    Err(EndFailure::of(kind, "because"))
}

pub(crate) fn broken() -> Outcome {
    Err(EndFailure::transient("connection reset"))
}
