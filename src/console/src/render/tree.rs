//! The live tree: one line per actor.

use serde_json::Value;

use super::table::{cell, draw, duration, items, printable};

const HEAD: [&str; 5] = ["NAME", "STATE", "MAILBOX", "RESTARTS", "UPTIME"];
/// Words stand left, numbers right.
const WORDS: usize = 2;

/// Draws the tree that the `tree` command answers with; members that are absent show as `-`.
pub fn render_tree(tree: &Value) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    collect(tree, &Branch::default(), &mut rows);
    draw(&rows, WORDS)
}

/// What is drawn before a name.
#[derive(Default)]
struct Branch {
    /// Before the node itself.
    own: String,
    /// Before everything below it.
    below: String,
}

fn collect(node: &Value, branch: &Branch, rows: &mut Vec<[String; 5]>) {
    let name = node.get("name").and_then(Value::as_str).unwrap_or("-");
    let name = printable(name);
    let uptime = node.get("uptime_seconds").and_then(Value::as_u64);
    rows.push([
        format!("{}{name}", branch.own),
        cell(node, "state"),
        cell(node, "mailbox"),
        cell(node, "restarts"),
        uptime.map_or_else(|| "-".to_owned(), duration),
    ]);
    let children = items(node, "children");
    for (position, child) in children.iter().enumerate() {
        let last = position + 1 == children.len();
        let (own, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let branch = Branch {
            own: format!("{}{own}", branch.below),
            below: format!("{}{below}", branch.below),
        };
        collect(child, &branch, rows);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_drawn_with_aligned_columns() {
        let actor = |name: &str, uptime: u64, children: Value| {
            json!({
                "name": name, "state": "running", "mailbox": null, "restarts": 0,
                "uptime_seconds": uptime, "children": children
            })
        };
        let mut engine = actor("engine", 59, json!([]));
        engine["mailbox"] = json!(12);
        engine["restarts"] = json!(3);
        let storage = actor("storage", 3_600, json!([engine, actor("maintenance", 60, json!([]))]));
        let tree = actor("root", 90_000, json!([storage, actor("http", 61, json!([]))]));
        let expected = "\
NAME               STATE    MAILBOX  RESTARTS   UPTIME
root               running        -         0  1d 01h
├─ storage         running        -         0  1h 00m
│  ├─ engine       running       12         3      59s
│  └─ maintenance  running        -         0  1m 00s
└─ http            running        -         0  1m 01s
";
        let squeeze = |text: &str| {
            text.lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
        };
        let drawn = render_tree(&tree);
        assert_eq!(squeeze(&drawn), squeeze(expected));
        let columns: Vec<_> = drawn.lines().map(|line| line.chars().count()).collect();
        assert!(columns.windows(2).all(|pair| pair[0] == pair[1]), "{drawn}");
    }

    #[test]
    fn what_is_no_tree_is_drawn_all_the_same() {
        assert!(render_tree(&json!(1)).lines().count() == 2);
    }
}
