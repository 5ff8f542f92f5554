//! Rows of cells in aligned columns.

use serde_json::Value;

/// Draws rows, the first being the head; the first `words` columns stand left, the others right.
pub(super) fn draw<const COLUMNS: usize>(rows: &[[String; COLUMNS]], words: usize) -> String {
    align(rows, words)
}

/// The same for rows of any width.
pub(crate) fn align<R: AsRef<[String]>>(rows: &[R], words: usize) -> String {
    let mut widths = Vec::new();
    for row in rows {
        let row = row.as_ref();
        widths.resize(row.len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((position, cell), width) in row.as_ref().iter().enumerate().zip(&widths) {
            let padding = " ".repeat(width - cell.chars().count());
            let (before, after) = if position < words { ("", &*padding) } else { (&*padding, "") };
            let gap = if position == 0 { "" } else { "  " };
            line.extend([gap, before, cell, after]);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A member as a cell: `-` where there is none, lists with commas between their items.
pub(crate) fn cell(row: &Value, member: &str) -> String {
    match row.get(member) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => items.iter().map(text).collect::<Vec<_>>().join(","),
        Some(other) => text(other),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        other => other.to_string(),
    }
}

/// Without what could move a terminal's cursor, or turn or hide the text around it: much of it was said by others.
pub(crate) fn printable(text: &str) -> String {
    refuge_mesh::shown_text(text, usize::MAX)
}

/// The items of a member that is a list.
pub(super) fn items<'a>(answer: &'a Value, member: &str) -> &'a [Value] {
    answer.get(member).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}

/// `45s`, `12m 05s`, `3h 07m`, `12d 03h`.
pub(crate) fn duration(seconds: u64) -> String {
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
    use super::*;

    #[test]
    fn what_others_say_turns_no_text_around() {
        assert_eq!(printable("no\u{1b}[2J \u{202E}rewsna\u{200B} é"), "no[2J rewsna é");
    }
}
