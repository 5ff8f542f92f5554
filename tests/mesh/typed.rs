//! The mesh's commands as they are typed at the prompt: what they answer is drawn there as their verbs
//! draw it.

use refuge_tests::{Node, Options};
use serde_json::Value;

fn typed(node: &Node, line: &str) -> String {
    let told = node.refuge(&["eval", line]);
    assert_eq!(told.code, Some(0), "{line}: {}", told.errors);
    told.output
}

#[tokio::test]
async fn what_is_typed_at_the_prompt_reaches_the_mesh() {
    let node = Node::start(Options::mesh());
    node.mesh_address();
    let invited = typed(&node, "invite --group family --minutes 5");
    assert!(invited.starts_with("refuge:") && invited.contains('█'), "{invited}");
    assert!(invited.contains("    refuge pair 'refuge:"), "{invited}");
    let open = typed(&node, "invite list");
    assert!(open.contains("USED BY") && open.contains("family"), "{open}");
    assert!(typed(&node, "peer pending").starts_with("ID"));
    assert!(typed(&node, "peer introductions").starts_with("SUBJECT"));
    let help = typed(&node, "help peer");
    assert!(help.contains("why NODE"), "{help}");
    let other = "A".repeat(52);
    typed(&node, &format!("peer add {other} --name carol"));
    assert!(typed(&node, "peer show carol").contains(&other));
    let why = typed(&node, "peer why carol");
    assert!(why.contains("trust here"), "{why}");
    let next = node.refuge(&["rpc", "identity", "rotate"]);
    assert_eq!(next.code, Some(0), "{}", next.errors);
    let next: Value = serde_json::from_str(&next.output).expect("JSON");
    assert_eq!(next["next"].as_str().map(str::len), Some(52));
}

#[tokio::test]
async fn what_is_mistyped_is_told_how_it_is_typed() {
    let node = Node::start(Options::default());
    for (line, piece) in [
        ("invite somebody", "use: invite"),
        ("pair", "use: pair INVITATION"),
        ("peer introduce carol", "use: peer add"),
        ("identity turn", "use: identity [rotate]"),
        ("peer why nobody", "no node is known as \"nobody\""),
        ("pear list", "did you mean peer?"),
    ] {
        let told = node.refuge(&["eval", line]);
        assert_eq!(told.code, Some(64), "{line}: {}", told.errors);
        assert!(told.errors.contains(piece), "{line}: {}", told.errors);
    }
}
