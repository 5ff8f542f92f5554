//! How the screen looks.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::Paragraph;
use serde_json::Value;

use super::observation::Actor;
use super::screen::{Mode, Screen, View};
use crate::render::{align, cell, duration};

/// Draws it, and moves the lines so that the chosen one is seen.
pub(super) fn draw(screen: &mut Screen, frame: &mut Frame<'_>) {
    let heights = [Constraint::Length(3), Constraint::Min(1), Constraint::Length(2)];
    let [head, body, foot] = Layout::vertical(heights).areas(frame.area());
    frame.render_widget(Paragraph::new(summary(screen)), head);

    let mut lines = table(screen);
    let columns = if lines.is_empty() { String::new() } else { lines.remove(0) };
    let room = usize::from(body.height).saturating_sub(1);
    screen.offset = screen.offset.min(screen.selected);
    if screen.selected >= screen.offset + room {
        screen.offset = screen.selected + 1 - room.max(1);
    }
    let bold = Style::default().add_modifier(Modifier::BOLD);
    let mut text = vec![Line::styled(columns, bold)];
    let seen = lines.into_iter().enumerate().skip(screen.offset).take(room);
    text.extend(seen.map(|(place, line)| match place == screen.selected {
        true => Line::styled(line, Style::default().add_modifier(Modifier::REVERSED)),
        false => Line::raw(line),
    }));
    frame.render_widget(Paragraph::new(Text::from(text)), body);

    let text = Text::from(vec![Line::raw(restarts(screen)), Line::styled(keys(screen), bold)]);
    frame.render_widget(Paragraph::new(text), foot);
}

fn summary(screen: &Screen) -> Text<'static> {
    let now = &screen.now;
    let text = |member: &str| match now.status(member) {
        Value::String(text) => crate::render::printable(text),
        other => other.to_string(),
    };
    let number = |member: &str| now.status(member).as_u64().unwrap_or(0);
    let disk = now.told.get("disk").and_then(|disk| disk.get("available_bytes"));
    let disk = disk.and_then(Value::as_u64).map_or_else(|| "-".to_owned(), bytes);
    let feeds = now.actors.iter().filter(|actor| actor.path.ends_with("/changes")).count();
    let up = now.rows("peers").iter().filter(|peer| peer.get("up") == Some(&true.into())).count();
    Text::from(vec![
        Line::raw(format!(
            "refuge {} at {}, process {}, {} for {}",
            text("version"),
            text("address"),
            text("pid"),
            text("state"),
            duration(number("uptime_seconds"))
        )),
        Line::raw(format!(
            "{:.0} requests/s   memory {}   disk left {disk}   {} actors   {} restarts",
            screen.pace.requests,
            bytes(number("resident_bytes")),
            now.actors.len(),
            number("restarts")
        )),
        Line::raw(format!(
            "{} connections   {} open databases   {feeds} feeds   {} jobs   {up} of {} peers up",
            number("connections"),
            number("open_databases"),
            now.rows("tasks").len(),
            now.rows("peers").len()
        )),
    ])
}

