//! The admin console's socket: its place, its protocol (one JSON line in, one out), one file per
//! command, the prompt, the observer, and the text that people see. What a command does to the node stands behind the trait
//! [`Control`]; no actor is known here.

mod backup;
mod client;
mod command;
mod control;
mod nearest;
mod prompt;
mod protocol;
mod render;
mod session;
mod socket;
mod top;
mod words;

pub use backup::{PLACE_LIMIT_BYTES, SnapshotWish};
pub use client::{ClientError, Connection};
pub use command::{CommandHelp, commands};
pub use control::{
    BackupStream, ConfigurationWish, Control, ControlError, LogWish, NewPeer, PeerCommand,
    Question, TraceWish,
};
pub use prompt::{Ask, PromptError, prompt};
pub use protocol::{LINE_LIMIT_BYTES, Reply, Request};
pub use refuge_mesh::PeerRule;
pub use render::{Picture, render, render_hooks, render_identity, render_tree};
pub use session::serve_session;
pub use socket::{SocketError, bind, socket_path};
pub use top::{TopError, top};
pub use words::{LineError, parse_line};
