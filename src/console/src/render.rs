//! What the commands answer with, as text for people: columns aligned, no control characters from
//! outside.

mod hooks;
mod identity;
mod peers;
mod table;
mod tree;

pub use hooks::render_hooks;
pub use identity::render_identity;
pub use peers::render_peers;
pub use tree::render_tree;
