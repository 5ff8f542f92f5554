//! What the commands answer with, as text for people: columns aligned, no control characters from
//! outside.

mod code;
mod hooks;
mod identity;
mod mesh;
mod peers;
mod table;
mod tree;

pub use hooks::render_hooks;
pub use identity::render_identity;
pub use mesh::{
    render_diagnosis, render_introductions, render_invitation, render_invitations, render_peer,
    render_pending,
};
pub use peers::render_peers;
pub use tree::render_tree;
