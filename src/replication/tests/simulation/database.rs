//! A database in memory that answers the machine's requests: revision trees of `refuge-document`,
//! bodies by revision, a sequence per document. Everything it holds is durable.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use refuge_document::{
    Body, BodyPlace, Edit, EditKind, Rendering, Revision, RevisionTree, parse_document,
    render_document,
};
use refuge_replication::{
    Answer, ChangedDocument, ChangesPage, Checkpoint, Choice, Difference, DocumentsPage,
    EndFailure, EndFailureKind, Information, Instance, Refusal, Request, Selection, Wanted,
};
use serde_json::Value;

/// So many rows are looked at for a page of what passes.
const LOOKED_AT: usize = 4;
const KEPT_REVISIONS: u32 = 1_000;

#[derive(Default)]
struct Document {
    tree: RevisionTree,
    sequence: u64,
    bodies: BTreeMap<Revision, (bool, Body)>,
}

pub(crate) struct Database {
    documents: BTreeMap<String, Document>,
    locals: BTreeMap<String, (u64, Value)>,
    pub(crate) sequence: u64,
    instance: u64,
    /// Tells which database it is, and takes a checkpoint in its own revision alone.
    pub(crate) tells: bool,
    /// Refuses documents whose id begins so.
    refused_prefix: Option<&'static str>,
}

/// For comparison: of every document all its revisions, and the leaves with their bodies. Whether an
/// inner revision was a tombstone travels to nobody: a history names revisions alone.
pub(crate) type Picture = BTreeMap<String, (Vec<Revision>, Vec<(Revision, bool, String)>)>;

impl Database {
    pub(crate) fn new(refused_prefix: Option<&'static str>) -> Self {
        Self {
            documents: BTreeMap::new(),
            locals: BTreeMap::new(),
            sequence: 0,
            instance: 1,
            tells: true,
            refused_prefix,
        }
    }

    /// Deleted and made again, empty.
    pub(crate) fn make_anew(&mut self) {
        let (instance, tells) = (self.instance + 1, self.tells);
        *self = Self::new(self.refused_prefix);
        (self.instance, self.tells) = (instance, tells);
    }

    /// A client's edit of the `choice`-th leaf.
    pub(crate) fn edit(&mut self, id: &str, choice: usize, deleted: bool, text: &str) {
        let document = self.documents.entry(id.to_owned()).or_default();
        let leaves = document.tree.leaves();
        let live: Vec<_> = leaves.iter().filter(|leaf| !leaf.deleted).collect();
        let parent = match live.len() {
            0 => None,
            count => Some(live[choice % count].revision.clone()),
        };
        let edit = Edit {
            deleted: deleted && parent.is_some(),
            body: Body::parse(text.as_bytes()).unwrap(),
            attachments: Vec::new(),
            kind: EditKind::Interactive { parent },
        };
        self.apply(id, &edit);
    }

    fn apply(&mut self, id: &str, edit: &Edit) {
        let next = self.sequence + 1;
        let document = self.documents.entry(id.to_owned()).or_default();
        let before = document.tree.clone();
        let applied = document
            .tree
            .apply(edit, BodyPlace::At(next), KEPT_REVISIONS)
            .expect("the model edits leaves");
        let revision = applied.revision().clone();
        if document.tree == before {
            return;
        }
        self.sequence = next;
        document.sequence = next;
        document.bodies.entry(revision).or_insert((edit.deleted, edit.body.clone()));
    }

    pub(crate) fn perform(&mut self, request: &Request) -> Result<Answer, EndFailure> {
        Ok(match request {
            Request::Information => Answer::Information(Information {
                update_sequence: self.text(self.sequence),
                instance: self.told(),
                ttl: true,
                access: true,
            }),
            Request::CreateDatabase { .. } => Answer::Created,
            Request::Checkpoint { local_id } => Answer::Checkpoint(self.checkpoint(local_id)),
            Request::WriteCheckpoint { local_id, body, revision } => {
                self.write_checkpoint(local_id, body, revision.as_deref())?
            }
            Request::DesignDocument { .. } => Answer::DesignDocument(None),
            Request::Changes { selection, since, limit, .. } => {
                Answer::Changes(self.changes(selection, since, *limit))
            }
            Request::RevisionsDiff { revisions } => Answer::Differences(self.diff(revisions)),
            Request::Documents { wanted, limit_bytes } => {
                Answer::Documents(self.read(wanted, *limit_bytes))
            }
            Request::Store { documents } => {
                Answer::Stored { refused: self.store(documents), overdue: Vec::new() }
            }
            Request::Carry { .. } => {
                return Err(EndFailure::permanent("a revision is carried between two ends"));
            }
            Request::EnsureFullCommit => Answer::Committed { instance: self.told() },
        })
    }

