//! The admin console's socket: its place, its protocol (one JSON line in, one out), one file per
//! command, and the text that people see. What a command does to the node stands behind the trait
//! [`Control`]; no actor is known here.

mod client;
mod command;
mod control;
mod protocol;
mod render;
mod session;
mod socket;

pub use client::{ClientError, Connection};
pub use control::{Control, ControlError, NewPeer, PeerCommand};
pub use protocol::{LINE_LIMIT_BYTES, Reply, Request};
pub use render::{
    render_diagnosis, render_hooks, render_identity, render_introductions, render_invitation,
    render_invitations, render_peer, render_peers, render_pending, render_tree,
};
pub use session::serve_session;
pub use socket::{SocketError, bind, socket_path};
