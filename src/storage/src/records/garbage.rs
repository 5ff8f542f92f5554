//! Rows of the queue `garbage`, and the states of uploads without address in `attachments`.
//!
//! Garbage, version 1: version, then for a body the id of its document, else nothing. State,
//! version 1: version, state (one byte); version 2 is in `resumable`.

use super::{cut_short, resumable, unknown_version};
use crate::error::StorageError;
use crate::resumable::ResumableUpload;

const VERSION: u8 = 1;
const OPEN: u8 = 1;
const ABANDONED: u8 = 2;

/// What is known of an upload that has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UploadState {
    /// Chunks may still come.
    Open,
    /// Its chunks are leaving.
    Abandoned,
    /// It may be resumed, by other requests and after a restart.
    Resumable(Box<ResumableUpload>),
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
pub(crate) fn encode_upload(out: &mut Vec<u8>, state: &UploadState) {
    out.clear();
    match state {
        UploadState::Open => out.extend_from_slice(&[VERSION, OPEN]),
        UploadState::Abandoned => out.extend_from_slice(&[VERSION, ABANDONED]),
        UploadState::Resumable(upload) => resumable::encode(out, upload),
    }
}

/// Reads the state of an upload.
pub(crate) fn decode_upload(row: &[u8]) -> Result<UploadState, StorageError> {
    match row {
        [VERSION, OPEN] => Ok(UploadState::Open),
        [VERSION, ABANDONED] => Ok(UploadState::Abandoned),
        [resumable::VERSION, rest @ ..] => resumable::decode(rest)
            .map(|upload| UploadState::Resumable(Box::new(upload)))
            .ok_or_else(|| cut_short("attachments")),
        [VERSION, ..] => Err(cut_short("attachments")),
        _ => Err(unknown_version("attachments")),
    }
}
