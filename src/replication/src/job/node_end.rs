//! Ends that are databases of trusted nodes: as they are written, as they are reached, and the one
//! database that no replication touches.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use refuge_document::check_database_name;
use refuge_mesh::{NodeId, Selector};
use serde_json::{Map, Value};

use super::{EndPoint, Job, JobError, RemoteAddress};
use crate::documents::PeerUp;

/// Whom a node trusts is decided on that node alone, so its peers are never replicated.
const PEERS: &str = "_peers";

/// RFC 3986 §2.3: what needs no percent sign anywhere in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `{"node": "<id or name>" | "group:<name>" | "*", "db": "<name>"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEnd {
    /// Which trusted nodes are meant.
    pub selector: Selector,
    /// The database over there.
    pub database: String,
}

/// A database of one trusted node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEnd {
    /// The node.
    pub id: NodeId,
    /// The database over there.
    pub database: String,
}

impl NodeEnd {
    pub(super) fn parse(end: &Map<String, Value>, field: &str) -> Result<Self, JobError> {
        let text = |name: &str| match end.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            _ => Err(bad(format!("`{field}.{name}` is missing or not a string"))),
        };
        if let Some(other) = end.keys().find(|name| !["node", "db"].contains(&name.as_str())) {
            return Err(bad(format!("`{field}` holds `node` and `db`, not `{other}`")));
        }
        let selector = Selector::parse(text("node")?)
            .map_err(|error| bad(format!("`{field}.node` names no node: {error}")))?;
        let database = text("db")?;
        check_not_peers(database)?;
        check_database_name(database)
            .map_err(|error| bad(format!("`{field}.db` names no database: {error}")))?;
        Ok(Self { selector, database: database.to_owned() })
    }
}

impl fmt::Display for NodeEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "node://{}/{}", self.selector, self.database)
    }
}

impl PeerEnd {
    /// The address at which the pool of connections to trusted nodes reaches it: the host is the
    /// node's id.
    pub fn address(&self) -> RemoteAddress {
        let database = utf8_percent_encode(&self.database, RESERVED);
        RemoteAddress {
            url: format!("https://{}/{database}", self.id),
            headers: Vec::new(),
            credentials: None,
        }
    }
}

impl fmt::Display for PeerEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "node://{}/{}", self.id, self.database)
    }
}

impl Job {
    /// Its end that names nodes, if it has one.
    pub fn node_end(&self) -> Option<&NodeEnd> {
        match (&self.source, &self.target) {
            (EndPoint::Node(end), _) | (_, EndPoint::Node(end)) => Some(end),
            _ => None,
        }
    }

    /// The same job towards one of the nodes that it names.
    #[must_use]
    pub fn towards(&self, id: NodeId) -> Self {
        let resolved = |end: &EndPoint| match end {
            EndPoint::Node(end) => EndPoint::Peer(PeerEnd { id, database: end.database.clone() }),
            other => other.clone(),
        };
        Self { source: resolved(&self.source), target: resolved(&self.target), ..self.clone() }
    }
}

/// Whether a node that is up is meant.
pub fn is_named_by(selector: &Selector, node: &PeerUp) -> bool {
    match selector {
        Selector::All => true,
        Selector::Group(group) => node.groups.contains(group),
        Selector::Node(text) => {
            let is_its = |id: NodeId| id == node.id || node.earlier.contains(&id);
            node.name == *text || text.parse().is_ok_and(is_its)
        }
    }
}

pub(super) fn check_at_most_one(source: &EndPoint, target: &EndPoint) -> Result<(), JobError> {
    match (source, target) {
        (EndPoint::Node(_), EndPoint::Node(_)) => {
            Err(bad("only one of `source` and `target` can name nodes".to_owned()))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_not_peers(database: &str) -> Result<(), JobError> {
    if database == PEERS {
        let reason = format!("`{PEERS}` is no end of a replication: trust is given on each node");
        return Err(JobError::Forbidden(reason));
    }
    Ok(())
}

pub(super) fn check_url(address: &RemoteAddress) -> Result<(), JobError> {
    let last = address.url.rsplit('/').next().unwrap_or_default();
    check_not_peers(&percent_decode_str(last).decode_utf8_lossy())
}

fn bad(reason: String) -> JobError {
    JobError::BadRequest(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::parse_job;
    use serde_json::json;

    fn job(source: Value, target: Value) -> Result<Job, JobError> {
        let Value::Object(fields) = json!({"source": source, "target": target}) else {
            panic!("no object");
        };
        parse_job(&fields)
    }

    #[test]
    fn an_end_names_nodes_and_a_database() {
        let job = job(json!("a"), json!({"node": "group:family", "db": "b/c"})).unwrap();
        let end = job.node_end().unwrap();
        assert_eq!(end.selector, Selector::Group("family".to_owned()));
        assert_eq!(job.target.to_string(), "node://group:family/b/c");
        let id = NodeId::from_digest([7; 32]);
        let run = job.towards(id);
        assert!(run.node_end().is_none());
        let EndPoint::Peer(peer) = run.target else {
            panic!("no peer");
        };
        assert_eq!(peer.address().url, format!("https://{id}/b%2Fc"));
    }

    #[test]
    fn ends_that_are_no_good_are_refused() {
        let node = json!({"node": "*", "db": "b"});
        for (source, target) in [
            (node.clone(), node),
            (json!("a"), json!({"node": "*"})),
            (json!("a"), json!({"node": 1, "db": "b"})),
            (json!("a"), json!({"node": "*", "db": "B"})),
            (json!("a"), json!({"node": "*", "db": "b", "url": "http://h/b"})),
        ] {
            let error = job(source, target).unwrap_err();
            assert!(matches!(error, JobError::BadRequest(_)), "{error}");
        }
    }

    #[test]
    fn peers_are_never_replicated() {
        for end in [
            json!("_peers"),
            json!("http://u:p@host:5984/_peers/"),
            json!("https://host/prefix/%5fpeers"),
            json!({"url": "http://host/_peers"}),
            json!({"url": "_peers"}),
            json!({"node": "*", "db": "_peers"}),
        ] {
            let error = job(end.clone(), json!("b")).unwrap_err();
            assert!(matches!(error, JobError::Forbidden(_)), "{end}");
            let error = job(json!("b"), end.clone()).unwrap_err();
            assert!(matches!(error, JobError::Forbidden(_)), "{end}");
        }
    }

    #[test]
    fn a_node_is_meant_by_id_by_local_name_by_group_or_by_all() {
        let id = NodeId::from_digest([7; 32]);
        let before = NodeId::from_digest([6; 32]);
        let node = PeerUp {
            id,
            name: "anna".to_owned(),
            groups: vec!["family".to_owned()],
            earlier: vec![before],
        };
        for (text, meant) in [
            ("*", true),
            ("group:family", true),
            ("group:work", false),
            ("anna", true),
            ("bert", false),
            (&id.to_string(), true),
            (&id.for_people(), true),
            (&before.to_string(), true),
            (&NodeId::from_digest([5; 32]).to_string(), false),
        ] {
            assert_eq!(is_named_by(&Selector::parse(text).unwrap(), &node), meant, "{text}");
        }
    }
}
