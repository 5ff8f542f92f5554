//! Sending one attachment.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_SECURITY_POLICY, ETAG,
    HeaderName, IF_NONE_MATCH,
};
use refuge_document::{Attachment, Encoding};

use super::{missing, range};
use crate::content;
use crate::documents::{boundary, header, open_revision};
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply, set_text};
use crate::request::Request;
use crate::tags;

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// In which form an attachment goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// As it is stored.
    Stored,
    /// Stored gzipped, sent unpacked.
    Unpacked,
    /// A part of an attachment that is stored as it is.
    Part(Range<u64>),
    /// Several of them.
    Parts(Vec<Range<u64>>),
}

/// `GET` and `HEAD`.
pub(super) async fn read(
    request: &Request,
    database: &Arc<dyn Database>,
    id: &str,
    name: &str,
) -> Result<Reply, Failure> {
    let revision = request.query.revision("rev")?;
    let opened = open_revision(database.as_ref(), id, revision.as_ref()).await?;
    let found = opened.content.attachments.into_iter().find(|one| one.name == name);
    let attachment = found.ok_or_else(missing)?;
    let digest = base64::engine::general_purpose::STANDARD.encode(attachment.digest);
    let tag = format!("\"{digest}\"");
    if request.header(IF_NONE_MATCH).is_some_and(|header| tags::names(header, &tag)) {
        let mut reply = reply::empty(StatusCode::NOT_MODIFIED);
        set_text(&mut reply, ETAG, &tag);
        return Ok(reply);
    }
    let form = form(request, &attachment, &tag)?;
    let mut reply = body(database.clone(), &attachment, &form);
    if form == Form::Unpacked {
        // What a replication brought packed was never looked at: what cannot be unpacked is no success.
        reply = reply::begun(reply).await?;
    }
    set_text(&mut reply, ETAG, &tag);
    if let Some(policy) = &request.rules.content_security.attachments {
        reply.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
    }
    let ranges = if attachment.encoding == Encoding::Identity { "bytes" } else { "none" };
    set_text(&mut reply, ACCEPT_RANGES, ranges);
    match form {
        Form::Stored => {
            // The digest is of the bytes that are stored.
            set_text(&mut reply, CONTENT_MD5, &digest);
            if let Some(encoding) = attachment.encoding.name() {
                set_text(&mut reply, CONTENT_ENCODING, encoding);
            }
        }
        Form::Unpacked => {}
        Form::Part(range) => {
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            set_text(&mut reply, CONTENT_RANGE, &content_range(&range, &attachment));
        }
        Form::Parts(_) => *reply.status_mut() = StatusCode::PARTIAL_CONTENT,
    }
    Ok(reply)
}

fn content_range(range: &Range<u64>, attachment: &Attachment) -> String {
    format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), attachment.length)
}

fn form(request: &Request, attachment: &Attachment, tag: &str) -> Result<Form, Failure> {
    match attachment.encoding {
        Encoding::Gzip if request.header(ACCEPT_ENCODING).is_some_and(takes_gzip) => {
            Ok(Form::Stored)
        }
        Encoding::Gzip => Ok(Form::Unpacked),
        Encoding::Identity => {
            let header = range::header_for(request, tag);
            let mut ranges = range::parse_all(header, attachment.length)?;
            Ok(match ranges.len() {
                0 => Form::Stored,
                1 => ranges.pop().map_or(Form::Stored, Form::Part),
                _ => Form::Parts(ranges),
            })
        }
    }
}

fn body(database: Arc<dyn Database>, attachment: &Attachment, form: &Form) -> Reply {
    if let Form::Parts(ranges) = form {
        return parts(database, attachment.clone(), ranges.clone());
    }
    let content_type = header(&attachment.content_type);
    let length = match form {
        Form::Stored => Some(attachment.stored_length),
        // What came gzipped is kept as it came, and its own length may not be known.
        Form::Unpacked if attachment.length == attachment.stored_length => None,
        Form::Unpacked => Some(attachment.length),
        Form::Part(range) => Some(range.end.saturating_sub(range.start)),
        Form::Parts(_) => None,
    };
    let (attachment, form) = (attachment.clone(), form.clone());
    reply::stream(content_type, length, |mut sender| async move {
        let database = database.as_ref();
        match form {
            Form::Stored => content::send_stored(database, &attachment, &mut sender).await,
            Form::Unpacked => content::send_identity(database, &attachment, &mut sender).await,
            Form::Part(range) => {
                content::send_range(database, &attachment, range, &mut sender).await
            }
            Form::Parts(_) => Ok(()),
        }
    })
}

/// Several parts, each with a head that says which it is (RFC 9110, section 14.6).
fn parts(database: Arc<dyn Database>, attachment: Attachment, ranges: Vec<Range<u64>>) -> Reply {
    let boundary = boundary();
    let content_type = format!("multipart/byteranges; boundary=\"{boundary}\"");
    reply::stream(header(&content_type), None, |mut sender| async move {
        let type_of = attachment.content_type.replace(['\r', '\n'], " ");
        sender.buffer().extend_from_slice(format!("--{boundary}").as_bytes());
        for range in ranges {
            let of = content_range(&range, &attachment);
            let head = format!("\r\nContent-Type: {type_of}\r\nContent-Range: {of}\r\n\r\n");
            sender.buffer().extend_from_slice(head.as_bytes());
            content::send_range(database.as_ref(), &attachment, range, &mut sender).await?;
            sender.buffer().extend_from_slice(format!("\r\n--{boundary}").as_bytes());
        }
        sender.buffer().extend_from_slice(b"--");
        sender.flush().await
    })
}

fn takes_gzip(header: &str) -> bool {
    header.split(',').any(|item| {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let quality = parameters.trim().strip_prefix("q=").and_then(|text| text.parse().ok());
        coding.trim().eq_ignore_ascii_case("gzip") && quality.unwrap_or(1.0_f32) > 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::takes_gzip;

    #[test]
    fn accepted_encodings_are_read() {
        assert!(takes_gzip("gzip, deflate, br"));
        assert!(takes_gzip("br;q=1.0, GZIP;q=0.5"));
        assert!(!takes_gzip("identity"));
        assert!(!takes_gzip("gzip;q=0, br"));
    }
}
