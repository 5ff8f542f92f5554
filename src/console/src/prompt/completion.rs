//! What a line that is being typed may become: names of commands, actors and databases; and how the rest of
//! a command is typed.

use std::borrow::Cow;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use serde_json::Value;

use super::Ask;
use crate::command::commands;
use crate::protocol::Request;

/// Commands whose argument is an actor's name.
const OF_ACTORS: [&str; 4] = ["actor", "kill", "restart", "trace"];
/// Commands whose argument is a database's name.
const OF_DATABASES: [&str; 2] = ["db", "compact"];
/// Names that are offered; more would push the prompt out of sight.
const MOST_OFFERED: usize = 100;

/// Completes lines for one node.
pub(super) struct Completion {
    node: Rc<dyn Ask>,
    colours: bool,
}

impl Completion {
    pub(super) fn new(node: Rc<dyn Ask>, colours: bool) -> Self {
        Self { node, colours }
    }

    /// What the node tells to a command that is asked beside the one that is typed; nothing, where it tells
    /// nothing.
    fn ask(&self, command: &str, arguments: &[&str]) -> Value {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let request = Request { command: command.to_owned(), arguments };
        self.node.ask(&request).unwrap_or(Value::Null)
    }

    fn names(&self, command: &str, begun: &str) -> Vec<String> {
        let mut found = Vec::new();
        if command == "help" {
            found.extend(commands().map(|one| one.name().to_owned()));
        } else if OF_ACTORS.contains(&command) {
            collect(&self.ask("tree", &[]), &mut found);
        } else if OF_DATABASES.contains(&command) {
            let told = self.ask("dbs", &[begun]);
            let rows = told.get("databases").and_then(Value::as_array);
            let names = rows.into_iter().flatten().filter_map(|row| row.get("name")?.as_str());
            found.extend(names.map(str::to_owned));
        }
        found
    }
}

/// The names of a tree.
fn collect(node: &Value, names: &mut Vec<String>) {
    names.extend(node.get("name").and_then(Value::as_str).map(str::to_owned));
    for child in node.get("children").and_then(Value::as_array).into_iter().flatten() {
        collect(child, names);
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> Result<(usize, Vec<String>), ReadlineError> {
        let before = line.get(..position).unwrap_or(line);
        let begin = before.rfind(' ').map_or(0, |blank| blank + 1);
        let begun = before.get(begin..).unwrap_or_default();
        let mut words = before.split_whitespace();
        let mut offered = match words.next() {
            Some(command) if begin > 0 => self.names(command, begun),
            _ => commands().map(|one| one.name().to_owned()).chain(["quit".to_owned()]).collect(),
        };
        offered.retain(|name| name.starts_with(begun) && !name.contains(' '));
        offered.sort();
        offered.dedup();
        offered.truncate(MOST_OFFERED);
        Ok((begin, offered))
    }
}

impl Hinter for Completion {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, _context: &Context<'_>) -> Option<String> {
        // Shown behind the name of a command, until its first argument is begun.
        let is_name = position == line.len() && !line.is_empty() && !line.trim().contains(' ');
        let command = commands().find(|one| is_name && one.name() == line.trim())?;
        let arguments = command.usage.strip_prefix(command.name())?.trim_start();
        let gap = if line.ends_with(' ') || arguments.is_empty() { "" } else { " " };
        Some(format!("{gap}{arguments}"))
    }
}

impl Highlighter for Completion {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.colours {
            true => Cow::Owned(format!("\u{1b}[90m{hint}\u{1b}[0m")),
            false => Cow::Borrowed(hint),
        }
    }
}

impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use rustyline::history::DefaultHistory;
    use serde_json::json;

    use super::*;
    use crate::ClientError;

    struct Node;

    impl Ask for Node {
        fn ask(&self, request: &Request) -> Result<Value, ClientError> {
            Ok(match request.command.as_str() {
                "tree" => {
                    json!({"name": "root", "children": [{"name": "engine"}, {"name": "expiry"}]})
                }
                _ => json!({"databases": [{"name": "cities"}]}),
            })
        }
    }

    fn offered(line: &str) -> Vec<String> {
        let history = DefaultHistory::new();
        let completion = Completion::new(Rc::new(Node), false);
        completion.complete(line, line.len(), &Context::new(&history)).unwrap().1
    }

    #[test]
    fn commands_actors_and_databases_are_completed() {
        assert_eq!(offered("tr"), ["trace", "tree"]);
        assert_eq!(offered("kill e"), ["engine", "expiry"]);
        assert_eq!(offered("db c"), ["cities"]);
        assert_eq!(offered("help sta"), ["stats", "status"]);
        assert!(offered("tree x").is_empty());
    }

    #[test]
    fn the_rest_of_a_command_is_hinted() {
        let history = DefaultHistory::new();
        let completion = Completion::new(Rc::new(Node), false);
        let hint = |line: &str| completion.hint(line, line.len(), &Context::new(&history));
        assert_eq!(hint("kill").as_deref(), Some(" NAME"));
        assert_eq!(hint("kill ").as_deref(), Some("NAME"));
        assert_eq!(hint("kill x"), None);
        assert_eq!(hint(""), None);
    }
}
