//! Documents whose attachments' bytes stand behind them, as answers: `multipart/related`, and
//! `multipart/mixed` around them for open revisions. How such a body is read is in `reading`.

mod reading;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use hyper::StatusCode;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, HeaderValue};
use refuge_document::{Attachment, Encoding, Revision};

use super::read::{Found, OpenRevisions, Opened, open, tagged, write_missing};
use crate::attachments::range;
use crate::content;
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply, set_text};
use crate::request::Request;
use crate::show::{AttachmentBytes, ShowOptions, Showing, show};
use crate::stream::{ReplyBody, ReplySender};

pub(super) use reading::read;
pub(crate) use reading::{check_digest, corrupted, read_related};

/// A document with its attachments behind it, as the answer to a `GET`.
pub(super) async fn answer(
    request: &Request,
    database: &Arc<dyn Database>,
    id: &str,
    opened: Opened,
    options: ShowOptions,
) -> Result<Reply, Failure> {
    let mut text = Vec::new();
    let shown = opened.shown(id);
    let showing =
        show(&mut text, database.as_ref(), shown, &options, AttachmentBytes::Follow).await?;
    let meta = Showing { meta: showing.meta, ..Showing::default() };
    let revision = opened.leaf.revision.clone();
    let boundary = boundary_of(&text);
    let related = Related::new(text, showing, opened.content.attachments, boundary);
    let content_type = related.content_type();
    let length = related.length();
    let tag = format!("\"{revision}\"");
    let from = rest_from(range::header_for(request, &tag), length)?;
    let database = database.clone();
    Ok(tagged(request, &revision, &meta, || {
        let rest = length - from.unwrap_or(0);
        let send = |mut sender: ReplySender| async move {
            related.send_from(from.unwrap_or(0), database.as_ref(), &mut sender).await?;
            sender.flush().await
        };
        let mut reply = reply::stream(header(&content_type), Some(rest), send);
        set_text(&mut reply, ACCEPT_RANGES, "bytes");
        if let Some(from) = from {
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {from}-{}/{length}", length - 1);
            set_text(&mut reply, CONTENT_RANGE, &range);
        }
        reply
    }))
}

/// Where an answer that broke off goes on. Whoever asks looks at the boundary, which is another one where
/// the bytes are others. Other ranges than the rest are not served.
fn rest_from(range: Option<&str>, length: u64) -> Result<Option<u64>, Failure> {
    let range = range::parse(range, length)?;
    Ok(range.filter(|range| range.end == length).map(|range| range.start))
}

