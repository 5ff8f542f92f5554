//! What an admin asks of the mesh, however he asks it: on the console, on the command line, over HTTP.
//! Texts are as they were typed; the node judges them.

use serde::Deserialize;

/// One wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeshCommand {
    /// Who this node is in the mesh: `{"id", "people", "name", "port", "peers", "up", "pending",
    /// "invitations"}`.
    Overview,
    /// All nodes that are known: `{"peers": […], "pending": […]}`.
    Peers,
    /// One of them, by its id or its local name.
    Show(String),
    /// Invite somebody: `{"invitation", "number", "expires"}`.
    Invite(NewInvitation),
    /// The invitations that are open: `{"invitations": [{"number", "expires", "groups", …}, …]}`.
    Invitations,
    /// Take an invitation back.
    Withdraw(u64),
    /// Accept the invitation of another node: `{"id", "name", "address"}`.
    Pair(NewPairing),
    /// The nodes that ask to be trusted: `{"pending": […]}`.
    Pending,
    /// Trust one that asks, or that was introduced, for good.
    Approve(Approval),
    /// Refuse one that asks.
    Reject(String),
    /// Trust one no more; it stays known.
    Revoke(String),
    /// Say whether one may vouch for others.
    Introducer(ChangedIntroducer),
    /// Vouch for two nodes, or a node and all others of a group, towards each other:
    /// `{"introductions": [{"subject", "audience", "expires"}, …]}`.
    Introduce(NewIntroduction),
    /// The introductions that this node made and got.
    Introductions,
    /// Make another identity, which the node has from its next start on: `{"next", "people"}`.
    Rotate,
    /// Why a node is up or not, in words.
    Diagnose(String),
}

/// An invitation to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewInvitation {
    /// What the guest is called here; what it calls itself where absent.
    pub name: Option<String>,
    /// The groups that the guest will be in.
    pub groups: Vec<String>,
    /// Where this node is reached, instead of what it finds out itself.
    pub addresses: Vec<String>,
    /// How long it is good, 15 where absent.
    pub minutes: Option<u64>,
}

/// An invitation that is accepted.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewPairing {
    /// `refuge:<id>@host:port?token=…`.
    pub invitation: String,
    /// What the host is called here; what it calls itself where absent.
    pub name: Option<String>,
    /// The groups that the host will be in.
    pub groups: Vec<String>,
}

/// How a node that asks is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approval {
    /// Its id, the beginning of its id, or the local name of one that was introduced.
    pub node: String,
    /// What it is called here.
    pub name: Option<String>,
    /// The groups that it will be in, beside those that its introducer may give.
    pub groups: Vec<String>,
}

/// Whether and how far a node may vouch for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangedIntroducer {
    /// Its id or local name.
    pub node: String,
    /// Whether it may.
    pub introducer: bool,
    /// The groups that it may give.
    pub may_confer: Vec<String>,
    /// `ask`, `accept` or `off`; as before where absent.
    pub introductions: Option<String>,
}

/// Who is vouched for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewIntroduction {
    /// An id or local name.
    pub node: String,
    /// A node, `group:<name>` or `*`.
    pub to: String,
    /// The groups that both should give each other.
    pub groups: Vec<String>,
    /// How long it holds, 30 where absent.
    pub days: Option<u64>,
}

impl std::fmt::Debug for NewPairing {
    /// Without the invitation, which holds a secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut told = formatter.debug_struct("NewPairing");
        told.field("name", &self.name).field("groups", &self.groups).finish_non_exhaustive()
    }
}
