//! What is looked at, and what keys do to that. Neither a terminal nor a node is known here.

use std::collections::VecDeque;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::observation::{Actor, Observation, Pace};

/// Restarts that are remembered.
const RESTARTS: usize = 5;
/// Lines that a page moves.
const PAGE: usize = 10;

/// Which part of the node is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The tree.
    Tree,
    /// The actors in an order.
    Actors(Order),
    /// What runs for long.
    Tasks,
    /// Other nodes.
    Peers,
}

/// By what actors are sorted, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The part of the time.
    Busy,
    /// Messages a second.
    Handled,
    /// Messages that wait.
    Mailbox,
    /// Restarts.
    Restarts,
    /// By name.
    Name,
}

impl Order {
    fn next(self) -> Self {
        match self {
            Self::Busy => Self::Handled,
            Self::Handled => Self::Mailbox,
            Self::Mailbox => Self::Restarts,
            Self::Restarts => Self::Name,
            Self::Name => Self::Busy,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Handled => "messages",
            Self::Mailbox => "mailbox",
            Self::Restarts => "restarts",
            Self::Name => "name",
        }
    }
}

/// What a key asks for beyond the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    /// Kill the actor with this path.
    Kill(String),
}

/// What keys are for at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Walking.
    #[default]
    Walk,
    /// Letters make the filter.
    Filter,
    /// Whether this actor is to be killed.
    Confirm(String),
}

/// The screen.
pub(super) struct Screen {
    pub(super) now: Observation,
    pub(super) pace: Pace,
    pub(super) view: View,
    pub(super) mode: Mode,
    /// Only what holds this is shown.
    pub(super) filter: String,
    pub(super) selected: usize,
    /// The first line that is seen.
    pub(super) offset: usize,
    /// The last restarts, the newest first.
    pub(super) restarts: VecDeque<String>,
    /// Told until the next key.
    pub(super) said: Option<String>,
}

impl Screen {
    pub(super) fn new(now: Observation) -> Self {
        Self {
            now,
            pace: Pace::default(),
            view: View::Tree,
            mode: Mode::Walk,
            filter: String::new(),
            selected: 0,
            offset: 0,
            restarts: VecDeque::new(),
            said: None,
        }
    }

    /// The next moment.
    pub(super) fn take(&mut self, now: Observation) {
        self.pace = Pace::between(&self.now, &now);
        for (path, count) in &self.pace.restarted {
            self.restarts.push_front(format!("{path} ({count})"));
        }
        self.restarts.truncate(RESTARTS);
        self.now = now;
    }

    pub(super) fn say(&mut self, what: String) {
        self.said = Some(what);
    }

    /// The actors that are shown, in their order.
    pub(super) fn actors(&self) -> Vec<&Actor> {
        let wanted = |actor: &&Actor| actor.path.contains(&self.filter);
        let mut actors: Vec<&Actor> = self.now.actors.iter().filter(wanted).collect();
        let View::Actors(order) = self.view else { return actors };
        let pace = |actor: &Actor| self.pace.actors.get(&actor.path).copied().unwrap_or_default();
        match order {
            Order::Busy => actors.sort_by(|one, other| pace(other).1.total_cmp(&pace(one).1)),
            Order::Handled => actors.sort_by(|one, other| pace(other).0.total_cmp(&pace(one).0)),
            Order::Mailbox => actors.sort_by_key(|actor| std::cmp::Reverse(actor.mailbox)),
            Order::Restarts => actors.sort_by_key(|actor| std::cmp::Reverse(actor.restarts)),
            Order::Name => actors.sort_by(|one, other| one.path.cmp(&other.path)),
        }
        actors
    }

    /// How many lines there are to walk over.
    fn lines(&self) -> usize {
        match self.view {
            View::Tree | View::Actors(_) => self.actors().len(),
            View::Tasks => self.now.rows("tasks").len(),
            View::Peers => self.now.rows("peers").len(),
        }
    }

