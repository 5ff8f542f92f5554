//! Who a node is: its id for machines, for people and for cameras.

use serde_json::Value;

use super::code::draw_code;
use super::table::cell;

/// Draws what the `identity` command answers with: id, the id as people read it, name, and the id as a
/// QR code that holds `REFUGE:<id>`. With `colours` the code is in colours for a terminal.
pub fn render_identity(identity: &Value, colours: bool) -> String {
    let id = cell(identity, "id");
    let mut text = format!(
        "id      {id}\n        {}\nname    {}\n",
        cell(identity, "people"),
        cell(identity, "name")
    );
    // In capitals, which are half as long in such a code as other bytes.
    if let Some(code) = draw_code(&format!("REFUGE:{id}"), colours) {
        text.push('\n');
        text.push_str(&code);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::code::{BLACK_ON_WHITE, OWN_COLOURS};
    use super::*;

    fn identity() -> Value {
        json!({"id": "A".repeat(52), "people": "AAA-BBB", "name": "anna\u{1b}[2J"})
    }

    #[test]
    fn an_identity_is_told_in_three_ways() {
        let text = render_identity(&identity(), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("id      {}", "A".repeat(52)));
        assert_eq!(lines[1], "        AAA-BBB");
        assert_eq!(lines[2], "name    anna[2J");
        // 29 modules and a margin of 4 on each side, two of them in a line.
        assert_eq!(lines.len(), 4 + 19);
        assert!(lines[4..].iter().all(|line| line.chars().count() == 37), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(lines[4].chars().all(|module| module == '█'), "the margin is light");
    }

    #[test]
    fn colours_are_the_terminals_alone() {
        let text = render_identity(&identity(), true);
        assert!(text.lines().skip(4).all(|line| line.starts_with(BLACK_ON_WHITE)), "{text}");
        assert!(text.ends_with(&format!("{OWN_COLOURS}\n")));
        let margin = format!("{BLACK_ON_WHITE}{}{OWN_COLOURS}", " ".repeat(37));
        assert_eq!(text.lines().nth(4), Some(&*margin));
    }
}
