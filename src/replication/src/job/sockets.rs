//! `socket_options`: what is asked of the sockets to an end, written as Erlang lists are, since CouchDB hands
//! them to Erlang's sockets.
//!
//! Source: <https://docs.couchdb.org/en/stable/config/replicator.html>

use super::JobError;

/// Buffers that are asked for beyond this would be memory that nobody counts.
const MOST_BUFFER_BYTES: usize = 16 << 20;

/// What is asked of sockets. Options that are Erlang's own, or the system's, are taken and change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// A silent peer is asked whether it lives (`keepalive`).
    pub keep_alive: bool,
    /// What is written goes out at once (`nodelay`).
    pub no_delay: bool,
    /// What the system holds of what is sent, bytes (`sndbuf`); its own choice where not given.
    pub send_buffer_bytes: Option<usize>,
    /// What the system holds of what is received, bytes (`recbuf`).
    pub receive_buffer_bytes: Option<usize>,
}

impl Default for SocketOptions {
    /// With both, as replications want it: many small requests, and links that vanish.
    fn default() -> Self {
        Self {
            keep_alive: true,
            no_delay: true,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
        }
    }
}

impl SocketOptions {
    /// Reads `[{keepalive, true}, {nodelay, false}]`. Nothing and `[]` are the usual ones.
    ///
    /// # Errors
    /// [`JobError::BadRequest`] for another form, and for a value that an option cannot have.
    pub fn parse(text: &str) -> Result<Self, JobError> {
        let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        let mut options = Self::default();
        if text.is_empty() || text == "[]" {
            return Ok(options);
        }
        let inner = text.strip_prefix("[{").and_then(|text| text.strip_suffix("}]"));
        for option in inner.ok_or_else(wrong)?.split("},{") {
            let (name, value) = option.split_once(',').ok_or_else(wrong)?;
            match name {
                "keepalive" => options.keep_alive = flag(value)?,
                "nodelay" => options.no_delay = flag(value)?,
                "sndbuf" => options.send_buffer_bytes = Some(bytes(value)?),
                "recbuf" => options.receive_buffer_bytes = Some(bytes(value)?),
                "buffer" | "delay_send" | "exit_on_close" | "ipv6_v6only" | "linger"
                | "priority" | "send_timeout" | "send_timeout_close" | "tos" | "tclass" => {}
                _ => return Err(wrong()),
            }
        }
        Ok(options)
    }
}

fn flag(value: &str) -> Result<bool, JobError> {
    value.parse().map_err(|_| wrong())
}

fn bytes(value: &str) -> Result<usize, JobError> {
    let bytes = value.parse().ok().filter(|bytes| (1..=MOST_BUFFER_BYTES).contains(bytes));
    bytes.ok_or_else(wrong)
}

fn wrong() -> JobError {
    let forms = "`socket_options` is a text such as [{keepalive, true}, {nodelay, true}, \
                 {sndbuf, 65536}, {recbuf, 65536}], with buffers of at most 16777216 bytes";
    JobError::BadRequest(forms.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_couchdb_writes_them() {
        assert_eq!(SocketOptions::parse(" "), Ok(SocketOptions::default()));
        assert_eq!(SocketOptions::parse("[]"), Ok(SocketOptions::default()));
        let read = SocketOptions::parse(
            "[{keepalive, false}, {nodelay, false},{sndbuf, 4096}, {recbuf,8192}, {priority, 1}]",
        );
        let expected = SocketOptions {
            keep_alive: false,
            no_delay: false,
            send_buffer_bytes: Some(4_096),
            receive_buffer_bytes: Some(8_192),
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "keepalive",
            "[keepalive]",
            "[{keepalive, yes}]",
            "[{x, true}]",
            "[{sndbuf, 99999999}]",
        ] {
            assert!(SocketOptions::parse(text).is_err(), "{text}");
        }
    }
}
