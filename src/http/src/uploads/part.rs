//! One part of an upload: the body of one request, up to where it breaks off.

use super::check_length;
use super::headers::{self, Checksum};
use crate::failure::Failure;
use crate::node::{Database, PartUpload, ResumableUploadPart, ResumableUploadState};
use crate::request::Request;

/// Whether the body of a request is bytes of an upload.
pub(super) fn is_part(request: &Request) -> bool {
    request.content_type() == "application/offset+octet-stream"
}

/// What is said to whoever goes on at another place than where an upload ends.
pub(super) fn wrong_offset(received: u64) -> Failure {
    Failure::Overruled(format!("the upload goes on at Upload-Offset {received}"))
}

/// Takes the body into an upload, behind what is there; what is known of it then. A body that breaks
/// off, or is longer than it may be, leaves what came of it, unless it came with a checksum.
pub(super) async fn receive(
    request: &mut Request,
    database: &dyn Database,
    id: &str,
    state: &ResumableUploadState,
) -> Result<ResumableUploadState, Failure> {
    let told = headers::length(request)?;
    let told_otherwise = told.is_some_and(|told| match state.length {
        Some(known) => known != told,
        None => told < state.received,
    });
    if told_otherwise {
        return Err(Failure::BadRequest("Upload-Length is another than before".to_owned()));
    }
    check_length(request.limits(), told)?;
    let mut checksum = Checksum::of(request)?;
    let most = told.or(state.length).unwrap_or(request.limits().max_attachment_size);
    let mut room = most.saturating_sub(state.received);
    if request.body.remaining().is_some_and(|remaining| remaining > room) {
        return Err(beyond(most));
    }
    let part = ResumableUploadPart {
        offset: state.received,
        length: told.filter(|_| state.length.is_none()),
        checked: checksum.is_some(),
    };
    let mut part = database.resumable_uploads()?.go_on(id, part).await?;
    if let Err(failure) = take_body(request, part.as_mut(), &mut checksum, (&mut room, most)).await
    {
        part.end(checksum.is_none()).await?;
        return Err(failure);
    }
    let fits = checksum.is_none_or(Checksum::fits);
    let state = part.end(fits).await?;
    if fits { Ok(state) } else { Err(Failure::ChecksumMismatch) }
}

async fn take_body(
    request: &mut Request,
    part: &mut dyn PartUpload,
    checksum: &mut Option<Checksum>,
    (room, most): (&mut u64, u64),
) -> Result<(), Failure> {
    while let Some(bytes) = request.body.next().await? {
        *room = room.checked_sub(bytes.len() as u64).ok_or_else(|| beyond(most))?;
        if let Some(checksum) = checksum {
            checksum.update(&bytes);
        }
        part.write(bytes).await?;
    }
    Ok(())
}

fn beyond(most: u64) -> Failure {
    Failure::TooLarge {
        error: "upload_too_large",
        reason: format!("the upload has at most {most} bytes, and more came"),
    }
}
