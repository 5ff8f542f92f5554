//! Why a node is not up: what was found out. What to do about it in plain words, and how it is told to
//! clients, is below; how it is found out is not known here.

mod advice;
mod telling;

use crate::address_book::BookedAddress;
use crate::node_id::NodeId;
use crate::peer::Trust;
use crate::peer_machine::Standing;

/// What came of trying one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriedOutcome {
    /// The node answered there.
    Reached,
    /// Another node answered there: its certificate proves this id.
    OtherNode(NodeId),
    /// Nobody did, or not as a node does.
    Failed(String),
}

/// One address and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedAddress {
    /// `host:port`.
    pub address: String,
    /// Who told of it, where it is not written down in the peer's document.
    pub told: Option<BookedAddress>,
    /// What came of it.
    pub outcome: TriedOutcome,
    /// What the other node that answered is called here, where it is known.
    pub other_name: Option<String>,
}

/// What a hub said when it was asked where the node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubAnswer {
    /// It knows.
    Knows,
    /// It answered that it does not.
    KnowsNothing,
    /// It did not answer, and why.
    Failed(String),
}

/// One hub that is set, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedHub {
    /// As the settings name it.
    pub hub: String,
    /// What it said.
    pub answer: HubAnswer,
}

/// How far the link to the node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFindings {
    /// How the node stands.
    pub standing: Standing,
    /// Attempts that failed of late.
    pub failed_dials: u32,
    /// Why the last one failed, where none succeeded since.
    pub last_failure: Option<String>,
}

/// A way to find nodes, as it is set up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Its name, as [`AddressSource`](crate::AddressSource) has it, or `upnp`.
    pub source: &'static str,
    /// The key that turns it on and off.
    pub setting: &'static str,
    /// Whether it is on.
    pub is_on: bool,
    /// Who announces this node there, where more than one may: `system` or `node`.
    pub speaker: Option<&'static str>,
}

/// A node that announces itself on the local network in another version, and so is passed over there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignVersion {
    /// The version that it announces.
    pub theirs: String,
    /// The one that this node understands.
    pub ours: &'static str,
}

/// All that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Who.
    pub id: NodeId,
    /// What it is called here.
    pub name: String,
    /// What it is granted here.
    pub trust: Trust,
    /// Whom the certificate proves that was met with it or written down; none where none is known.
    pub certificate: Option<NodeId>,
    /// Whether a link works.
    pub up: bool,
    /// How far the link is; there is none to a node that is not trusted.
    pub link: Option<LinkFindings>,
    /// Whether this node listens for others.
    pub listening: Option<u16>,
    /// Where this node is reached from outside, where a router maps a port to it.
    pub outer_address: Option<String>,
    /// Every address that is known.
    pub tried: Vec<TriedAddress>,
    /// The ways in which addresses are found here.
    pub sources: Vec<SourceState>,
    /// The hubs that are set; none is asked for a node that is not trusted.
    pub hubs: Vec<AskedHub>,
    /// Whether it announces itself on the local network in another version.
    pub foreign: Option<ForeignVersion>,
    /// Whether it trusts this node, where it said so.
    pub trusts_us: Option<bool>,
    /// Its clock less ours, where it told.
    pub clock_off_seconds: Option<i64>,
    /// Why nothing is replicated with it now, where something keeps it off.
    pub replication_waits: Option<String>,
    /// When it was last up.
    pub last_seen: Option<String>,
}

#[cfg(test)]
mod tests;
