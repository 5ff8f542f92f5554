//! The live tree as text for people: one line per actor, columns aligned, no colours.

use serde_json::Value;

const HEAD: [&str; 5] = ["NAME", "STATE", "MAILBOX", "RESTARTS", "UPTIME"];

/// Draws the tree that the `tree` command answers with; members that are absent show as `-`.
pub fn render_tree(tree: &Value) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    collect(tree, &Branch::default(), &mut rows);
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((position, cell), width) in row.iter().enumerate().zip(widths) {
            // Words stand left, numbers right.
            let padding = " ".repeat(width - cell.chars().count());
            let (before, after) = if position < 2 { ("", &*padding) } else { (&*padding, "") };
            let gap = if position == 0 { "" } else { "  " };
            line.extend([gap, before, cell, after]);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
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
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let uptime = node.get("uptime_seconds").and_then(Value::as_u64);
    rows.push([
        format!("{}{name}", branch.own),
        cell(node, "state"),
        cell(node, "mailbox"),
        cell(node, "restarts"),
        uptime.map_or_else(|| "-".to_owned(), duration),
    ]);
    let children = node.get("children").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
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

fn cell(node: &Value, member: &str) -> String {
    match node.get(member) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `45s`, `12m 05s`, `3h 07m`, `12d 03h`.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m {:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
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
