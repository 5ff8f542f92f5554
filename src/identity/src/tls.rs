//! TLS: [outgoing](self) connections to servers that the world's authorities vouch for, the
//! [`server`]'s side towards clients, and the [`mesh`], where nodes show each other certificates of
//! their own. Opening the socket and speaking HTTP does not belong here.

pub mod mesh;
mod outgoing;
pub mod server;

use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, SslContextBuilder, SslMode, SslOptions, SslSessionCacheMode, select_next_proto,
};

pub use outgoing::{
    ClientCertificate, ClientOptions, Connector, TlsError, TlsStream, client_connector,
};

/// ALPN (RFC 7301) of what is served, the better first; each is preceded by its length.
const SERVED: &[u8] = b"\x02h2\x08http/1.1";

/// OpenSSL's own level: 112 bits and more, so RSA from 2048 bits on. Set, because a system's
/// configuration may say less, or more and then refuse peers that every node accepts.
const SECURITY_LEVEL: u32 = 2;

/// What a connection has whoever is served on it.
fn prepare(builder: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    builder.set_security_level(SECURITY_LEVEL);
    // Nobody comes in by a session of an earlier connection: the key of the tickets would live as long
    // as the node, and who reads it could read all that was ever said under it.
    builder.set_options(
        SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION,
    );
    builder.set_num_tickets(0)?;
    builder.set_max_early_data(0)?;
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    // A write that had to wait is repeated by tokio from wherever its buffer is by then.
    builder.set_mode(
        SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::AUTO_RETRY
            | SslMode::RELEASE_BUFFERS,
    );
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(SERVED, offered).ok_or(AlpnError::ALERT_FATAL)
    });
    Ok(())
}
