//! Rows of the queue `garbage`, and the states of uploads without address in `attachments`.
//!
//! Garbage, version 1: version, then for a body the id of its document, else nothing. State,
//! version 1: version, state (one byte).

use super::{cut_short, unknown_version};
use crate::error::StorageError;

const VERSION: u8 = 1;
const OPEN: u8 = 1;
const ABANDONED: u8 = 2;

/// What is known of an upload that has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadState {
    /// Chunks may still come.
    Open,
    /// Its chunks are leaving.
    Abandoned,
}

/// Encodes a row of the queue; the id is empty but for a body.
pub(crate) fn encode_id(out: &mut Vec<u8>, id: &str) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(id.as_bytes());
}

/// Reads the id in a row of the queue.
pub(crate) fn decode_id(row: &[u8]) -> Result<&str, StorageError> {
    match row.split_first() {
        Some((&VERSION, id)) => std::str::from_utf8(id).map_err(|_| cut_short("garbage")),
        _ => Err(unknown_version("garbage")),
    }
}

/// Encodes the state of an upload.
pub(crate) fn encode_upload(state: UploadState) -> [u8; 2] {
    let state = match state {
        UploadState::Open => OPEN,
        UploadState::Abandoned => ABANDONED,
    };
    [VERSION, state]
}

/// Reads the state of an upload.
pub(crate) fn decode_upload(row: &[u8]) -> Result<UploadState, StorageError> {
    match row {
        [VERSION, OPEN] => Ok(UploadState::Open),
        [VERSION, ABANDONED] => Ok(UploadState::Abandoned),
        [VERSION, ..] => Err(cut_short("attachments")),
        _ => Err(unknown_version("attachments")),
    }
}
