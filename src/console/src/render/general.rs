//! Answers drawn by their shape: a list of objects is a table with their members as columns, an object is a
//! line a member, a text is itself.

use serde_json::{Map, Value};

use super::table::{align, printable};

/// Columns behind which a table is no longer read: what is wider than this is cut.
const WIDEST_CELL: usize = 60;
/// Columns that say why; the last of them stands last and is not cut.
const CAUSES: [&str; 2] = ["error", "reason"];

/// A list of objects as a table, all else as lines.
pub(super) fn by_shape(answer: &Value) -> String {
    match answer {
        Value::Object(members) => object(members),
        other => format!("{}\n", plain(other)),
    }
}

fn object(members: &Map<String, Value>) -> String {
    let tables = members.iter().filter_map(|(name, value)| Some((name, rows(value)?)));
    let tables: Vec<_> = tables.collect();
    let single = |(_, value): &(&String, &Value)| rows(value).is_none();
    let lines: Vec<Vec<String>> =
        members.iter().filter(single).flat_map(|(name, value)| line(name, value)).collect();
    let mut text = align(&lines, 2);
    for (name, rows) in tables {
        if members.len() > 1 {
            text.push_str(&format!("{}:\n", printable(name)));
        }
        text.push_str(&table(rows));
    }
    text
}

/// An object within is drawn as `name.member`.
fn line(name: &str, value: &Value) -> Vec<Vec<String>> {
    let name = printable(name);
    match value {
        Value::Object(inner) if !inner.is_empty() => inner
            .iter()
            .flat_map(|(member, value)| line(&format!("{name}.{member}"), value))
            .collect(),
        other => vec![vec![name, plain(other)]],
    }
}

/// A list whose items are objects.
fn rows(value: &Value) -> Option<&[Value]> {
    let items = value.as_array()?;
    items.iter().all(Value::is_object).then_some(items.as_slice())
}

fn table(rows: &[Value]) -> String {
    let mut columns: Vec<&String> = Vec::new();
    for member in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&member) {
            columns.push(member);
        }
    }
    let is_number = |column: &&&String| {
        let mut cells = rows.iter().filter_map(|row| row.get(column.as_str()));
        cells.all(|cell| cell.is_number() || cell.is_null())
    };
    let is_cause = |column: &&&String| CAUSES.contains(&column.as_str()) && !is_number(column);
    let cause = columns.iter().rposition(|column| is_cause(&column));
    let cause = cause.filter(|_| columns.len() > 1).map(|position| columns.remove(position));
    // Words stand left of numbers.
    let words: Vec<&String> = columns.iter().filter(|column| !is_number(column)).copied().collect();
    let numbers = columns.iter().filter(is_number).copied();
    let order: Vec<&String> = words.iter().copied().chain(numbers).collect();
    let title = |column: &String| printable(column).to_uppercase();
    let text = |row: &Value, column: &str| plain(row.get(column).unwrap_or(&Value::Null));
    let head = order.iter().map(|column| title(column)).collect();
    let cells = rows.iter().map(|row| order.iter().map(|column| cut(&text(row, column))).collect());
    let all: Vec<Vec<String>> = std::iter::once(head).chain(cells).collect();
    let drawn = align(&all, words.len());
    let Some(cause) = cause else { return drawn };
    let causes = rows.iter().map(|row| text(row, cause));
    let causes: Vec<String> = std::iter::once(title(cause)).chain(causes).collect();
    beside(&drawn, &causes)
}

/// A table with one more column, as wide as it has to be.
fn beside(table: &str, cells: &[String]) -> String {
    let lines: Vec<Vec<String>> =
        table.lines().zip(cells).map(|(line, cell)| vec![line.to_owned(), cell.clone()]).collect();
    align(&lines, 2)
}

fn cut(text: &str) -> String {
    if text.chars().count() <= WIDEST_CELL {
        return text.to_owned();
    }
    text.chars().take(WIDEST_CELL - 1).chain(['…']).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(",")
        }
        other => printable(&other.to_string()),
    }
}

/// The texts of a list, one a line.
pub(super) fn lines(answer: &Value, member: &str) -> String {
    let lines = answer.get(member).and_then(Value::as_array);
    let lines = lines.into_iter().flatten().map(|line| format!("{}\n", plain(line)));
    lines.collect()
}

/// What is wrong, and what to do about it.
pub(super) fn problems(answer: &Value) -> String {
    let problems = answer.get("problems").and_then(Value::as_array);
    let told = problems.into_iter().flatten().map(|problem| {
        let text = |member| plain(problem.get(member).unwrap_or(&Value::Null));
        format!("{}\n    {}\n", text("what"), text("do"))
    });
    let told: String = told.collect();
    if told.is_empty() { "all is well\n".to_owned() } else { told }
}

/// Each command with what it does.
pub(super) fn help(answer: &Value) -> String {
    let commands = answer.get("commands").and_then(Value::as_array);
    let told = commands.into_iter().flatten().map(|command| {
        let text = |member| plain(command.get(member).unwrap_or(&Value::Null));
        format!("{}\n    {}\n", text("usage"), text("help"))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_of_objects_is_a_table_with_words_before_numbers() {
        let answer = json!({"databases": [
            {"documents": 12, "name": "cities", "open": true},
            {"documents": 7, "name": "b\u{1b}[2J", "open": false},
        ], "more": false});
        let expected = "\
more  false
databases:
NAME    OPEN   DOCUMENTS
cities  true          12
b[2J    false          7
";
        assert_eq!(by_shape(&answer), expected);
    }

    #[test]
    fn objects_are_lines_and_those_within_have_longer_names() {
        let answer = json!({"http": {"port": "5984"}, "before": null, "list": ["a", "b"]});
        assert_eq!(by_shape(&answer), "http.port  5984\nbefore     -\nlist       a,b\n");
        assert_eq!(by_shape(&json!("pong")), "pong\n");
    }

    #[test]
    fn why_something_failed_stands_last_and_is_not_cut() {
        let long = format!("b forbids it: {}", "x".repeat(80));
        let answer = json!({"replications": [
            {"id": "one", "error": long, "docs_written": 7, "source": "y".repeat(80)},
            {"id": "two", "error": null, "docs_written": 12, "source": "a"},
        ]});
        let told = by_shape(&answer);
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("ID") && lines[0].ends_with("DOCS_WRITTEN  ERROR"), "{told}");
        assert!(lines[1].ends_with(&format!("7  {long}")), "{told}");
        assert!(lines[1].contains('…'), "{told}");
        assert!(lines[2].ends_with("12  -"), "{told}");
    }

    #[test]
    fn a_table_of_causes_alone_is_one() {
        let told = by_shape(&json!({"events": [{"reason": "closed"}, {"reason": "timeout"}]}));
        assert_eq!(told, "REASON\nclosed\ntimeout\n");
    }

    #[test]
    fn without_problems_all_is_well() {
        assert_eq!(problems(&json!({"problems": []})), "all is well\n");
    }
}
