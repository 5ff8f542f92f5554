//! The observer: a whole screen of a running node, looked at again each second. What it knows is in
//! `observation`, what keys do in `screen`, how it looks in `picture`; here the terminal and the node meet.

mod observation;
mod picture;
mod screen;

use std::io;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::client::ClientError;
use crate::prompt::Ask;
use crate::protocol::Request;
use observation::Observation;
use screen::{Screen, Wish};

/// Between two looks at the node.
const EVERY: Duration = Duration::from_secs(1);

/// Why the observer ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// There is no terminal, or it does not do what it should.
    #[error("the terminal cannot be used: {0}; `refuge eval tree` needs none")]
    Terminal(#[from] io::Error),
    /// The node went away.
    #[error(transparent)]
    Node(#[from] ClientError),
}

/// Shows a node until `q` is typed.
///
/// # Errors
/// [`TopError`]; the terminal is as it was before in any case.
pub fn top(node: &dyn Ask) -> Result<(), TopError> {
    let first = look(node)?;
    let mut terminal = ratatui::try_init()?;
    let outcome = follow(node, Screen::new(first), &mut terminal);
    ratatui::try_restore()?;
    outcome
}

fn follow(
    node: &dyn Ask,
    mut screen: Screen,
    terminal: &mut DefaultTerminal,
) -> Result<(), TopError> {
    let mut looked = Instant::now();
    loop {
        terminal.draw(|frame| picture::draw(&mut screen, frame))?;
        let left = EVERY.saturating_sub(looked.elapsed());
        if event::poll(left)? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
            {
                match screen.key(key) {
                    Some(Wish::Quit) => return Ok(()),
                    Some(Wish::Kill(name)) => kill(node, &name, &mut screen)?,
                    None => {}
                }
            }
            continue;
        }
        looked = Instant::now();
        match look(node) {
            Ok(observation) => screen.take(observation),
            // It is restarting, or a part of it does not answer: the next look may tell more.
            Err(ClientError::Refused { reason, .. }) => screen.say(reason),
            Err(error) => return Err(error.into()),
        }
    }
}

fn look(node: &dyn Ask) -> Result<Observation, ClientError> {
    let request = Request { command: "observe".to_owned(), arguments: Vec::new() };
    let told = node.ask(&request)?;
    Ok(Observation::read(told, Instant::now()))
}

fn kill(node: &dyn Ask, path: &str, screen: &mut Screen) -> Result<(), ClientError> {
    let request = Request { command: "kill".to_owned(), arguments: vec![path.to_owned()] };
    match node.ask(&request) {
        Ok(_) => screen.say(format!("{path} was killed")),
        Err(ClientError::Refused { reason, .. }) => screen.say(reason),
        Err(error) => return Err(error),
    }
    Ok(())
}