/// One revision as a body of its own, from `offset` on, with its `Content-Type` and the length of the
/// whole; `None` where it is not stored.
pub(crate) async fn related_stream(
    database: &Arc<dyn Database>,
    id: &str,
    revision: &Revision,
    options: ShowOptions,
    offset: u64,
) -> Result<Option<(String, u64, ReplyBody)>, Failure> {
    let opened = match open(database.as_ref(), id, Some(revision), false, &options).await {
        Ok(opened) => opened,
        Err(Failure::NotFound(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let mut text = Vec::new();
    let shown = opened.shown(id);
    let showing =
        show(&mut text, database.as_ref(), shown, &options, AttachmentBytes::Follow).await?;
    let boundary = boundary_of(&text);
    let related = Related::new(text, showing, opened.content.attachments, boundary);
    let content_type = related.content_type();
    let (length, database) = (related.length(), database.clone());
    let rest = length.saturating_sub(offset);
    let body = ReplyBody::produced(Some(rest), |mut sender| async move {
        related.send_from(offset, database.as_ref(), &mut sender).await?;
        sender.flush().await
    });
    Ok(Some((content_type, length, body)))
}

/// Open revisions as `multipart/mixed`, one part each.
pub(super) fn mixed(answer: OpenRevisions, found: Vec<Found>) -> Reply {
    let outer = boundary();
    let content_type = format!("multipart/mixed; boundary=\"{outer}\"");
    reply::stream(header(&content_type), None, |mut sender| async move {
        sender.buffer().extend_from_slice(format!("--{outer}").as_bytes());
        for found in found {
            match answer.open(found).await? {
                Ok(opened) => send_revision(&answer, opened, &mut sender).await?,
                Err(missing) => {
                    let headers = "\r\nContent-Type: application/json; error=\"true\"\r\n\r\n";
                    sender.buffer().extend_from_slice(headers.as_bytes());
                    write_missing(sender.buffer(), &missing);
                }
            }
            sender.buffer().extend_from_slice(format!("\r\n--{outer}").as_bytes());
            sender.flush_when_full().await?;
        }
        sender.buffer().extend_from_slice(b"--");
        sender.flush().await
    })
}

async fn send_revision(
    answer: &OpenRevisions,
    opened: Opened,
    sender: &mut ReplySender,
) -> Result<(), Failure> {
    let database = answer.database.as_ref();
    let mut text = Vec::new();
    // CouchDB always sends attachments along here.
    let options = ShowOptions { attachments: true, ..answer.options.clone() };
    let shown = opened.shown(&answer.id);
    let showing = show(&mut text, database, shown, &options, AttachmentBytes::Follow).await?;
    let related = Related::new(text, showing, opened.content.attachments, boundary());
    let headers = format!("\r\nContent-Type: {}\r\n\r\n", related.content_type());
    sender.buffer().extend_from_slice(headers.as_bytes());
    related.send(database, sender).await
}

/// A document's text and the attachments that follow it.
pub(crate) struct Related {
    text: Vec<u8>,
    following: Vec<(String, Attachment)>,
    boundary: String,
}

impl Related {
    /// From a text that was shown with [`AttachmentBytes::Follow`], and all attachments of its
    /// document.
    pub(crate) fn new(
        text: Vec<u8>,
        showing: Showing,
        attachments: Vec<Attachment>,
        boundary: String,
    ) -> Self {
        let following = attachments
            .into_iter()
            .enumerate()
            .filter(|(position, _)| showing.following.contains(position))
            .map(|(_, attachment)| (part_headers(&boundary, &attachment), attachment))
            .collect();
        Self { text, following, boundary }
    }

    /// Whether attachments follow.
    pub(crate) fn has_parts(&self) -> bool {
        !self.following.is_empty()
    }

    /// CouchDB sends the JSON alone when nothing follows.
    pub(crate) fn content_type(&self) -> String {
        if self.following.is_empty() {
            "application/json".to_owned()
        } else {
            format!("multipart/related; boundary=\"{}\"", self.boundary)
        }
    }

    fn head(&self) -> String {
        format!("--{}\r\nContent-Type: application/json\r\n\r\n", self.boundary)
    }

    fn tail(&self) -> String {
        format!("\r\n--{}--", self.boundary)
    }

    fn length(&self) -> u64 {
        let text = self.text.len() as u64;
        if self.following.is_empty() {
            return text;
        }
        let parts = self.following.iter();
        let parts: u64 = parts.map(|(headers, one)| headers.len() as u64 + one.stored_length).sum();
        text + parts + self.head().len() as u64 + self.tail().len() as u64
    }

    /// Sends the text and the parts behind it.
    pub(crate) async fn send(
        self,
        database: &dyn Database,
        sender: &mut ReplySender,
    ) -> Result<(), Failure> {
        self.send_from(0, database, sender).await
    }

    /// The same without its first bytes.
    async fn send_from(
        self,
        offset: u64,
        database: &dyn Database,
        sender: &mut ReplySender,
    ) -> Result<(), Failure> {
        let mut skipped = offset;
        if self.following.is_empty() {
            append_rest(sender.buffer(), &self.text, &mut skipped);
            return sender.flush_when_full().await;
        }
        let (head, tail) = (self.head(), self.tail());
        append_rest(sender.buffer(), head.as_bytes(), &mut skipped);
        append_rest(sender.buffer(), &self.text, &mut skipped);
        for (headers, attachment) in &self.following {
            append_rest(sender.buffer(), headers.as_bytes(), &mut skipped);
            let begin = skipped.min(attachment.stored_length);
            skipped -= begin;
            if begin == 0 {
                content::send_stored(database, attachment, sender).await?;
            } else if begin < attachment.stored_length {
                let rest = begin..attachment.stored_length;
                content::send_range(database, attachment, rest, sender).await?;
            }
        }
        append_rest(sender.buffer(), tail.as_bytes(), &mut skipped);
        sender.flush_when_full().await
    }
}

/// Appends what is left of bytes when so many are left out.
fn append_rest(out: &mut Vec<u8>, bytes: &[u8], skipped: &mut u64) {
    let begin = usize::try_from(*skipped).unwrap_or(usize::MAX).min(bytes.len());
    *skipped -= begin as u64;
    out.extend_from_slice(bytes.get(begin..).unwrap_or_default());
}

/// The boundary before an attachment's part, and the part's headers.
fn part_headers(boundary: &str, attachment: &Attachment) -> String {
    let name =
        attachment.name.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ");
    let encoding = match attachment.encoding {
        Encoding::Identity => "",
        Encoding::Gzip => "Content-Encoding: gzip\r\n",
    };
    format!(
        "\r\n--{boundary}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Type: {}\r\nContent-Length: {}\r\n{encoding}\r\n",
        attachment.content_type.replace(['\r', '\n'], " "),
        attachment.stored_length
    )
}

/// The value of a `Content-Type` header.
pub(crate) fn header(content_type: &str) -> HeaderValue {
    HeaderValue::try_from(content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// A boundary that no sender of content can foresee.
pub(crate) fn boundary() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

/// The boundary of the attachments behind this text, which names their digests: the same for the same
/// bytes as long as the process lives, so that a stream that broke off can go on, and as little to be
/// foreseen as any.
fn boundary_of(text: &[u8]) -> String {
    static KEYS: OnceLock<[RandomState; 2]> = OnceLock::new();
    let [one, other] = KEYS.get_or_init(|| [RandomState::new(), RandomState::new()]);
    format!("{:016x}{:016x}", one.hash_one(text), other.hash_one(text))
}
