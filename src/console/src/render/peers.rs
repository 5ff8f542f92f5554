//! The nodes that this one knows: one line each.

use serde_json::Value;

use super::table::{cell, draw, items};

const HEAD: [&str; 6] = ["NAME", "TRUST", "UP", "GROUPS", "ADDRESSES", "ID"];

/// Draws what `peer list` answers with.
pub(super) fn render_peers(answer: &Value) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(items(answer, "peers").iter().map(row));
    draw(&rows, HEAD.len())
}

fn row(peer: &Value) -> [String; 6] {
    let up = match peer.get("up").and_then(Value::as_bool) {
        Some(true) => "up",
        Some(false) => "down",
        None => "-",
    };
    let told = |member: &str| cell(peer, member);
    [told("name"), told("trust"), up.to_owned(), told("groups"), told("addresses"), told("id")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_are_listed_one_a_line() {
        let answer = json!({"peers": [
            {"id": "AA", "name": "anna", "trust": "trusted", "up": true,
             "groups": ["family", "work"], "addresses": ["a:1"]},
            {"id": "BB", "name": "b\n", "up": false, "groups": [], "addresses": []},
        ]});
        let expected = "\
NAME  TRUST    UP    GROUPS       ADDRESSES  ID
anna  trusted  up    family,work  a:1        AA
b     -        down  -            -          BB
";
        assert_eq!(render_peers(&answer), expected);
    }
}
