//! Those of `peer …` that are about how a node is replicated with.

use refuge_mesh::{MeshCommand, PeerRule};

/// What is meant; `None` when it is none of these.
pub(super) fn parse(arguments: &[&str]) -> Option<MeshCommand> {
    let (node, rule) = match *arguments {
        ["bandwidth", node, rate] => (node, PeerRule::bandwidth(rate)?),
        ["metered", node, "yes"] => (node, PeerRule::Metered(true)),
        ["metered", node, "no"] => (node, PeerRule::Metered(false)),
        _ => return None,
    };
    Some(MeshCommand::Rule { node: node.to_owned(), rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &str) -> Option<MeshCommand> {
        parse(&typed.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn rules_are_said_in_words() {
        for (typed, rule) in [
            ("bandwidth anna 64k", PeerRule::Bandwidth(Some(64_000))),
            ("bandwidth anna none", PeerRule::Bandwidth(None)),
            ("metered anna no", PeerRule::Metered(false)),
            ("metered anna yes", PeerRule::Metered(true)),
        ] {
            let node = "anna".to_owned();
            assert_eq!(parsed(typed), Some(MeshCommand::Rule { node, rule }), "{typed}");
        }
    }

    #[test]
    fn what_is_mistyped_is_none_of_these() {
        for typed in
            ["bandwidth anna", "bandwidth anna fast", "bandwidth anna 0", "metered anna perhaps"]
        {
            assert_eq!(parsed(typed), None, "{typed}");
        }
    }
}
