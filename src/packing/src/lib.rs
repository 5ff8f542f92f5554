//! The content codings of HTTP bodies: gzip, deflate and zstd, packed and unpacked piece by piece, so
//! that nobody holds a body whole for it and nobody unpacks more than was asked for. Both the server
//! and the client of this node pack with it. Which bodies are packed, and when, is not decided here.

mod coding;
mod packer;
mod unpacker;

pub use coding::Coding;
pub use packer::{Packer, packed};
pub use unpacker::{Unpacker, reader};

/// Base-two logarithm of the largest window of zstd that is unpacked here: 8 MiB, which every decoder
/// has to take (RFC 8878 §3.1.1.1.2). What a frame asks for beyond it is refused.
const LARGEST_WINDOW_LOG: u32 = 23;
