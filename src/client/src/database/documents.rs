//! Reading documents: `_bulk_get`, cut into documents while it arrives; one `open_revs` request a
//! document where the peer does not know it. They come with stubs first; those with small attachments
//! that the target lacks are asked for again with them, those with large ones are to be carried. The
//! documents' bytes are not touched.

mod answers;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use refuge_document::{Revision, json};
use refuge_replication::{DocumentsPage, EndFailure, Wanted};

use self::answers::{Found, Reading, read_outcomes};
use super::{RemoteDatabase, document_path, encoded};
use crate::exchange::ExchangeFailure;
use crate::failure::unreadable;
use crate::splitter::Splitter;

/// One document with all its attachments inline, and what arrives behind it.
const DOCUMENT_BYTES: usize = 512 << 20;
/// Documents that are asked for at once from a peer without `_bulk_get`.
const SINGLE_REQUESTS: usize = 6;
/// Keeps a URL with `open_revs` below 8 KiB, which every server takes.
const REVISIONS_PER_URL: usize = 100;

impl RemoteDatabase {
    pub(super) async fn documents(
        &self,
        wanted: &[Wanted],
        limit_bytes: usize,
    ) -> Result<DocumentsPage, EndFailure> {
        let mean_bytes = self.shared.mean_document_bytes.load(Ordering::Relaxed);
        let mean_bytes = usize::try_from(mean_bytes).unwrap_or(usize::MAX);
        // As many as will fit, by what was seen so far; breaking an answer off costs a connection.
        let fitting = match mean_bytes {
            0 => wanted.len(),
            bytes => (limit_bytes / bytes).max(1).min(wanted.len()),
        };
        let (now, later) = wanted.split_at(fitting);
        let mut page = self.some_documents(now, limit_bytes).await?;
        page.remaining.extend_from_slice(later);
        self.learn(&page);
        Ok(page)
    }

    async fn some_documents(
        &self,
        wanted: &[Wanted],
        limit_bytes: usize,
    ) -> Result<DocumentsPage, EndFailure> {
        if self.shared.without_bulk_get.load(Ordering::Relaxed) {
            return self.documents_one_by_one(wanted, limit_bytes).await;
        }
        match self.bulk_get(wanted, limit_bytes, Attachments::Stubs).await {
            Ok(found) => Ok(self.with_inline(found, limit_bytes).await?),
            Err(BulkGetFailure::Unknown) => {
                self.shared.without_bulk_get.store(true, Ordering::Relaxed);
                self.documents_one_by_one(wanted, limit_bytes).await
            }
            Err(BulkGetFailure::Failed(failure)) => Err(failure),
        }
    }

    /// Adds the documents with small attachments, as many as fit (at least one where there is nothing
    /// else); the rest remains.
    async fn with_inline(
        &self,
        found: Found,
        limit_bytes: usize,
    ) -> Result<DocumentsPage, EndFailure> {
        let Found { mut page, inline } = found;
        let held: usize = page.documents.iter().map(Bytes::len).sum();
        let mut room = u64::try_from(limit_bytes.saturating_sub(held)).unwrap_or(u64::MAX);
        let mut asked = Vec::new();
        for (wanted, bytes) in inline {
            let text_bytes = bytes / 3 * 4;
            if text_bytes > room && !(asked.is_empty() && page.documents.is_empty()) {
                page.remaining.push(wanted);
                continue;
            }
            room = room.saturating_sub(text_bytes);
            asked.push(wanted);
        }
        if asked.is_empty() {
            return Ok(page);
        }
        match self.bulk_get(&asked, usize::MAX / 4, Attachments::Inline).await {
            Ok(mut found) => {
                page.documents.append(&mut found.page.documents);
                page.gone += found.page.gone;
                page.remaining.append(&mut found.page.remaining);
                page.broke_off |= found.page.broke_off;
                Ok(page)
            }
            // What came already is stored before the rest is asked for again.
            Err(_) if !page.documents.is_empty() => {
                page.remaining.append(&mut asked);
                page.broke_off = true;
                Ok(page)
            }
            Err(BulkGetFailure::Unknown) => Err(unreadable("_bulk_get", "it is known no longer")),
            Err(BulkGetFailure::Failed(failure)) => Err(failure),
        }
    }

    fn learn(&self, page: &DocumentsPage) {
        let bytes: usize = page.documents.iter().map(Bytes::len).sum();
        let Some(mean) = bytes.checked_div(page.documents.len()) else {
            return;
        };
        let mean = u64::try_from(mean).unwrap_or(u64::MAX).max(1);
        let known = self.shared.mean_document_bytes.load(Ordering::Relaxed);
        let next = if known == 0 { mean } else { (known * 3 + mean) / 4 };
        // Requests at once may each overwrite the other's: it is an estimate.
        self.shared.mean_document_bytes.store(next.max(1), Ordering::Relaxed);
    }

