//! Documents whose attachments' bytes stand behind them in a `multipart/related` body: read from a
//! `PUT`, and written as answers (`multipart/mixed` around them for open revisions).

use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use refuge_document::{Attachment, Encoding, Incoming, IncomingContent, parse_digest};

use super::read::{Found, OpenRevisions, Opened, tagged, write_missing};
use crate::attachments::begin_upload;
use crate::content;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::multipart::{PartHeaders, PartReader};
use crate::node::{Database, UploadOptions, UploadedContent};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::show::{AttachmentBytes, ShowOptions, Showing, show};
use crate::stream::ReplySender;
use crate::update;

/// Reads a `multipart/related` request: the document first, then the bytes of each attachment that
/// it announces with `follows`. The contents come back in the order in which it lists them.
pub(super) async fn read(
    request: &mut Request,
    database: &dyn Database,
) -> Result<(Incoming, Vec<UploadedContent>), Failure> {
    let rules = request.rules.clone();
    let content_type = request.header(CONTENT_TYPE).unwrap_or_default().to_owned();
    let mut parts = PartReader::new(&mut request.body, &content_type)?;
    let broken = || Failure::BadRequest("the multipart body has no document".to_owned());
    parts.next_part().await?.ok_or_else(broken)?;
    let text = parts.whole(rules.limits.max_json_size).await?;
    let incoming = update::parse(text).await?;
    let mut waiting: Vec<Waiting> = announced(&incoming);
    let mut contents: Vec<Option<UploadedContent>> = waiting.iter().map(|_| None).collect();
    while let Some(headers) = parts.next_part().await? {
        let Some(position) = place(&waiting, &headers) else { continue };
        let Some(attachment) = waiting.get_mut(position) else { continue };
        attachment.arrived = true;
        let content = upload(database, &rules.limits, &mut parts, attachment, &headers).await?;
        if let Some(slot) = contents.get_mut(position) {
            *slot = Some(content);
        }
    }
    let missing = waiting.iter().find(|attachment| !attachment.arrived);
    if let Some(missing) = missing {
        return Err(Failure::BadRequest(format!(
            "the bytes of attachment '{}' did not follow",
            missing.name
        )));
    }
    Ok((incoming, contents.into_iter().flatten().collect()))
}

/// An attachment whose bytes are to follow.
struct Waiting {
    name: String,
    content_type: String,
    gzipped: bool,
    digest: Option<[u8; 16]>,
    arrived: bool,
}

fn announced(incoming: &Incoming) -> Vec<Waiting> {
    let follows = incoming.attachments.iter().filter(|one| one.content == IncomingContent::Follows);
    follows
        .map(|one| Waiting {
            name: one.name.clone(),
            content_type: one.content_type.clone(),
            gzipped: one.encoding.as_deref() == Some("gzip"),
            digest: one.digest.as_deref().and_then(parse_digest),
            arrived: false,
        })
        .collect()
}

/// Which attachment a part is: the one it names, else the next that is waited for.
fn place(waiting: &[Waiting], headers: &PartHeaders) -> Option<usize> {
    let named = headers.file_name.as_ref().and_then(|name| {
        waiting.iter().position(|attachment| !attachment.arrived && attachment.name == *name)
    });
    named.or_else(|| waiting.iter().position(|attachment| !attachment.arrived))
}

async fn upload(
    database: &dyn Database,
    limits: &Limits,
    parts: &mut PartReader<'_>,
    attachment: &Waiting,
    headers: &PartHeaders,
) -> Result<UploadedContent, Failure> {
    let already_gzipped = attachment.gzipped || headers.encoding.as_deref() == Some("gzip");
    let options = UploadOptions { content_type: attachment.content_type.clone(), already_gzipped };
    let mut upload = begin_upload(database, limits, &attachment.name, options).await?;
    while let Some(bytes) = parts.data().await? {
        upload.write(bytes).await?;
    }
    let content = upload.finish().await?;
    match attachment.digest {
        Some(digest) if digest != content.received_digest && digest != content.digest => {
            Err(corrupted())
        }
        _ => Ok(content),
    }
}

/// What is said of bytes that do not fit the MD5 given with them.
pub(crate) fn corrupted() -> Failure {
    Failure::Invalid {
        error: "content_md5_mismatch",
        reason: "Possible message corruption.".to_owned(),
    }
}

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
struct Related {
    text: Vec<u8>,
    following: Vec<(String, Attachment)>,
    boundary: String,
}

impl Related {
    fn new(
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

    /// CouchDB sends the JSON alone when nothing follows.
    fn content_type(&self) -> String {
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

    async fn send(self, database: &dyn Database, sender: &mut ReplySender) -> Result<(), Failure> {
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

fn header(content_type: &str) -> HeaderValue {
    HeaderValue::try_from(content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// A boundary that no sender of content can foresee.
fn boundary() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}
