//! Sending one attachment.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_SECURITY_POLICY, ETAG,
    HeaderValue, IF_NONE_MATCH,
};
use refuge_document::{Attachment, Encoding};

use super::{missing, range};
use crate::content;
use crate::documents::open_revision;
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply, set_text};
use crate::request::Request;
use crate::tags;

/// In which form an attachment goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// As it is stored.
    Stored,
    /// Stored gzipped, sent unpacked.
    Unpacked,
    /// A part of an attachment that is stored as it is.
    Part(Range<u64>),
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
    set_text(&mut reply, ETAG, &tag);
    if let Some(policy) = &request.rules.content_security.attachments {
        reply.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
    }
    let ranges = if attachment.encoding == Encoding::Identity { "bytes" } else { "none" };
    set_text(&mut reply, ACCEPT_RANGES, ranges);
    if form == Form::Stored
        && let Some(encoding) = attachment.encoding.name()
    {
        set_text(&mut reply, CONTENT_ENCODING, encoding);
    }
    if let Form::Part(range) = form {
        *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
        let last = range.end.saturating_sub(1);
        let text = format!("bytes {}-{last}/{}", range.start, attachment.length);
        set_text(&mut reply, CONTENT_RANGE, &text);
    }
    Ok(reply)
}

fn form(request: &Request, attachment: &Attachment, tag: &str) -> Result<Form, Failure> {
    match attachment.encoding {
        Encoding::Gzip if request.header(ACCEPT_ENCODING).is_some_and(takes_gzip) => {
            Ok(Form::Stored)
        }
        Encoding::Gzip => Ok(Form::Unpacked),
        Encoding::Identity => {
            let range = range::parse(range::header_for(request, tag), attachment.length)?;
            Ok(range.map_or(Form::Stored, Form::Part))
        }
    }
}

fn body(database: Arc<dyn Database>, attachment: &Attachment, form: &Form) -> Reply {
    let content_type = HeaderValue::try_from(&attachment.content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let length = match form {
        Form::Stored => Some(attachment.stored_length),
        // What came gzipped is kept as it came, and its own length may not be known.
        Form::Unpacked if attachment.length == attachment.stored_length => None,
        Form::Unpacked => Some(attachment.length),
        Form::Part(range) => Some(range.end.saturating_sub(range.start)),
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
        }
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
