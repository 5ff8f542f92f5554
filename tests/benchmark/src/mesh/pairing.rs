//! How long it takes two nodes that know nothing of each other to be paired by an invitation, and to be up.

use std::time::Instant;

use super::node::Node;
use super::tell;
use crate::Outcome;

/// Pairs of nodes.
const PAIRS: usize = 5;

/// Measures from the command that accepts the invitation to its end, and to `nodeup`.
pub(super) fn measure(program: &str) -> Outcome<()> {
    let (mut paired, mut up) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (host, guest) = (Node::start(program)?, Node::start(program)?);
        host.id()?;
        guest.id()?;
        let mut events = guest.events("0")?;
        let invitation =
            host.verb(&["invite", "--json", "--name", "guest", "--group", "family"])?;
        let invitation: serde_json::Value = serde_json::from_str(&invitation)?;
        let invitation = invitation.get("invitation").and_then(serde_json::Value::as_str);
        let invitation = invitation.ok_or("an invitation without its text")?;
        let begun = Instant::now();
        guest.verb(&["pair", invitation, "--name", "host", "--group", "family"])?;
        paired.push(begun.elapsed());
        up.push(events.wait_for("\"nodeup\"")?.saturating_duration_since(begun));
    }
    tell("mesh_pairing", paired);
    tell("mesh_pairing_to_nodeup", up);
    Ok(())
}
