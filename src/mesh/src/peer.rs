//! One document of `_peers`: what this node knows of another and what it grants it. How a
//! certificate belongs to an id is checked where keys are known, not here.

mod checks;
mod reading;
mod rotations;

use serde_json::{Map, Value};

use crate::date::rfc3339;
use crate::node_id::NodeId;
pub(crate) use checks::{clean_name, is_address, is_plain_name, looks_like_an_id};
pub use checks::{is_group, shown_text};
use reading::MOST_TOLD_ADDRESSES;
pub use reading::{BadPeer, check_name};
pub(crate) use reading::{MOST_ADDRESSES, MOST_GROUPS};
pub use rotations::{PastRotation, rotations_to_json};

/// Characters of a name.
pub const LONGEST_NAME: usize = 64;
/// Characters of the id that stand for a missing name.
const DEFAULT_NAME: usize = 13;

/// What this node grants another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// `"trusted"`: linked to, and let in with its roles.
    Trusted,
    /// `"blocked"`: refused, whoever vouches for it.
    Blocked,
    /// Known and no more; the member is absent.
    #[default]
    Neither,
}

/// What is done about a node for whom an introducer vouches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IntroductionPolicy {
    /// `"ask"`, or absent: it is pending until an admin says so.
    #[default]
    Ask,
    /// `"accept"`: it is trusted at once, until the introducer is not.
    Accept,
    /// `"off"`: nothing.
    Off,
}

/// A known node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRecord {
    /// Who it is; `_id` of the document.
    pub id: NodeId,
    /// What it is called here; unique among the peers.
    pub name: String,
    /// Its certificate, PEM, once it was seen.
    pub certificate: Option<String>,
    /// What it is granted.
    pub trust: Trust,
    /// Groups that it belongs to; each gives it a role.
    pub groups: Vec<String>,
    /// Where it listens: `host:port`, an IPv6 address in brackets.
    pub addresses: Vec<String>,
    /// Where it or another node said that it listens, the latest first: tried behind those.
    pub told_addresses: Vec<String>,
    /// Bytes a second that replication with it sends at most, and receives at most; no limit where absent.
    pub bandwidth: Option<u64>,
    /// Whether replication with it goes on while this machine's link is metered; absent it does.
    pub metered: bool,
    /// Whether it may vouch for others.
    pub introducer: bool,
    /// Groups that it may give those for whom it vouches.
    pub may_confer: Vec<String>,
    /// What is done about those for whom it vouches.
    pub introductions: IntroductionPolicy,
    /// The id of the one who vouched for it.
    pub introduced_by: Option<String>,
    /// Until when that one's word holds, in milliseconds since 1970.
    pub introduced_until_ms: Option<u64>,
    /// Whether an admin trusts it whatever becomes of the one who vouched for it.
    pub confirmed: bool,
    /// The identity that it had before this one.
    pub rotated_from: Option<NodeId>,
    /// All identities that it proved here to have had, the oldest first.
    pub rotations: Vec<PastRotation>,
    /// Whether it has not taken the place of that identity wholly yet: the other's document is still there.
    pub rotating: bool,
    /// When it was last up, RFC 3339.
    pub last_seen: Option<String>,
}

impl PeerRecord {
    /// Whether it is trusted because another node said so, and no admin.
    #[must_use]
    pub fn is_on_a_word(&self) -> bool {
        self.trust == Trust::Trusted && !self.confirmed && self.introduced_by.is_some()
    }

    /// A peer of which nothing is known but its id.
    #[must_use]
    pub fn new(id: NodeId) -> Self {
        Self {
            id,
            name: Self::default_name(&id),
            certificate: None,
            trust: Trust::Neither,
            groups: Vec::new(),
            addresses: Vec::new(),
            told_addresses: Vec::new(),
            bandwidth: None,
            metered: true,
            introducer: false,
            may_confer: Vec::new(),
            introductions: IntroductionPolicy::default(),
            introduced_by: None,
            introduced_until_ms: None,
            confirmed: false,
            rotated_from: None,
            rotations: Vec::new(),
            rotating: false,
            last_seen: None,
        }
    }

    /// Reads a document: its id, and its body without members that begin with `_`. Members that are not
    /// known are passed over. That the name is unique is for [`crate::Peers::name_taken`] to say.
    ///
    /// # Errors
    /// [`BadPeer`] says which member is wrong and how it should be.
    pub fn parse(id: &str, body: &Map<String, Value>) -> Result<Self, BadPeer> {
        reading::read(id, body)
    }

    /// The body of its document; what is empty, or as it is where it is absent, is left out.
    #[must_use]
    pub fn to_body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |member: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(member.to_owned(), value);
            }
        };
        let texts = |texts: &[String]| (!texts.is_empty()).then(|| Value::from(texts.to_vec()));
        put("name", Some(self.name.clone().into()));
        put("trust", self.trust.as_str().map(Value::from));
        put("groups", texts(&self.groups));
        put("addresses", texts(&self.addresses));
        put("told_addresses", texts(&self.told_addresses));
        put("certificate", self.certificate.clone().map(Value::from));
        put("bandwidth", self.bandwidth.map(Value::from));
        put("metered", (!self.metered).then_some(Value::Bool(false)));
        put("introducer", self.introducer.then_some(Value::Bool(true)));
        put("may_confer", texts(&self.may_confer));
        put("introductions", self.introductions.as_str().map(Value::from));
        put("confirmed", self.confirmed.then_some(Value::Bool(true)));
        put("introduced_by", self.introduced_by.clone().map(Value::from));
        put("introduced_until", self.introduced_until_ms.map(|ms| rfc3339(ms).into()));
        put("rotated_from", self.rotated_from.map(|id| id.to_string().into()));
        let past = (!self.rotations.is_empty()).then(|| rotations_to_json(&self.rotations));
        put(rotations::MEMBER, past);
        put("rotating", self.rotating.then_some(Value::Bool(true)));
        put("last_seen", self.last_seen.clone().map(Value::from));
        body
    }

    /// All of its addresses, each once, those that were written down first.
    #[must_use]
    pub fn all_addresses(&self) -> Vec<String> {
        let mut all = self.addresses.clone();
        for told in &self.told_addresses {
            if !all.contains(told) {
                all.push(told.clone());
            }
        }
        all
    }

    /// Notes where it says, or another node, that it listens: before what was told earlier, of which the
    /// oldest goes. What an admin wrote down stays as it is.
    pub fn tell_addresses(&mut self, told: impl IntoIterator<Item = String>) {
        let before = std::mem::take(&mut self.told_addresses);
        for address in told.into_iter().chain(before) {
            let known = self.addresses.contains(&address) || self.told_addresses.contains(&address);
            if !known && is_address(&address) && self.told_addresses.len() < MOST_TOLD_ADDRESSES {
                self.told_addresses.push(address);
            }
        }
    }

    /// What a peer is called that was given no name: the first 13 characters of its id.
    #[must_use]
    pub fn default_name(id: &NodeId) -> String {
        id.to_string().chars().take(DEFAULT_NAME).collect()
    }
}

impl Trust {
    /// Its text in a document; `None` where the member is absent.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Trusted => Some("trusted"),
            Self::Blocked => Some("blocked"),
            Self::Neither => None,
        }
    }
}

impl IntroductionPolicy {
    /// Its text in a document; `None` where the member is absent.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Ask => None,
            Self::Accept => Some("accept"),
            Self::Off => Some("off"),
        }
    }

    /// By its text in a document.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "ask" => Some(Self::Ask),
            "accept" => Some(Self::Accept),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
