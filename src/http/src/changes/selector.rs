//! `filter=_selector`: the documents of a page of the feed that match a selector (CouchDB documentation,
//! "api/database/changes").

use std::sync::Arc;

use refuge_document::{Body, ChangeRow};
use refuge_query::selector::{Document, Metadata, Selector};
use serde_json::Value;

use super::scan::Rows;
use crate::failure::Failure;
use crate::node::StoredBody;
use crate::show::special_members;

/// Lets through what matches.
#[derive(Clone, Debug)]
pub(super) struct SelectorFilter {
    selector: Arc<Selector>,
    /// Whether it asks for attachments, whose descriptions stand apart from bodies.
    names_attachments: bool,
}

impl SelectorFilter {
    /// Reads the member `selector` of a request's body.
    pub(super) fn parse(posted: Option<Value>) -> Result<Self, Failure> {
        let selector = Selector::parse(&posted.ok_or_else(Self::absent)?)?;
        let names_attachments =
            selector.field_names().iter().any(|name| name.starts_with("_attachments"));
        Ok(Self { selector: Arc::new(selector), names_attachments })
    }

    /// What is asked.
    pub(super) fn selector(&self) -> Arc<Selector> {
        Arc::clone(&self.selector)
    }

    /// What is said where there is no selector.
    pub(super) fn absent() -> Failure {
        Failure::BadRequest("Selector must be specified in POST payload".to_owned())
    }

    /// Those of the rows that match, found on a thread that may be busy for a while.
    pub(super) async fn choose(&self, mut rows: Rows) -> Result<Rows, Failure> {
        let filter = self.clone();
        let job = move || {
            rows.retain(|(row, content)| filter.matches(row, content.as_ref()));
            rows
        };
        let chosen = tokio::task::spawn_blocking(job).await;
        chosen.map_err(|error| Failure::Internal(format!("filtering failed: {error}")))
    }

    /// Whether the winner of a row matches; one whose content is no longer stored is taken for empty.
    fn matches(&self, row: &ChangeRow, content: Option<&StoredBody>) -> bool {
        let Some(winner) = row.winner() else { return false };
        // Nothing of it can be asked any more, and its reader has to hear of it.
        if row.removed {
            return true;
        }
        let revision = winner.revision.to_string();
        let members = match content {
            Some(content) if self.names_attachments => special_members(&content.attachments, &[]),
            _ => Vec::new(),
        };
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let metadata = Metadata {
            deleted: winner.deleted,
            members: &members,
            ..Metadata::new(&row.id, &revision)
        };
        let empty = Body::empty();
        let body = content.map_or(&empty, |content| &content.body).as_bytes();
        self.selector.matches(&Document { body, metadata })
    }
}

#[cfg(test)]
mod tests {
    use refuge_document::LeafSummary;
    use serde_json::json;

    use super::*;

    fn change(id: &str, deleted: bool) -> ChangeRow {
        let revision = "1-a".parse().expect("a revision");
        let leaves = vec![LeafSummary { revision, deleted }].into_iter().collect();
        ChangeRow { sequence: 1, id: id.into(), leaves, body: 0, removed: false }
    }

    #[tokio::test]
    async fn ids_and_deletions_are_seen_even_without_a_body() {
        let filter = SelectorFilter::parse(Some(json!({"_deleted": true, "_id": {"$gt": "a"}})));
        let rows =
            vec![(change("a", true), None), (change("b", false), None), (change("c", true), None)];
        let chosen = filter.expect("a selector").choose(rows).await.expect("chosen");
        assert_eq!(chosen.iter().map(|(row, _)| row.id.as_str()).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn no_selector_is_refused() {
        assert!(SelectorFilter::parse(None).is_err());
        assert!(SelectorFilter::parse(Some(json!(1))).is_err());
    }
}
