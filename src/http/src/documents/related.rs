//! Documents whose attachments' bytes stand behind them, as answers: `multipart/related`, and
//! `multipart/mixed` around them for open revisions. How such a body is read is in `reading`.

mod reading;

use std::sync::Arc;

use hyper::header::HeaderValue;
use refuge_document::{Attachment, Encoding, Revision};

use super::read::{Found, OpenRevisions, Opened, open, tagged, write_missing};
use crate::content;
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply};
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
    let related = Related::new(text, showing, opened.content.attachments, boundary());
    let content_type = related.content_type();
    let length = related.length();
    let database = database.clone();
    Ok(tagged(request, &revision, &meta, || {
        reply::stream(header(&content_type), Some(length), |mut sender| async move {
            related.send(database.as_ref(), &mut sender).await?;
            sender.flush().await
        })
    }))
}

/// One revision as a body of its own, with its `Content-Type`; `None` where it is not stored.
pub(crate) async fn related_stream(
    database: &Arc<dyn Database>,
    id: &str,
    revision: &Revision,
    options: ShowOptions,
) -> Result<Option<(String, ReplyBody)>, Failure> {
    let opened = match open(database.as_ref(), id, Some(revision), false, &options).await {
        Ok(opened) => opened,
        Err(Failure::NotFound(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let mut text = Vec::new();
    let shown = opened.shown(id);
    let showing =
        show(&mut text, database.as_ref(), shown, &options, AttachmentBytes::Follow).await?;
    let related = Related::new(text, showing, opened.content.attachments, boundary());
    let content_type = related.content_type();
    let (length, database) = (related.length(), database.clone());
    let body = ReplyBody::produced(Some(length), |mut sender| async move {
        related.send(database.as_ref(), &mut sender).await?;
        sender.flush().await
    });
    Ok(Some((content_type, body)))
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
        if self.following.is_empty() {
            sender.buffer().extend_from_slice(&self.text);
            return sender.flush_when_full().await;
        }
        let (head, tail) = (self.head(), self.tail());
        sender.buffer().extend_from_slice(head.as_bytes());
        sender.buffer().extend_from_slice(&self.text);
        for (headers, attachment) in &self.following {
            sender.buffer().extend_from_slice(headers.as_bytes());
            content::send_stored(database, attachment, sender).await?;
        }
        sender.buffer().extend_from_slice(tail.as_bytes());
        sender.flush_when_full().await
    }
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
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}
