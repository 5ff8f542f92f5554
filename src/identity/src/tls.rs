//! TLS: [outgoing](self) connections to servers that the world's authorities vouch for, the
//! [`server`]'s side towards clients, and the [`mesh`], where nodes show each other certificates of
//! their own. Opening the socket and speaking HTTP does not belong here.

pub mod mesh;
mod outgoing;
pub mod server;

pub use outgoing::{
    ClientCertificate, ClientOptions, Connector, TlsError, TlsStream, client_connector,
};
