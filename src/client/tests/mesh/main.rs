//! The client among nodes: a pool whose sockets a dialer makes, and tunnels, both against a real
//! HTTP/2 server behind mutual TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

mod asking;
mod node;
mod pool;
mod reverse;
mod tunnel;
mod watched;
