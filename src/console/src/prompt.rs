//! The console for people: a line is typed, its answer is shown, until there is enough. Lines without secrets
//! are kept over sessions, commands and names are completed, and a command that is being typed shows its
//! arguments.

mod completion;
mod secrets;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::client::ClientError;
use crate::render::{Picture, render};
use crate::words::parse_line;
use completion::Completion;

/// Lines that are kept.
const HISTORY: usize = 1_000;

/// Speaks to a node, one command at a time; blocks meanwhile.
pub trait Ask {
    /// Sends a command and waits for its answer.
    fn ask(&self, request: &crate::Request) -> Result<serde_json::Value, ClientError>;
}

/// Why the prompt ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The terminal does not do what it should.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] ReadlineError),
    /// The node went away.
    #[error(transparent)]
    Node(#[from] ClientError),
}

/// Asks for lines and answers them until `quit` or the end of the input. `name` stands before each line;
/// `history` is where lines are kept, if anywhere.
///
/// # Errors
/// [`PromptError`].
pub fn prompt(name: &str, node: Rc<dyn Ask>, history: Option<PathBuf>) -> Result<(), PromptError> {
    let config =
        Config::builder().max_history_size(HISTORY)?.completion_type(CompletionType::List).build();
    let mut editor: Editor<Completion, FileHistory> = Editor::with_config(config)?;
    let colours = std::io::stdout().is_terminal();
    editor.set_helper(Some(Completion::new(Rc::clone(&node), colours)));
    if let Some(path) = &history {
        // Without former lines one types anew.
        let _ = editor.load_history(path);
    }
    let outcome = session(name, &*node, &mut editor, colours);
    if let Some(path) = &history {
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(path);
    }
    outcome
}

fn session(
    name: &str,
    node: &dyn Ask,
    editor: &mut Editor<Completion, FileHistory>,
    colours: bool,
) -> Result<(), PromptError> {
    let shown = format!("{name}> ");
    loop {
        let line = match editor.readline(&shown) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let typed = line.trim();
        if !secrets::may_hold(typed) {
            editor.add_history_entry(line.as_str())?;
        }
        match typed {
            "" => continue,
            "quit" | "exit" => return Ok(()),
            typed => answer(typed, node, colours)?,
        }
    }
}

/// Only what ends the session is an error.
fn answer(line: &str, node: &dyn Ask, colours: bool) -> Result<(), ClientError> {
    let told = match parse_line(line) {
        Err(error) => Err(error.to_string()),
        Ok(request) => match node.ask(&request) {
            Ok(answer) => Ok(render(&request, &answer, Picture { colours, now_ms: now_ms() })),
            Err(ClientError::Refused { reason, .. }) => Err(reason),
            Err(error) => return Err(error),
        },
    };
    let mut output = std::io::stdout();
    // Whoever no longer looks has seen enough.
    let _ = match told {
        Ok(text) => output.write_all(text.as_bytes()),
        Err(reason) if colours => writeln!(output, "\u{1b}[31m{reason}\u{1b}[0m"),
        Err(reason) => writeln!(output, "{reason}"),
    };
    Ok(())
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
