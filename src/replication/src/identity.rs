//! Replication ids: the same replication, asked for again after any restart, finds its checkpoints.
//! The formula is refuge's own; no credentials and no headers go into it.

use md5::{Digest, Md5};

use crate::job::{EndPoint, UserContext};
use crate::selection::Selection;

/// Changes whenever the formula does.
const FORMULA: &str = "refuge replication 1";

/// What makes two replications the same one.
#[derive(Clone, Copy, Debug)]
pub struct ReplicationIdentity<'a> {
    /// `uuid` of the node that runs it.
    pub node_uuid: &'a str,
    /// Where changes are read.
    pub source: &'a EndPoint,
    /// Where they are written.
    pub target: &'a EndPoint,
    /// Whether it is continuous; the checkpoint is the same either way.
    pub continuous: bool,
    /// Whether it makes its target; the checkpoint is the same either way.
    pub create_target: bool,
    /// Whether it leaves `_expires` out. It has checkpoints of its own: what was not sent with the
    /// member is to be sent without.
    pub strip: bool,
    /// What is replicated. A selective one has checkpoints of its own.
    pub selection: &'a Selection,
    /// `since_seq`: what stands before it was not looked at.
    pub since: Option<&'a str>,
    /// `user_ctx`: what another may not write or read is missing.
    pub user: Option<&'a UserContext>,
}

/// Name of a replication: a base, which names the checkpoint documents, and an extension, which
/// tells jobs with other options apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicationId {
    base: String,
    extension: String,
}

impl ReplicationId {
    /// The id of a replication, from its parts.
    pub fn of(identity: ReplicationIdentity<'_>) -> Self {
        let source = end_text(identity.source);
        let target = end_text(identity.target);
        let strip = identity.strip.then_some("strip");
        let selection = identity.selection.identity();
        let since = identity.since.into_iter().flat_map(|since| ["since_seq", since]);
        let parts = [FORMULA, identity.node_uuid, &source, &target].into_iter().chain(strip);
        let user = identity.user.map(UserContext::identity).unwrap_or_default();
        let parts = parts.chain(selection.iter().map(String::as_str)).chain(since).chain(user);
        let base = digest_of(parts);
        let mut extension = String::new();
        if identity.continuous {
            extension.push_str("+continuous");
        }
        if identity.create_target {
            extension.push_str("+create_target");
        }
        Self { base, extension }
    }

    /// Reads the text form again, as `cancel` with `replication_id` gives it.
    pub fn from_text(text: &str) -> Self {
        let (base, extension) = text.split_at(text.find('+').unwrap_or(text.len()));
        Self { base: base.to_owned(), extension: extension.to_owned() }
    }

    /// 32 hexadecimal digits: the id of the checkpoint documents, without `_local/`, where no
    /// function of the source filters.
    pub fn local_id(&self) -> &str {
        &self.base
    }

    /// The id of the checkpoint documents of a replication that a function filters: another one where
    /// its code is another, as what was left out may pass now.
    pub(crate) fn local_id_with(&self, code: &str) -> String {
        digest_of([self.base.as_str(), code].into_iter())
    }
}

impl std::fmt::Display for ReplicationId {
    /// As `_active_tasks` and `_local_id` show it: `c0ebe925…+continuous`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}", self.base, self.extension)
    }
}

