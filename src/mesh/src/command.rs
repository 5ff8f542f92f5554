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
    /// Refuse all that ask: `{"rejected": [{"id", "claimed_name"}, …]}`.
    RejectAll,
    /// Trust one no more; it stays known.
    Revoke(String),
    /// Say whether one may vouch for others.
    Introducer(ChangedIntroducer),
    /// Say how one is replicated with.
    Rule {
        /// Its id or local name.
        node: String,
        /// How.
        rule: PeerRule,
    },
    /// Vouch for two nodes, or a node and all others of a group, towards each other:
    /// `{"introductions": [{"subject", "subject_name", "audience", "audience_name", "expires"}, …]}`.
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

/// A rule for replication with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRule {
    /// Bytes a second of all jobs with it together; no limit where there is none.
    Bandwidth(Option<u64>),
    /// Whether it goes on while this machine's link is metered.
    Metered(bool),
}

impl PeerRule {
    /// A bandwidth as people say it: bytes a second, thousands of them with `k`, millions with `M`, or `none`.
    #[must_use]
    pub fn bandwidth(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self::Bandwidth(None));
        }
        let (digits, unit) = match text.strip_suffix('k') {
            Some(digits) => (digits, 1_000),
            None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = is_number.then(|| digits.parse::<u64>().ok()?.checked_mul(unit)).flatten();
        bytes.filter(|bytes| *bytes > 0).map(|bytes| Self::Bandwidth(Some(bytes)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bandwidth_is_a_number_of_bytes_or_none() {
        let bytes = |bytes| Some(PeerRule::Bandwidth(Some(bytes)));
        assert_eq!(PeerRule::bandwidth("64000"), bytes(64_000));
        assert_eq!(PeerRule::bandwidth("64k"), bytes(64_000));
        assert_eq!(PeerRule::bandwidth("2M"), bytes(2_000_000));
        assert_eq!(PeerRule::bandwidth("none"), Some(PeerRule::Bandwidth(None)));
        for wrong in
            ["", "0", "0k", "k", "-1", "+1", "1.5M", "64 k", "64kB", "fast", "99999999999999999999"]
        {
            assert_eq!(PeerRule::bandwidth(wrong), None, "{wrong}");
        }
    }
}