    async fn bulk_get(
        &self,
        wanted: &[Wanted],
        limit_bytes: usize,
        attachments: Attachments,
    ) -> Result<Found, BulkGetFailure> {
        // What is asked for with its attachments was seen to be a leaf just now.
        let path = match attachments {
            Attachments::Stubs => "/_bulk_get?revs=true&latest=true",
            Attachments::Inline => "/_bulk_get?revs=true&attachments=true",
        };
        let mut body = match self.post(path, bulk_get_request(wanted, attachments)).await {
            Ok(body) => body,
            Err(ExchangeFailure::Answer(answer)) if answer.tells_of_missing_database() => {
                return Err(BulkGetFailure::Failed(answer.into()));
            }
            Err(failure) if matches!(failure.status(), Some(400 | 404 | 405 | 501)) => {
                return Err(BulkGetFailure::Unknown);
            }
            Err(failure) => return Err(failure.into()),
        };
        let mut splitter = Splitter::default();
        let mut reading = Reading::new(wanted, attachments);
        loop {
            let piece = match body.piece().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                // What came before the connection broke is not asked for again.
                Err(_) if reading.has_documents() => {
                    let mut found = reading.broken_off();
                    found.page.broke_off = true;
                    return Ok(found);
                }
                Err(failure) => return Err(failure.into()),
            };
            splitter.push(&piece);
            while let Some(element) = splitter.next_element() {
                if reading.take(&element, limit_bytes)? {
                    return Ok(reading.broken_off());
                }
            }
            if splitter.waiting_bytes() > DOCUMENT_BYTES {
                return Err(ExchangeFailure::TooLarge.into());
            }
        }
        if !splitter.is_complete() {
            return Err(unreadable("_bulk_get", "it broke off").into());
        }
        Ok(reading.complete()?)
    }

    async fn documents_one_by_one(
        &self,
        wanted: &[Wanted],
        limit_bytes: usize,
    ) -> Result<DocumentsPage, EndFailure> {
        let mut page = DocumentsPage::default();
        let mut bytes = 0;
        let mut done = 0;
        // Each boxed by itself, so that the compiler sees that the whole may move between threads.
        let mut requests: Vec<BoxFuture<'_, _>> = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            requests.push(Box::pin(self.open_revisions(wanted)));
        }
        let mut answers = stream::iter(requests).buffered(SINGLE_REQUESTS);
        while let Some(answer) = answers.next().await {
            let Found { page: mut answer, inline } = answer?;
            bytes += answer.documents.iter().map(Bytes::len).sum::<usize>();
            page.documents.append(&mut answer.documents);
            page.carried.append(&mut answer.carried);
            page.restricted.append(&mut answer.restricted);
            // One request a document in any case: it may as well be a stream.
            page.carried.extend(inline.into_iter().map(|(wanted, _)| wanted));
            page.gone += answer.gone;
            done += 1;
            if bytes > limit_bytes {
                break;
            }
        }
        page.remaining = wanted.get(done..).unwrap_or_default().to_vec();
        Ok(page)
    }

    async fn open_revisions(&self, wanted: &Wanted) -> Result<Found, EndFailure> {
        let mut found = Found::default();
        for revisions in wanted.revisions.chunks(REVISIONS_PER_URL) {
            let texts: Vec<String> = revisions.iter().map(ToString::to_string).collect();
            let texts = serde_json::Value::from(texts).to_string();
            let path = format!(
                "{}?revs=true&latest=true&open_revs={}",
                document_path(&wanted.id),
                encoded(&texts)
            );
            let body = match self.get(&path).await {
                Ok(body) => body,
                Err(ExchangeFailure::Answer(answer))
                    if answer.status == 404 && !answer.tells_of_missing_database() =>
                {
                    found.page.gone += revisions.len() as u64;
                    continue;
                }
                Err(failure) => return Err(failure.into()),
            };
            let text = body.read(DOCUMENT_BYTES).await?;
            let outcomes = read_outcomes(&text, &text, &mut found.page.gone)
                .map_err(|error| unreadable("open_revs", error))?;
            for document in outcomes {
                found.take(document, wanted).map_err(|error| unreadable("open_revs", error))?;
            }
        }
        Ok(found)
    }
}

/// How attachments come with documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attachments {
    /// Not at all.
    Stubs,
    /// In the JSON, where they are newer than what is known.
    Inline,
}

/// Why `_bulk_get` brought nothing.
enum BulkGetFailure {
    /// The peer does not know it.
    Unknown,
    /// Anything else.
    Failed(EndFailure),
}

impl From<ExchangeFailure> for BulkGetFailure {
    fn from(failure: ExchangeFailure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<EndFailure> for BulkGetFailure {
    fn from(failure: EndFailure) -> Self {
        Self::Failed(failure)
    }
}

fn bulk_get_request(wanted: &[Wanted], attachments: Attachments) -> Vec<u8> {
    let mut out = br#"{"docs":["#.to_vec();
    let mut first = true;
    for wanted in wanted {
        for revision in &wanted.revisions {
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(br#"{"id":"#);
            json::write_string(&mut out, &wanted.id);
            out.extend_from_slice(br#","rev":"#);
            json::write_string(&mut out, &revision.to_string());
            if attachments == Attachments::Inline && !wanted.possible_ancestors.is_empty() {
                write_ancestors(&mut out, &wanted.possible_ancestors);
            }
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"]}");
    out
}

fn write_ancestors(out: &mut Vec<u8>, ancestors: &[Revision]) {
    out.extend_from_slice(br#","atts_since":["#);
    for (number, revision) in ancestors.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        json::write_string(out, &revision.to_string());
    }
    out.push(b']');
}
