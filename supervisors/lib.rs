//! Who watches whom: one file a supervisor, its path its place in the tree. A file holds a child list
//! and its reasons, nothing else. Starting a whole node is in `node`.

mod node;
mod parts;
mod root;

pub use node::{Ended, RunningNode, StartFailure, StartOptions, start};
pub use parts::{
    AnnounceMesh, BindError, End, Host, MayUpgrade, Parts, ReadLog, SetLogLevel, Socket, Sockets,
};
pub use refuge_actors::engine::OpenError;
pub use root::specification;
