//! What the commands answer with, as text for people: columns aligned, no control characters from
//! outside. Answers that have no picture of their own are drawn by their shape.

mod code;
mod general;
mod hooks;
mod identity;
mod mesh;
mod peers;
mod table;
mod tree;

use serde_json::Value;

use crate::protocol::Request;

pub use hooks::render_hooks;
pub use identity::render_identity;
use mesh::{
    render_diagnosis, render_introduced, render_introductions, render_invitation,
    render_invitations, render_peer, render_pending,
};
use peers::render_peers;
pub(crate) use table::{align, cell, duration, printable};
pub use tree::render_tree;

/// For whom something is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Whether the terminal shows colours.
    pub colours: bool,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// Draws the answer to a command.
pub fn render(request: &Request, answer: &Value, picture: Picture) -> String {
    match (request.command.as_str(), request.arguments.first().map(String::as_str)) {
        ("tree", _) => render_tree(answer),
        ("hooks", _) => render_hooks(answer, picture.now_ms),
        ("identity", None) => render_identity(answer, picture.colours),
        ("peers", _) | ("peer", Some("list")) => render_peers(answer),
        ("peer" | "invite", _) => of_mesh(request, answer, picture),
        ("log", _) if answer.get("lines").is_some() => general::lines(answer, "lines"),
        ("check", _) => general::problems(answer),
        ("help", _) => general::help(answer),
        _ => general::by_shape(answer),
    }
}

/// Draws what is told of nodes that come and are let in.
fn of_mesh(request: &Request, answer: &Value, picture: Picture) -> String {
    match (request.command.as_str(), request.arguments.first().map(String::as_str)) {
        ("invite", Some("list")) => render_invitations(answer),
        ("invite", Some("withdraw")) => general::by_shape(answer),
        ("invite", _) => render_invitation(answer, picture.colours),
        ("peer", Some("show")) => render_peer(answer),
        ("peer", Some("why")) => render_diagnosis(answer),
        ("peer", Some("pending")) => render_pending(answer),
        ("peer", Some("introduce")) => render_introduced(answer),
        ("peer", Some("introductions")) => render_introductions(answer, "made"),
        _ => general::by_shape(answer),
    }
}
