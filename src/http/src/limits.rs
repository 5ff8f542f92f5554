//! The numbers that bound one request. Nothing but constants here.

use std::time::Duration;

/// Most bytes of one document's body, without its attachments: CouchDB's `max_document_size`.
pub(crate) const DOCUMENT_BYTES: usize = 8_000_000;

/// Most bytes of one request's body: CouchDB's `max_http_request_size`. Only attachments come near.
pub(crate) const REQUEST_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Most bytes of a JSON body that has to be held in memory while it is parsed.
pub(crate) const JSON_BYTES: usize = 64 * 1024 * 1024;

/// Most bytes of a small JSON body: `_security`, `_replicate`, the set-up form.
pub(crate) const SMALL_JSON_BYTES: usize = 1024 * 1024;

/// Most bytes of a path: an id of 7,168 bytes may be percent-encoded threefold.
pub(crate) const PATH_BYTES: usize = 32 * 1024;

/// Most bytes of all headers of a request.
pub(crate) const HEADER_BYTES: usize = 64 * 1024;

/// Most headers of a request.
pub(crate) const HEADERS: usize = 100;

/// How long a client may take to send its headers; also how long an idle connection is kept, since
/// hyper starts that clock when it begins to wait for the next request.
pub(crate) const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may pause within the body of a request.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How often an HTTP/2 peer that says nothing is asked whether it is still there, and how long it may
/// take to answer.
pub(crate) const H2_PING_INTERVAL: Duration = Duration::from_secs(30);

/// Streams that one HTTP/2 connection may have open at a time.
pub(crate) const H2_STREAMS: u32 = 128;

/// Bytes that one HTTP/2 stream may have under way; 64 KiB is the protocol's default and slow for
/// attachments.
pub(crate) const H2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// Bytes that one HTTP/2 connection may have under way.
pub(crate) const H2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes in which a streamed answer is handed on: enough for few system calls, small against memory.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks of a streamed answer that may wait for a slow client.
pub(crate) const CHUNKS_WAITING: usize = 2;

/// Most bytes of an unread request body that are read and thrown away, so that the client hears the
/// answer instead of a broken connection.
pub(crate) const DRAINED_BYTES: usize = 1024 * 1024;

/// How long that may take.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
