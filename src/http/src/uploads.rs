//! `/{db}/_uploads`: the bytes of an attachment in parts, which go on after a connection broke or the
//! node was restarted. An upload that is whole becomes an attachment with the edit that names it, whose
//! end of it is in `finished`.
//!
//! Source: tus 1.0.0 with creation, creation-with-upload, expiration, termination and checksum
//! (<https://tus.io/protocols/resumable-upload>).

mod finished;
mod headers;
mod part;

use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use self::part::{is_part, receive};
use crate::access::check_admin;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::location::set_location;
use crate::node::{Database, NewResumableUpload, ResumableUploadState};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::user::User;

pub(crate) use self::finished::FinishedUpload;

/// The one version that is spoken here.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSIONS: HeaderName = HeaderName::from_static("tus-version");

/// A request to the uploads of a database, or to one of them.
pub(crate) async fn uploads(
    request: &mut Request,
    database: &dyn Database,
    id: Option<&str>,
) -> Result<Reply, Failure> {
    let mut reply = match answer(request, database, id).await {
        Ok(reply) => reply,
        Err(failure) if failure.status().0.is_server_error() => return Err(failure),
        Err(failure) => reply::failure(&failure),
    };
    let headers = reply.headers_mut();
    headers.insert(RESUMABLE, VERSION);
    headers.insert(VERSIONS, VERSION);
    Ok(reply)
}

async fn answer(
    request: &mut Request,
    database: &dyn Database,
    id: Option<&str>,
) -> Result<Reply, Failure> {
    if request.method == Method::OPTIONS {
        return Ok(capabilities(request.limits()));
    }
    if request.header(RESUMABLE) != VERSION.to_str().ok() {
        return Err(Failure::PreconditionFailed {
            error: "unsupported_version",
            reason: "uploads are spoken of in tus 1.0.0: send Tus-Resumable: 1.0.0".to_owned(),
        });
    }
    match (id, request.method.as_str()) {
        (None, "POST") => create(request, database).await,
        (Some(id), "HEAD") => head(request, database, id).await,
        (Some(id), "PATCH") => patch(request, database, id).await,
        (Some(id), "DELETE") => delete(request, database, id).await,
        (None, _) => Err(Failure::MethodNotAllowed("OPTIONS,POST")),
        (Some(_), _) => Err(Failure::MethodNotAllowed("DELETE,HEAD,OPTIONS,PATCH")),
    }
}

/// `OPTIONS`: what is spoken here.
fn capabilities(limits: &Limits) -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    let told = reply.headers_mut();
    let extensions = "creation,creation-with-upload,expiration,termination,checksum";
    told.insert("tus-extension", HeaderValue::from_static(extensions));
    told.insert("tus-checksum-algorithm", HeaderValue::from_static(headers::ALGORITHMS));
    if limits.max_attachment_size < u64::MAX {
        told.insert("tus-max-size", HeaderValue::from(limits.max_attachment_size));
    }
    reply
}

/// `POST`: a new upload, and its first bytes where they come with it. Where those are refused there is
/// no upload either.
async fn create(request: &mut Request, database: &dyn Database) -> Result<Reply, Failure> {
    let length = headers::length_of_new(request)?;
    check_length(request.limits(), length)?;
    let metadata = headers::metadata(request)?;
    let owner = request.user.name.clone();
    let new = NewResumableUpload { owner: owner.clone(), length, metadata: metadata.clone() };
    let begun = database.resumable_uploads()?.begin(new).await?;
    let mut reply = reply::empty(StatusCode::CREATED);
    let mut expires_unix_ms = begun.expires_unix_ms;
    if is_part(request) {
        let state = ResumableUploadState { owner, received: 0, length, metadata, expires_unix_ms };
        let received = match receive(request, database, &begun.id, &state).await {
            Ok(received) => received,
            Err(failure) => {
                give_up(database, &begun.id).await;
                return Err(failure);
            }
        };
        expires_unix_ms = received.expires_unix_ms;
        headers::set_offset(&mut reply, received.received);
    }
    headers::set_expires(&mut reply, expires_unix_ms);
    set_location(&mut reply, request, &[database.name(), "_uploads", &begun.id]);
    Ok(reply)
}

/// Ends an upload that nobody needs any more, because its document holds its bytes or its maker never
/// heard of its `Location`. Where this fails it expires by itself.
async fn give_up(database: &dyn Database, id: &str) {
    if let Ok(uploads) = database.resumable_uploads()
        && let Err(failure) = uploads.end(id).await
    {
        tracing::debug!(%failure, "an upload that nobody needs stays until it expires");
    }
}

/// `HEAD`: how much of it is there.
async fn head(request: &Request, database: &dyn Database, id: &str) -> Result<Reply, Failure> {
    let state = known(database, &request.user, id).await?;
    let mut reply = reply::empty(StatusCode::OK);
    headers::set_state(&mut reply, &state);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// `PATCH`: more of its bytes.
async fn patch(request: &mut Request, database: &dyn Database, id: &str) -> Result<Reply, Failure> {
    if !is_part(request) {
        let reason = "Content-Type must be application/offset+octet-stream";
        return Err(Failure::BadContentType(reason.to_owned()));
    }
    let offset = headers::offset(request)?;
    let state = known(database, &request.user, id).await?;
    if offset != state.received {
        return Err(part::wrong_offset(state.received));
    }
    let received = receive(request, database, id, &state).await?;
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    headers::set_offset(&mut reply, received.received);
    headers::set_expires(&mut reply, received.expires_unix_ms);
    Ok(reply)
}

/// `DELETE`: it is not needed any more.
async fn delete(request: &Request, database: &dyn Database, id: &str) -> Result<Reply, Failure> {
    known(database, &request.user, id).await?;
    database.resumable_uploads()?.end(id).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// What is known of an upload, for whoever made it and for admins.
async fn known(
    database: &dyn Database,
    user: &User,
    id: &str,
) -> Result<ResumableUploadState, Failure> {
    let state = database.resumable_uploads()?.known(id).await?;
    let state = state.ok_or_else(|| {
        Failure::NotFound(
            "there is no such upload (any more): it is done, given up or expired".to_owned(),
        )
    })?;
    if state.owner != user.name && check_admin(&database.security(), user).is_err() {
        let reason = "this upload is somebody else's".to_owned();
        return Err(match user.name {
            None => Failure::Unauthorized(reason),
            Some(_) => Failure::Forbidden(reason),
        });
    }
    Ok(state)
}

/// Refuses an upload that would make an attachment which is too large.
fn check_length(limits: &Limits, length: Option<u64>) -> Result<(), Failure> {
    let most = limits.max_attachment_size;
    if length.is_none_or(|length| length <= most) {
        return Ok(());
    }
    Err(Failure::TooLarge {
        error: "attachment_too_large",
        reason: format!("an attachment has at most {most} bytes here"),
    })
}
