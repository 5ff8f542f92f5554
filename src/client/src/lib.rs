//! The HTTP client of replication and of the mesh: a remote database behind a URL answers the same
//! requests as a local one. What is asked, and when, is `refuge-replication`'s; here is how it travels:
//! pooled connections, TLS, deadlines, the shapes of CouchDB's bodies, and what a status code means.
//! Other nodes are reached through a [`PeerDialer`], and a [`Tunnel`] is a stream through an HTTP/2
//! request to one of them.
//!
//! Documents pass as raw bytes and are never rewritten. Credentials are in one header and in no
//! message, log or `Debug` text.

mod asking;
mod carriage;
mod connections;
mod connector;
mod database;
mod exchange;
mod failure;
mod link;
mod proxy;
mod related;
mod resuming;
mod splitter;
mod tunnel;

pub use asking::{Answered, AskError, Conversation, Question, ask};
pub use carriage::{CarriageSource, CarriedDocument, StreamBody, StreamError};
pub use connections::{ConnectionOptions, Connections};
pub use connector::{Duplex, PeerDialer};
pub use database::{AddressError, RemoteDatabase};
pub use link::{Bandwidth, LinkOptions, Packing};
pub use resuming::resumed;
pub use tunnel::{StreamRequest, Tunnel, TunnelError, open_stream};