    fn told(&self) -> Instance {
        match self.tells {
            true => Instance::started(self.instance.to_string()),
            false => Instance::started("0"),
        }
    }

    /// How many checkpoints it holds.
    pub(crate) fn checkpoints(&self) -> usize {
        self.locals.len()
    }

    fn text(&self, sequence: u64) -> String {
        format!("{sequence}-{:x}", self.instance)
    }

    pub(crate) fn number(sequence: &str) -> u64 {
        sequence.split('-').next().unwrap().parse().unwrap()
    }

    pub(crate) fn checkpoint(&self, local_id: &str) -> Option<Checkpoint> {
        let (number, body) = self.locals.get(local_id)?;
        Some(Checkpoint { revision: format!("0-{number}"), body: body.clone() })
    }

    fn write_checkpoint(
        &mut self,
        local_id: &str,
        body: &Value,
        revision: Option<&str>,
    ) -> Result<Answer, EndFailure> {
        let known = self.checkpoint(local_id).map(|found| found.revision);
        if self.tells && known.as_deref() != revision {
            return Err(EndFailure::of(EndFailureKind::Conflict, "conflict"));
        }
        let given = revision.and_then(|revision| revision.strip_prefix("0-"));
        let number = given.map_or(0, |number| number.parse::<u64>().unwrap()) + 1;
        self.locals.insert(local_id.to_owned(), (number, body.clone()));
        Ok(Answer::CheckpointWritten { revision: format!("0-{number}") })
    }

    fn changes(&self, selection: &Selection, since: &str, limit: usize) -> ChangesPage {
        // Behind a sequence of a former database stands all of this one.
        let of_former =
            since.split_once('-').is_some_and(|_| since != self.text(Self::number(since)));
        let after = if of_former { 0 } else { Self::number(since) };
        let mut changed: Vec<_> =
            self.documents.iter().filter(|(_, document)| document.sequence > after).collect();
        changed.sort_by_key(|(_, document)| document.sequence);
        let most = if selection.is_selective() { LOOKED_AT } else { usize::MAX };
        let looked_at = &changed[..changed.len().min(most)];
        let passed = looked_at.iter().filter(|(id, document)| passes(selection, id, document));
        let rows: Vec<ChangedDocument> = passed
            .take(limit)
            .map(|(id, document)| ChangedDocument {
                sequence: self.text(document.sequence),
                id: (*id).clone(),
                revisions: document.tree.leaves().into_iter().map(|leaf| leaf.revision).collect(),
            })
            .collect();
        let position = match (rows.last(), looked_at.last()) {
            (Some(row), _) if rows.len() == limit => Self::number(&row.sequence),
            (_, Some((_, last))) if looked_at.len() < changed.len() => last.sequence,
            _ => self.sequence.max(after),
        };
        let left = changed.iter().filter(|(_, document)| document.sequence > position).count();
        let last_sequence = match left {
            0 => self.text(self.sequence.max(after)),
            _ => self.text(position),
        };
        ChangesPage { rows, last_sequence, pending: Some(left as u64), finished: left == 0 }
    }

