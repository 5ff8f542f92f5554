//! Attachments of 64 KiB, each on a document of its own, that no algorithm makes shorter.

use std::sync::OnceLock;

use super::Run;
use crate::Outcome;
use crate::documents::spread;

/// Length of each.
const ATTACHMENT_BYTES: usize = 64 * 1024;
/// Connections: one, and what loads two processors.
const CONNECTIONS: [usize; 2] = [1, 16];

impl Run<'_> {
    pub(super) async fn attachments(&self, database: &str) -> Outcome<()> {
        let (mut stored, mut over) = (0, 1);
        for connections in CONNECTIONS {
            let (target, path) = (self.target.clone(), database.to_owned());
            let write = move |number: u64, request: &mut Vec<u8>| {
                let body = attachment(number, connections as u64);
                let path = place(&path, connections, number);
                target.write_typed(request, ("PUT", &path), "application/octet-stream", &body);
            };
            let name = format!("attachments_in_{connections}");
            let rate = self.measure(&name, connections, 201, write).await?;
            (stored, over) = (rate.count, connections);
        }
        for connections in CONNECTIONS {
            let (target, path) = (self.target.clone(), database.to_owned());
            let read = move |number: u64, request: &mut Vec<u8>| {
                target.write(request, "GET", &place(&path, over, spread(number, stored)), b"");
            };
            let name = format!("attachments_out_{connections}");
            self.measure(&name, connections, 200, read).await?;
        }
        Ok(())
    }
}

/// The path of the `number`-th attachment that was written over so many connections.
fn place(database: &str, connections: usize, number: u64) -> String {
    format!("{database}/with-attachment-{connections}-{number:08}/attachment")
}

/// The `number`-th attachment of a series below 256. All differ, so that none is stored once for many.
fn attachment(number: u64, series: u64) -> Vec<u8> {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let mut body = NOISE.get_or_init(|| noise(0)).clone();
    body.splice(..8, (number << 8 | series).to_le_bytes());
    body
}

/// Bytes without a pattern, other ones for each `series`: xorshift (Marsaglia, 2003).
pub(crate) fn noise(series: u64) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(series << 1 | 1);
    let mut bytes = Vec::with_capacity(ATTACHMENT_BYTES);
    while bytes.len() < ATTACHMENT_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}