    /// What a key does.
    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        self.said = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Some(Wish::Quit);
        }
        match std::mem::take(&mut self.mode) {
            Mode::Walk => return self.walk(key.code),
            Mode::Filter => self.change_filter(key.code),
            Mode::Confirm(path) if key.code == KeyCode::Char('y') => return Some(Wish::Kill(path)),
            Mode::Confirm(_) => {}
        }
        None
    }

    fn change_filter(&mut self, key: KeyCode) {
        self.mode = Mode::Filter;
        match key {
            KeyCode::Char(letter) => self.filter.push(letter),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Walk;
            }
            KeyCode::Enter => self.mode = Mode::Walk,
            _ => {}
        }
        self.selected = 0;
    }

    fn walk(&mut self, key: KeyCode) -> Option<Wish> {
        let last = self.lines().saturating_sub(1);
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Quit),
            KeyCode::Down | KeyCode::Char('j') => self.selected += 1,
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::PageDown => self.selected += PAGE,
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(PAGE),
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = last,
            KeyCode::Char('1') => self.look_at(View::Tree),
            KeyCode::Char('2') => self.look_at(View::Actors(Order::Busy)),
            KeyCode::Char('3') => self.look_at(View::Tasks),
            KeyCode::Char('4') => self.look_at(View::Peers),
            KeyCode::Tab => self.look_at(match self.view {
                View::Tree => View::Actors(Order::Busy),
                View::Actors(_) => View::Tasks,
                View::Tasks => View::Peers,
                View::Peers => View::Tree,
            }),
            KeyCode::Char('s') => self.look_at(match self.view {
                View::Actors(order) => View::Actors(order.next()),
                _ => View::Actors(Order::Busy),
            }),
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('x') => {
                let path = self.selected_actor().map(|actor| actor.path.clone());
                self.mode = path.map_or(Mode::Walk, Mode::Confirm);
            }
            _ => {}
        }
        self.selected = self.selected.min(self.lines().saturating_sub(1));
        None
    }

    fn look_at(&mut self, view: View) {
        self.view = view;
        self.selected = 0;
        self.offset = 0;
    }

    fn selected_actor(&self) -> Option<&Actor> {
        match self.view {
            View::Tree | View::Actors(_) => self.actors().get(self.selected).copied(),
            View::Tasks | View::Peers => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::observation::tests::observation;
    use super::*;

    fn screen() -> Screen {
        let begun = Instant::now();
        let mut screen = Screen::new(observation(begun, 1));
        screen.take(observation(begun, 2));
        screen
    }

    fn typed(screen: &mut Screen, keys: &str) -> Option<Wish> {
        keys.chars().fold(None, |_, letter| screen.key(KeyCode::Char(letter).into()))
    }

    #[test]
    fn an_actor_is_killed_only_when_that_is_confirmed() {
        let mut screen = screen();
        typed(&mut screen, "jx");
        assert_eq!(screen.mode, Mode::Confirm("root/engine".to_owned()));
        assert_eq!(typed(&mut screen, "n"), None);
        assert_eq!(typed(&mut screen, "xy"), Some(Wish::Kill("root/engine".to_owned())));
        assert_eq!(typed(&mut screen, "q"), Some(Wish::Quit));
    }

    #[test]
    fn a_filter_leaves_out_and_letters_are_no_keys_meanwhile() {
        let mut screen = screen();
        assert_eq!(typed(&mut screen, "/expiryq"), None);
        assert!(screen.actors().is_empty());
        screen.key(KeyCode::Backspace.into());
        assert_eq!(screen.actors().len(), 1);
        screen.key(KeyCode::Enter.into());
        typed(&mut screen, "x");
        assert_eq!(screen.mode, Mode::Confirm("root/expiry".to_owned()));
    }

    #[test]
    fn actors_are_sorted_by_what_they_do() {
        let mut screen = screen();
        typed(&mut screen, "2");
        assert_eq!(screen.view, View::Actors(Order::Busy));
        typed(&mut screen, "s");
        assert_eq!(screen.actors()[0].name, "engine");
        typed(&mut screen, "sss");
        assert_eq!(screen.view, View::Actors(Order::Name));
        assert_eq!(screen.actors()[0].name, "root");
        assert_eq!(screen.restarts.len(), 2);
    }

    #[test]
    fn walking_ends_where_the_lines_do() {
        let mut screen = screen();
        typed(&mut screen, "jjjjjjj");
        assert_eq!(screen.selected, 2);
        typed(&mut screen, "4j");
        assert_eq!(screen.selected, 0);
    }
}
