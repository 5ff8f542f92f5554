//! The changes feed, a page at a time, and the comparison of revisions.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use refuge_document::Revision;
use refuge_replication::{
    ChangedDocument, ChangesPage, Difference, EndFailure, Selection, sequence_text_of,
};
use serde::Deserialize;
use serde_json::Value;

use super::{Outgoing, RemoteDatabase, encoded};
use crate::exchange::ExchangeFailure;
use crate::failure::unreadable;

/// How long the peer is asked to wait for a change: below the minute after which proxies cut.
const LONGEST_WAIT: Duration = Duration::from_secs(50);
/// How long the answer may come behind the end of a wait.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a peer that looks for what passes is asked to show that it does: well below the minute that
/// is waited for a piece of an answer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// 500 rows are about 60 KiB; rows with thousands of leaves are rare, and asked for in smaller pages.
const PAGE_BYTES: usize = 16 << 20;
/// Names and revisions of one batch.
const DIFFERENCES_BYTES: usize = 64 << 20;

#[derive(Deserialize)]
struct PageBody {
    results: Vec<RowBody>,
    last_seq: Value,
    pending: Option<u64>,
}

#[derive(Deserialize)]
struct RowBody {
    #[serde(default)]
    seq: Value,
    id: String,
    changes: Vec<LeafBody>,
}

#[derive(Deserialize)]
struct LeafBody {
    rev: String,
}

#[derive(Deserialize)]
struct DifferenceBody {
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default)]
    possible_ancestors: Vec<String>,
}

impl RemoteDatabase {
    pub(super) async fn changes(
        &self,
        selection: &Selection,
        since: &str,
        limit: usize,
        wait: bool,
    ) -> Result<ChangesPage, EndFailure> {
        let mut limit = limit.max(1);
        loop {
            match self.changes_page(selection, since, limit, wait).await {
                // A smaller page of the same rows may fit.
                Err(ExchangeFailure::TooLarge) if limit > 1 => limit = (limit / 8).max(1),
                // A function that filters may be missing as well.
                Err(failure) if selection.is_selective() => return Err(failure.into()),
                Err(failure) => return Err(failure.of_database()),
                Ok(text) => return read_page(&text, limit),
            }
        }
    }

    async fn changes_page(
        &self,
        selection: &Selection,
        since: &str,
        limit: usize,
        wait: bool,
    ) -> Result<Bytes, ExchangeFailure> {
        let mut path = "/_changes?".to_owned();
        for (name, value) in selection.parameters() {
            path.push_str(&format!("{}={}&", encoded(name), encoded(&value)));
        }
        path.push_str(&format!("since={}&limit={limit}", encoded(since)));
        if wait {
            // No heartbeat: CouchDB would never end the wait, and a peer that died in silence
            // would not be noticed sooner.
            let wait_ms = LONGEST_WAIT.as_millis();
            path.push_str(&format!("&feed=longpoll&timeout={wait_ms}"));
        } else if selection.is_selective() {
            // Much may be looked at before anything passes.
            let sign = SIGN_OF_LIFE.min(self.shared.link.patience(PATIENCE) / 3);
            path.push_str(&format!("&heartbeat={}", sign.as_millis().max(1)));
        }
        let outgoing = match selection.posted() {
            Some(body) => Outgoing::new(Method::POST, &path).json(body.to_string().into_bytes()),
            None => Outgoing::new(Method::GET, &path),
        };
        let outgoing = if wait { outgoing.waiting(LONGEST_WAIT + PATIENCE) } else { outgoing };
        self.send(outgoing).await?.read(PAGE_BYTES).await
    }

    pub(super) async fn revisions_diff(
        &self,
        revisions: &BTreeMap<String, Vec<Revision>>,
    ) -> Result<BTreeMap<String, Difference>, EndFailure> {
        let asked: serde_json::Map<String, Value> = revisions
            .iter()
            .map(|(id, revisions)| {
                let texts = revisions.iter().map(|one| Value::String(one.to_string()));
                (id.clone(), Value::Array(texts.collect()))
            })
            .collect();
        let json = Value::Object(asked).to_string().into_bytes();
        let body = self.post("/_revs_diff", json).await;
        let body = body.map_err(ExchangeFailure::of_database)?;
        let text = body.read(DIFFERENCES_BYTES).await?;
        let read: BTreeMap<String, DifferenceBody> =
            serde_json::from_slice(&text).map_err(|error| unreadable("_revs_diff", error))?;
        let mut differences = BTreeMap::new();
        for (id, difference) in read {
            let difference = Difference {
                missing: parsed(&difference.missing, "_revs_diff")?,
                possible_ancestors: parsed(&difference.possible_ancestors, "_revs_diff")?,
            };
            differences.insert(id, difference);
        }
        Ok(differences)
    }
}

fn read_page(text: &[u8], limit: usize) -> Result<ChangesPage, EndFailure> {
    let page: PageBody =
        serde_json::from_slice(text).map_err(|error| unreadable("_changes", error))?;
    let finished = match page.pending {
        Some(pending) => pending == 0,
        // CouchDB 1 does not tell: a page that is not full was the last.
        None => page.results.len() < limit,
    };
    let mut rows = Vec::with_capacity(page.results.len());
    for row in page.results {
        let leaves: Vec<String> = row.changes.into_iter().map(|leaf| leaf.rev).collect();
        rows.push(ChangedDocument {
            sequence: sequence_text_of(&row.seq),
            id: row.id,
            revisions: parsed(&leaves, "_changes")?,
        });
    }
    Ok(ChangesPage {
        rows,
        last_sequence: sequence_text_of(&page.last_seq),
        pending: page.pending,
        finished,
    })
}

fn parsed(texts: &[String], what: &str) -> Result<Vec<Revision>, EndFailure> {
    let revisions = texts.iter().map(|text| text.parse::<Revision>());
    let revisions: Result<Vec<Revision>, _> = revisions.collect();
    revisions.map_err(|error| unreadable(what, error))
}
