//! The last runs of event hooks: one line each, and what they wrote below it.

use serde_json::Value;

use super::table::{cell, draw, duration, items, printable};

const HEAD: [&str; 7] = ["AGO", "NUMBER", "MS", "EVENT", "NODE", "HOOK", "OUTCOME"];

/// Draws what the `hooks` command answers with, at the time `now_ms` in milliseconds since 1970.
pub fn render_hooks(answer: &Value, now_ms: u64) -> String {
    let runs = items(answer, "runs");
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(runs.iter().map(|run| row(run, now_ms)));
    let table = draw(&rows, HEAD.len());
    let mut lines = table.lines();
    let mut text = String::new();
    text.extend(lines.next().into_iter().flat_map(|head| [head, "\n"]));
    for (line, run) in lines.zip(runs) {
        text.extend([line, "\n"]);
        let written = run.get("output").and_then(Value::as_str).unwrap_or_default();
        for line in written.lines() {
            text.extend(["    ", &printable(line), "\n"]);
        }
    }
    text.push_str(&format!(
        "{} waiting, {} at work, {} refused\n",
        cell(answer, "waiting"),
        cell(answer, "at_work"),
        cell(answer, "refused")
    ));
    text
}

fn row(run: &Value, now_ms: u64) -> [String; 7] {
    let started = run.get("started_ms").and_then(Value::as_u64);
    let ago = started.map(|started| duration(now_ms.saturating_sub(started) / 1_000));
    let told = |member: &str| cell(run, member);
    [
        ago.unwrap_or_else(|| "-".to_owned()),
        told("number"),
        told("took_ms"),
        told("event"),
        told("name"),
        told("hook"),
        told("outcome"),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn runs_are_told_with_what_they_wrote() {
        let answer = json!({"waiting": 1, "at_work": 2, "refused": 0, "runs": [
            {"started_ms": 1_000, "number": 7, "event": "nodeup", "name": "anna",
             "hook": "nodeup.d/10-mail", "outcome": "exit 0", "took_ms": 12, "output": ""},
            {"started_ms": 61_000, "number": 8, "event": "nodedown", "name": "anna",
             "hook": "nodedown.d/10-mail", "outcome": "killed after 30s", "took_ms": 30_000,
             "output": "one\n\u{1b}two\n"},
        ]});
        let expected = "\
AGO     NUMBER  MS     EVENT     NODE  HOOK                OUTCOME
1m 30s  7       12     nodeup    anna  nodeup.d/10-mail    exit 0
30s     8       30000  nodedown  anna  nodedown.d/10-mail  killed after 30s
    one
    two
1 waiting, 2 at work, 0 refused
";
        assert_eq!(render_hooks(&answer, 91_000), expected);
    }
}