    /// Ids of the documents that pass as they are now.
    pub(crate) fn passing(&self, selection: &Selection) -> BTreeSet<String> {
        let passing = self.documents.iter().filter(|(id, one)| passes(selection, id, one));
        passing.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn missing(&self, id: &str, revisions: &[Revision]) -> Vec<Revision> {
        match self.documents.get(id) {
            Some(document) => document.tree.missing(revisions),
            None => revisions.to_vec(),
        }
    }

    fn diff(&self, revisions: &BTreeMap<String, Vec<Revision>>) -> BTreeMap<String, Difference> {
        let mut differences = BTreeMap::new();
        for (id, revisions) in revisions {
            let missing = self.missing(id, revisions);
            if !missing.is_empty() {
                let possible_ancestors = match self.documents.get(id) {
                    Some(document) => document.tree.possible_ancestors(&missing),
                    None => Vec::new(),
                };
                let difference = Difference { missing, possible_ancestors };
                differences.insert(id.clone(), difference);
            }
        }
        differences
    }

    fn read(&self, wanted: &[Wanted], limit_bytes: usize) -> DocumentsPage {
        let mut page = DocumentsPage::default();
        let mut bytes = 0;
        for wanted in wanted {
            if bytes > limit_bytes {
                page.remaining.push(wanted.clone());
                continue;
            }
            let Some(document) = self.documents.get(&wanted.id) else {
                page.gone += wanted.revisions.len() as u64;
                continue;
            };
            let mut latest: Vec<Revision> = Vec::new();
            for revision in &wanted.revisions {
                for leaf in document.tree.descend(revision) {
                    if !latest.contains(&leaf.revision) {
                        latest.push(leaf.revision);
                    }
                }
            }
            for revision in latest {
                if is_large(&wanted.id) {
                    let (id, revisions) = (wanted.id.clone(), vec![revision]);
                    page.carried.push(Wanted { id, revisions, possible_ancestors: Vec::new() });
                    continue;
                }
                let text = self.render(&wanted.id, &revision);
                bytes += text.len();
                page.documents.push(text);
            }
        }
        page
    }

    /// The text of a revision that is carried by itself; `None` where it is no longer there.
    pub(crate) fn text_of(&self, wanted: &Wanted) -> Option<Bytes> {
        let document = self.documents.get(&wanted.id)?;
        let revision = wanted.revisions.first()?;
        document.bodies.contains_key(revision).then(|| self.render(&wanted.id, revision))
    }

    fn render(&self, id: &str, revision: &Revision) -> Bytes {
        let document = &self.documents[id];
        let (deleted, body) = &document.bodies[revision];
        let history = document.tree.history(revision).unwrap();
        let mut out = Vec::new();
        render_document(
            &mut out,
            &Rendering {
                deleted: *deleted,
                revisions: Some(&history),
                ..Rendering::new(id, revision, body)
            },
        );
        Bytes::from(out)
    }

    pub(crate) fn store(&mut self, documents: &[Bytes]) -> Vec<Refusal> {
        let mut refused = Vec::new();
        for text in documents {
            let incoming = parse_document(text).unwrap();
            let id = incoming.id.unwrap();
            if self.refused_prefix.is_some_and(|prefix| id.starts_with(prefix)) {
                refused.push(Refusal {
                    id,
                    revision: None,
                    error: "forbidden".to_owned(),
                    reason: "not here".to_owned(),
                });
                continue;
            }
            let edit = Edit {
                deleted: incoming.deleted,
                body: incoming.body,
                attachments: Vec::new(),
                kind: EditKind::Replicated { path: incoming.revisions.unwrap(), beside: None },
            };
            self.apply(&id, &edit);
        }
        refused
    }

    /// Leaves of every document whose last change is not after `sequence`.
    pub(crate) fn leaves_up_to(&self, sequence: u64) -> Vec<(String, Vec<Revision>)> {
        self.documents
            .iter()
            .filter(|(_, document)| document.sequence <= sequence)
            .map(|(id, document)| {
                let leaves = document.tree.leaves();
                let revisions = leaves.into_iter().map(|leaf| leaf.revision).collect();
                (id.clone(), revisions)
            })
            .collect()
    }

    pub(crate) fn picture(&self) -> Picture {
        let mut picture = Picture::new();
        for (id, document) in &self.documents {
            let mut nodes: Vec<Revision> =
                document.tree.all().map(|(revision, _)| revision).collect();
            nodes.sort();
            let leaves = document.tree.leaves().into_iter();
            let bodies = leaves.map(|leaf| {
                let (_, body) = &document.bodies[&leaf.revision];
                let text = String::from_utf8(body.as_bytes().to_vec()).unwrap();
                (leaf.revision, leaf.deleted, text)
            });
            picture.insert(id.clone(), (nodes, bodies.collect()));
        }
        picture
    }
}

/// Whether a document is told of. The one selector here is that of small numbers in the winner.
fn passes(selection: &Selection, id: &String, document: &Document) -> bool {
    match &selection.choice {
        Choice::Documents(ids) => ids.contains(id),
        Choice::Selector(selector) => {
            let below = selector["number"]["$lt"].as_u64().unwrap();
            let winner = document.tree.winner().unwrap();
            let (_, body) = &document.bodies[&winner.revision];
            let body: Value = serde_json::from_slice(body.as_bytes()).unwrap();
            body["number"].as_u64().unwrap() < below
        }
        _ => true,
    }
}

/// Some documents stand for those with large attachments.
fn is_large(id: &str) -> bool {
    id.ends_with('7')
}
