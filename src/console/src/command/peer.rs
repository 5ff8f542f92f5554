//! `peer …`: the nodes that this one knows. What is typed is taken apart here and judged by the node.

mod rules;
mod trust;

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, NewPeer, PeerCommand};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Peer;

#[async_trait]
impl Command for Peer {
    fn usage(&self) -> &'static str {
        "peer add ID [--name NAME] [--address HOST:PORT]… [--group GROUP]… | \
         list | remove NODE | block NODE | trust NODE | show NODE | why NODE | pending | \
         approve NODE [--name NAME] [--group GROUP]… | reject NODE|--all | revoke NODE | \
         introducer NODE yes|no [--may-confer GROUP]… [--introductions ask|accept|off] | \
         introduce NODE NODE|group:NAME|* [--group GROUP]… [--days NUMBER] | introductions | \
         bandwidth NODE BYTES-A-SECOND|none | metered NODE yes|no"
    }

    fn help(&self) -> &'static str {
        "say which other nodes this one trusts and how it replicates with them, and find out why one is not up"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if let Some(command) = trust::parse(arguments).or_else(|| rules::parse(arguments)) {
            return Some(control.mesh(command).await.into());
        }
        let command = parse(arguments)?;
        Some(control.peer(command).await.into())
    }
}

fn parse(arguments: &[&str]) -> Option<PeerCommand> {
    match *arguments {
        ["add", id, ref options @ ..] if !is_option(id) => {
            new_peer(id, options).map(PeerCommand::Add)
        }
        ["list"] => Some(PeerCommand::List),
        ["remove", node] => Some(PeerCommand::Remove(node.to_owned())),
        ["block", node] => Some(PeerCommand::Block(node.to_owned())),
        ["trust", node] => Some(PeerCommand::Trust(node.to_owned())),
        _ => None,
    }
}

/// An option is followed by its value; the name may be given once.
fn new_peer(id: &str, options: &[&str]) -> Option<NewPeer> {
    let mut peer = NewPeer { id: id.to_owned(), ..NewPeer::default() };
    let pairs = options.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    for pair in pairs {
        match *pair {
            ["--name", name] if peer.name.is_none() => peer.name = Some(name.to_owned()),
            ["--address", address] => peer.addresses.push(address.to_owned()),
            ["--group", group] => peer.groups.push(group.to_owned()),
            _ => return None,
        }
    }
    Some(peer)
}

fn is_option(text: &str) -> bool {
    text.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_peer_is_read_with_all_that_is_said_of_it() {
        let typed =
            "add ID --name anna --address a:1 --group family --address [::1]:2 --group work";
        let typed: Vec<&str> = typed.split(' ').collect();
        let expected = NewPeer {
            id: "ID".to_owned(),
            name: Some("anna".to_owned()),
            addresses: vec!["a:1".to_owned(), "[::1]:2".to_owned()],
            groups: vec!["family".to_owned(), "work".to_owned()],
        };
        assert_eq!(parse(&typed), Some(PeerCommand::Add(expected)));
        let bare = NewPeer { id: "ID".to_owned(), ..NewPeer::default() };
        assert_eq!(parse(&["add", "ID"]), Some(PeerCommand::Add(bare)));
    }

    #[test]
    fn the_others_take_one_node() {
        assert_eq!(parse(&["list"]), Some(PeerCommand::List));
        assert_eq!(parse(&["remove", "a"]), Some(PeerCommand::Remove("a".to_owned())));
        assert_eq!(parse(&["block", "a"]), Some(PeerCommand::Block("a".to_owned())));
        assert_eq!(parse(&["trust", "a"]), Some(PeerCommand::Trust("a".to_owned())));
    }

    #[test]
    fn what_is_mistyped_does_nothing() {
        for typed in [
            "",
            "add",
            "add --name x",
            "add ID --name",
            "add ID --name a --name b",
            "add ID --colour red",
            "list all",
            "remove",
            "remove a b",
            "forget a",
        ] {
            let words: Vec<&str> = typed.split_whitespace().collect();
            assert_eq!(parse(&words), None, "{typed}");
        }
    }
}