/// 32 hexadecimal digits.
fn digest_of<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut digest = Md5::new();
    for part in parts {
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn end_text(end: &EndPoint) -> String {
    match end {
        EndPoint::Local(name) => format!("local {name}"),
        EndPoint::Remote(address) => format!("remote {}", address.url),
        EndPoint::Node(end) => format!("node {} {}", end.selector, end.database),
        // By id, not by name: a peer that is called otherwise keeps its checkpoints.
        EndPoint::Peer(end) => format!("peer {} {}", end.id, end.database),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{RemoteAddress, ReplicateRequest, parse_replicate_request};
    use crate::selection::Choice;
    use serde_json::json;

    const ALL: Selection = Selection { choice: Choice::All, winners_only: false };

    fn identity<'a>(source: &'a EndPoint, target: &'a EndPoint) -> ReplicationIdentity<'a> {
        ReplicationIdentity {
            node_uuid: "00000000000000000000000000000001",
            source,
            target,
            continuous: false,
            create_target: false,
            strip: false,
            selection: &ALL,
            since: None,
            user: None,
        }
    }

    #[test]
    fn ids_do_not_change_between_releases() {
        let source = EndPoint::Local("a".to_owned());
        let target = EndPoint::Remote(RemoteAddress::parse("http://u:p@Host:5984/b/").unwrap());
        let id = ReplicationId::of(identity(&source, &target));
        assert_eq!(id.to_string(), "aa252254d9c96268b8f80b532ac9ef32");
    }

    #[test]
    fn credentials_are_not_in_the_id() {
        let source = EndPoint::Local("a".to_owned());
        let with = EndPoint::Remote(RemoteAddress::parse("http://u:p@host/b").unwrap());
        let without = EndPoint::Remote(RemoteAddress::parse("http://host:80/b").unwrap());
        assert_eq!(
            ReplicationId::of(identity(&source, &with)),
            ReplicationId::of(identity(&source, &without))
        );
    }

    #[test]
    fn direction_and_options_tell_ids_apart_but_options_keep_the_checkpoint() {
        let one = EndPoint::Local("a".to_owned());
        let other = EndPoint::Local("b".to_owned());
        let there = ReplicationId::of(identity(&one, &other));
        let back = ReplicationId::of(identity(&other, &one));
        assert_ne!(there.local_id(), back.local_id());
        let continuous =
            ReplicationId::of(ReplicationIdentity { continuous: true, ..identity(&one, &other) });
        assert_ne!(there, continuous);
        assert_eq!(there.local_id(), continuous.local_id());
        assert_eq!(ReplicationId::from_text(&continuous.to_string()), continuous);
    }

    #[test]
    fn what_is_left_out_tells_checkpoints_apart() {
        let id = |more: serde_json::Value| {
            let mut fields = json!({"source": "a", "target": "b"});
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let ReplicateRequest::Start(job) = parse_replicate_request(&fields).unwrap() else {
                panic!("a cancellation")
            };
            job.id("node").local_id().to_owned()
        };
        let filtered = |who: &str| json!({"filter": "app/mine", "query_params": {"who": who}});
        let all = [
            json!({}),
            json!({"doc_ids": []}),
            json!({"doc_ids": ["a", "b"]}),
            json!({"doc_ids": ["a,b"]}),
            json!({"selector": {"a": 1}}),
            json!({"selector": {"a": 2}}),
            json!({"filter": "app/mine"}),
            filtered("bob"),
            filtered("anna"),
            json!({"filter": "_view", "query_params": {"view": "app/mine"}}),
            json!({"filter": "_design"}),
            json!({"winning_revs_only": true}),
            json!({"since_seq": 5}),
            json!({"strip": true}),
            json!({"user_ctx": {"name": "bob"}}),
            json!({"user_ctx": {"name": "anna"}}),
        ];
        let ids: std::collections::BTreeSet<String> = all.iter().cloned().map(id).collect();
        assert_eq!(ids.len(), all.len());
        assert_eq!(id(json!({"doc_ids": ["b", "a", "b"]})), id(json!({"doc_ids": ["a", "b"]})));
        assert_eq!(id(json!({"selector": {"a": {"$eq": 1}}})), id(json!({"selector": {"a": 1}})));
    }

    #[test]
    fn a_changed_function_has_another_checkpoint() {
        let source = EndPoint::Local("a".to_owned());
        let id = ReplicationId::of(identity(&source, &source));
        assert_ne!(id.local_id_with("one"), id.local_id_with("two"));
        assert_ne!(id.local_id_with(""), id.local_id());
        assert_eq!(id.local_id_with("one").len(), 32);
    }
}