/// `512 B`, `1.5 MiB`.
fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = "KiB";
    for larger in units.into_iter().skip(1) {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// The head and a line for each row.
fn table(screen: &Screen) -> Vec<String> {
    let head = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let words = match screen.view {
        View::Tree | View::Actors(_) => {
            rows.push(head(&[
                "ACTOR",
                "STATE",
                "MAILBOX",
                "MESSAGES/S",
                "BUSY",
                "RESTARTS",
                "UPTIME",
            ]));
            rows.extend(screen.actors().into_iter().map(|actor| row(screen, actor)));
            2
        }
        View::Tasks => {
            let members = ["type", "database", "source", "target", "progress", "docs_written"];
            rows.push(members.map(str::to_uppercase).to_vec());
            let tasks = screen.now.rows("tasks").iter();
            rows.extend(tasks.map(|task| members.map(|member| cell(task, member)).to_vec()));
            4
        }
        View::Peers => {
            let members = ["name", "trust", "up", "groups", "addresses", "id"];
            rows.push(members.map(str::to_uppercase).to_vec());
            let peers = screen.now.rows("peers").iter();
            rows.extend(peers.map(|peer| members.map(|member| cell(peer, member)).to_vec()));
            members.len()
        }
    };
    align(&rows, words).lines().map(str::to_owned).collect()
}

fn row(screen: &Screen, actor: &Actor) -> Vec<String> {
    let (handled, busy) = screen.pace.actors.get(&actor.path).copied().unwrap_or_default();
    let name = match screen.view {
        View::Tree if screen.filter.is_empty() => {
            format!("{}{}", "  ".repeat(actor.depth), actor.name)
        }
        _ => actor.path.clone(),
    };
    vec![
        name,
        actor.state.clone(),
        actor.mailbox.map_or_else(|| "-".to_owned(), |waiting| waiting.to_string()),
        format!("{handled:.0}"),
        format!("{:.0} %", busy * 100.0),
        actor.restarts.to_string(),
        duration(actor.uptime_seconds),
    ]
}

fn restarts(screen: &Screen) -> String {
    if let Some(said) = &screen.said {
        return said.clone();
    }
    let told: Vec<&str> = screen.restarts.iter().map(String::as_str).collect();
    if told.is_empty() { String::new() } else { format!("restarted: {}", told.join(", ")) }
}

fn keys(screen: &Screen) -> String {
    match &screen.mode {
        Mode::Confirm(path) => format!("kill {path}? y / any other key"),
        Mode::Filter => format!("filter: {}_   Enter keeps it, Esc clears it", screen.filter),
        Mode::Walk => {
            let order = match screen.view {
                View::Actors(order) => format!(" by {}", order.as_str()),
                _ => String::new(),
            };
            format!("1 tree  2 actors{order}  3 jobs  4 peers  s sort  / filter  x kill  q quit")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyCode;

    use super::super::observation::tests::observation;
    use super::*;

    fn drawn(screen: &mut Screen, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(90, height)).unwrap();
        terminal.draw(|frame| draw(screen, frame)).unwrap();
        terminal.backend().to_string()
    }

    fn screen() -> Screen {
        let begun = Instant::now();
        let mut screen = Screen::new(observation(begun, 1));
        screen.take(observation(begun, 2));
        screen
    }

    #[test]
    fn the_screen_tells_of_the_node_and_of_its_actors() {
        let shown = drawn(&mut screen(), 10);
        for piece in [
            "refuge 1.2.3 at 127.0.0.1:5984, process 7, up for 1m 01s",
            "1000 requests/s   memory 64.0 MiB   disk left 5.0 GiB   3 actors   1 restarts",
            "5 connections   2 open databases   0 feeds   1 jobs   1 of 1 peers up",
            "  engine  running        3         100  25 %         2     59s",
            "restarted: root/expiry (2), root/engine (2)",
            "q quit",
        ] {
            assert!(shown.contains(piece), "{piece} is not in\n{shown}");
        }
    }

    #[test]
    fn the_chosen_line_is_always_seen() {
        let mut screen = screen();
        screen.key(KeyCode::End.into());
        // Three lines above, two below, one for the columns: a single actor.
        let shown = drawn(&mut screen, 7);
        assert!(shown.contains("  expiry") && !shown.contains("  engine  running"), "{shown}");
        screen.key(KeyCode::Home.into());
        assert!(drawn(&mut screen, 7).contains("root "));
    }

    #[test]
    fn jobs_and_peers_have_views_of_their_own() {
        let mut screen = screen();
        screen.key(KeyCode::Char('3').into());
        assert!(drawn(&mut screen, 10).contains("indexer  cities"));
        screen.key(KeyCode::Tab.into());
        assert!(drawn(&mut screen, 10).contains("anna  trusted  true"));
    }

    #[test]
    fn sizes_are_told_in_units() {
        assert_eq!([bytes(7), bytes(1536), bytes(3 << 40)], ["7 B", "1.5 KiB", "3.0 TiB"]);
    }
}
