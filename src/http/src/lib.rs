//! The HTTP surface: CouchDB's paths, parameters, status codes and bodies. It parses, authorises,
//! streams and answers; what it serves stands behind the trait [`Node`]. No actor and no storage here.

mod access;
mod all_documents;
mod attachments;
mod body;
mod bulk;
mod changes;
mod connection;
mod content;
mod databases;
mod documents;
mod failure;
mod feed;
mod limits;
mod locals;
mod location;
mod multipart;
mod node;
mod node_events;
mod peer_stream;
mod peers;
mod query;
mod replicated;
mod reply;
mod request;
mod request_bytes;
mod router;
mod scheduler;
mod server;
mod service;
mod session;
mod settings;
mod show;
mod shutdown;
mod stream;
mod tags;
mod timer;
mod update;
mod user;

pub use connection::{Peer, serve_connection};
pub use failure::Failure;
pub use node::*;
pub use replicated::{replicated_document, replicated_update};
pub use request_bytes::RequestBytes;
pub use shutdown::Shutdown;
pub use user::{ADMIN_ROLE, Credentials, Principals, Security, User};
