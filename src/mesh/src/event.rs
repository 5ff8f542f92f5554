//! What happens to nodes, as it is numbered, stored, served and handed to hooks. When it happens is
//! decided elsewhere.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::date::{parse_rfc3339, rfc3339};
use crate::node_id::NodeId;

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeEventKind {
    /// A mutually authenticated link works.
    NodeUp,
    /// It does no more.
    NodeDown,
    /// A node was found that was not known to be there.
    Discovered,
    /// A node that was found is there no more.
    Lost,
    /// A node asks to be trusted.
    Pending,
    /// A node is trusted from now on.
    Trusted,
    /// It is no more.
    Revoked,
}

/// Why a node went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DownReason {
    /// The link was closed, by the node or by the network.
    Closed,
    /// Nothing was heard, neither over the link nor over a fresh connection.
    Timeout,
    /// It is trusted no more.
    Revoked,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvent {
    /// Only grows; has gaps.
    pub number: u64,
    /// What happened.
    pub kind: NodeEventKind,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// To whom.
    pub node: NodeId,
    /// What that node is called here.
    pub name: String,
    /// Where it is, `host:port`.
    pub address: Option<String>,
    /// What told of it.
    pub source: Option<String>,
    /// Of [`NodeEventKind::NodeDown`].
    pub reason: Option<DownReason>,
}

/// Why a value is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no node event: `{0}` is missing or wrong")]
pub struct BadEvent(&'static str);

impl NodeEventKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NodeUp,
        Self::NodeDown,
        Self::Discovered,
        Self::Lost,
        Self::Pending,
        Self::Trusted,
        Self::Revoked,
    ];

    /// Its name, as in `etc/hooks/<name>.d`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NodeUp => "nodeup",
            Self::NodeDown => "nodedown",
            Self::Discovered => "discovered",
            Self::Lost => "lost",
            Self::Pending => "pending",
            Self::Trusted => "trusted",
            Self::Revoked => "revoked",
        }
    }
}

impl DownReason {
    const ALL: [Self; 3] = [Self::Closed, Self::Timeout, Self::Revoked];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Revoked => "revoked",
        }
    }
}

impl NodeEvent {
    /// `{"seq":7,"event":"nodeup","time":"2026-01-02T03:04:05.678Z","node":"…","name":"…"}` and
    /// `address`, `source`, `reason` where there are such.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("seq".to_owned(), self.number.into());
        out.insert("event".to_owned(), self.kind.as_str().into());
        out.insert("time".to_owned(), rfc3339(self.time_ms).into());
        out.insert("node".to_owned(), self.node.to_string().into());
        out.insert("name".to_owned(), self.name.clone().into());
        let optional = [
            ("address", self.address.as_deref()),
            ("source", self.source.as_deref()),
            ("reason", self.reason.map(DownReason::as_str)),
        ];
        for (member, text) in optional {
            if let Some(text) = text {
                out.insert(member.to_owned(), text.into());
            }
        }
        Value::Object(out)
    }

    /// Reads what [`NodeEvent::to_json`] wrote; further members are passed over.
    ///
    /// # Errors
    /// [`BadEvent`] names the member that is missing or wrong.
    pub fn from_json(value: &Value) -> Result<Self, BadEvent> {
        let text = |member: &'static str| value.get(member).and_then(Value::as_str);
        let wanted = |member: &'static str| text(member).ok_or(BadEvent(member));
        let kind = wanted("event")?;
        let reason = text("reason").map(|name| {
            find(&DownReason::ALL, |one| one.as_str() == name).ok_or(BadEvent("reason"))
        });
        Ok(Self {
            number: value.get("seq").and_then(Value::as_u64).ok_or(BadEvent("seq"))?,
            kind: find(&NodeEventKind::ALL, |one| one.as_str() == kind).ok_or(BadEvent("event"))?,
            time_ms: parse_rfc3339(wanted("time")?).ok_or(BadEvent("time"))?,
            node: NodeId::from_canonical(wanted("node")?).map_err(|_| BadEvent("node"))?,
            name: wanted("name")?.to_owned(),
            address: text("address").map(str::to_owned),
            source: text("source").map(str::to_owned),
            reason: reason.transpose()?,
        })
    }
}

fn find<T: Copy>(all: &[T], is_meant: impl Fn(T) -> bool) -> Option<T> {
    all.iter().copied().find(|one| is_meant(*one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: NodeEventKind) -> NodeEvent {
        NodeEvent {
            number: 7,
            kind,
            time_ms: 1_709_210_096_507,
            node: NodeId::from_digest([0; 32]),
            name: "anna".to_owned(),
            address: None,
            source: None,
            reason: None,
        }
    }

    #[test]
    fn an_event_reads_as_documented() {
        let node = "A".repeat(52);
        assert_eq!(
            event(NodeEventKind::NodeUp).to_json().to_string(),
            format!(
                r#"{{"seq":7,"event":"nodeup","time":"2024-02-29T12:34:56.507Z","node":"{node}","name":"anna"}}"#
            )
        );
    }

    #[test]
    fn every_kind_and_reason_comes_back() {
        for kind in NodeEventKind::ALL {
            let event = event(kind);
            assert_eq!(NodeEvent::from_json(&event.to_json()), Ok(event));
        }
        for reason in DownReason::ALL {
            let mut event = event(NodeEventKind::NodeDown);
            event.reason = Some(reason);
            event.address = Some("example.org:6984".to_owned());
            event.source = Some("manual".to_owned());
            assert_eq!(NodeEvent::from_json(&event.to_json()), Ok(event));
        }
    }

    #[test]
    fn a_broken_event_names_its_member() {
        for member in ["seq", "event", "time", "node", "name"] {
            let mut json = event(NodeEventKind::Lost).to_json();
            json[member] = Value::Null;
            assert_eq!(NodeEvent::from_json(&json), Err(BadEvent(member)));
        }
    }
}
