//! Where a hub is, as it stands in the settings: a trusted node by its name or id, or any node by its id and
//! addresses; and the list of them.

use std::str::FromStr;

use crate::node_id::NodeId;
use crate::peer::is_address;

const SCHEME: &str = "refuge:";
/// Addresses of one hub: all of them are tried.
const MOST_ADDRESSES: usize = 8;

/// A hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubAddress {
    /// A trusted node, by its local name or its id.
    Peer(String),
    /// `refuge:<id>@host:port[,host:port…]`.
    Node {
        /// Which.
        id: NodeId,
        /// Where it listens.
        addresses: Vec<String>,
    },
}

/// Why a text names no hub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no hub: write refuge:ID@host:port, or the local name or the id of a trusted node"
)]
pub struct BadHubAddress(String);

impl HubAddress {
    /// The texts of a list of hubs, parted by commas or by spaces. Commas part the addresses of one hub as well:
    /// an address behind one belongs to the hub before it.
    #[must_use]
    pub fn texts(list: &str) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for piece in list.split(',') {
            for (position, word) in piece.split_whitespace().enumerate() {
                match texts.last_mut() {
                    Some(hub) if position == 0 && hub.starts_with(SCHEME) && is_address(word) => {
                        hub.push(',');
                        hub.push_str(word);
                    }
                    _ => texts.push(word.to_owned()),
                }
            }
        }
        texts
    }
}

impl FromStr for HubAddress {
    type Err = BadHubAddress;

    fn from_str(text: &str) -> Result<Self, BadHubAddress> {
        let bad = || BadHubAddress(text.chars().take(100).collect());
        let Some(rest) = text.strip_prefix(SCHEME) else {
            let good = !text.is_empty() && !text.contains(['@', ':']);
            return if good { Ok(Self::Peer(text.to_owned())) } else { Err(bad()) };
        };
        let (id, addresses) = rest.split_once('@').ok_or_else(bad)?;
        let addresses: Vec<String> = addresses.split(',').map(str::to_owned).collect();
        let good = addresses.len() <= MOST_ADDRESSES && addresses.iter().all(|one| is_address(one));
        let id = id.parse().map_err(|_| bad())?;
        if good { Ok(Self::Node { id, addresses }) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_named_in_two_ways() {
        let id = NodeId::from_digest([7; 32]);
        assert_eq!("anna".parse(), Ok(HubAddress::Peer("anna".to_owned())));
        assert_eq!(id.to_string().parse(), Ok(HubAddress::Peer(id.to_string())));
        let addresses = vec!["hub.example:6984".to_owned(), "[::1]:6984".to_owned()];
        let text = format!("refuge:{id}@{}", addresses.join(","));
        assert_eq!(text.parse(), Ok(HubAddress::Node { id, addresses }));
    }

    #[test]
    fn a_list_is_parted_by_commas_or_by_spaces() {
        for list in ["anna bert", "anna,bert", " anna , bert ,", "anna,,bert"] {
            assert_eq!(HubAddress::texts(list), ["anna", "bert"], "{list:?}");
        }
        let two = ["refuge:A@a:1,[::1]:2", "refuge:B@b:3"];
        for list in [
            "refuge:A@a:1,[::1]:2 refuge:B@b:3",
            "refuge:A@a:1,[::1]:2,refuge:B@b:3",
            "refuge:A@a:1, [::1]:2, refuge:B@b:3",
        ] {
            assert_eq!(HubAddress::texts(list), two, "{list:?}");
        }
        // What is no address of the hub before it is one of its own, and is refused as such.
        assert_eq!(HubAddress::texts("anna,b:3"), ["anna", "b:3"]);
        assert_eq!(HubAddress::texts("refuge:A@a:1 b:3"), ["refuge:A@a:1", "b:3"]);
        assert!(HubAddress::texts(" , ").is_empty());
    }

    #[test]
    fn what_names_none_is_refused() {
        let id = NodeId::from_digest([7; 32]);
        let many = format!("refuge:{id}@{}", ["a:1"; 9].join(","));
        for text in ["", "hub.example:6984", "refuge:x@a:1", &format!("refuge:{id}@nowhere"), &many]
        {
            assert!(text.parse::<HubAddress>().is_err(), "{text}");
        }
    }
}
