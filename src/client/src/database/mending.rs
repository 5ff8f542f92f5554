//! A document with attachments from a source that cannot go on in the midst of it, as CouchDB: where its link is
//! cut, the rest is read attachment by attachment, by range where the source has that for one, so that whoever
//! stores it never hears of it. An attachment without ranges (CouchDB has none for those that it keeps gzipped)
//! is read from its beginning once more, and those before it are not.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, StreamBody as FromStream};
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, RANGE};
use refuge_replication::{EndFailure, Wanted};

use super::{Outgoing, RemoteDatabase, document_path, encoded};
use crate::carriage::{CarriedDocument, StreamBody, StreamError};
use crate::exchange::header;
use crate::related::{Following, Position, Related};
use crate::resuming::Attempts;

/// A document on its way.
struct Mending {
    database: RemoteDatabase,
    /// Its path, and the revision as a parameter.
    path: String,
    revision: String,
    related: Related,
    /// Gone while the link is cut.
    body: Option<StreamBody>,
    /// Whether that is one attachment, and not the document.
    apart: bool,
    /// Bytes of it that are known already.
    skipped: u64,
    ready: VecDeque<Bytes>,
    attempts: Attempts,
}

impl RemoteDatabase {
    /// The same document, mended where its link is cut. One that its source can resume stays as it is.
    pub(super) fn mended(&self, wanted: &Wanted, document: CarriedDocument) -> CarriedDocument {
        let related = match document.resumable_length {
            Some(_) => None,
            None => Related::of(&document.content_type),
        };
        let (Some(related), Some(revision)) = (related, wanted.revisions.first()) else {
            return document;
        };
        let mending = Mending {
            database: self.clone(),
            path: document_path(&wanted.id),
            revision: encoded(&revision.to_string()),
            related,
            body: Some(document.body),
            apart: false,
            skipped: 0,
            ready: VecDeque::new(),
            attempts: Attempts::new(),
        };
        let pieces = futures_util::stream::unfold(Some(mending), |mending| async {
            let mut mending = mending?;
            match mending.piece().await {
                Ok(Some(piece)) => Some((Ok(Frame::data(piece)), Some(mending))),
                Ok(None) => None,
                Err(failure) => {
                    let failure: StreamError = failure.into();
                    Some((Err(failure), None))
                }
            }
        });
        CarriedDocument { body: FromStream::new(pieces).boxed_unsync(), ..document }
    }
}

impl Mending {
    async fn piece(&mut self) -> Result<Option<Bytes>, EndFailure> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            if self.body.is_none() {
                match self.related.position() {
                    Position::Inside { number, offset } => self.open(number, offset).await?,
                    Position::Between => {
                        let begin = self.related.begin_next();
                        self.ready.push_back(begin);
                    }
                    Position::Document | Position::Ended | Position::Lost => return Ok(None),
                }
                continue;
            }
            self.read().await?;
        }
    }

    /// Reads on in what is open.
    async fn read(&mut self) -> Result<(), EndFailure> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let failure = match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.take(data);
                }
                return Ok(());
            }
            None => match self.related.position() {
                // A whole document, or a whole attachment; what is otherwise than documents are ends as its
                // source ends it.
                Position::Ended | Position::Between | Position::Lost => {
                    self.body = None;
                    return Ok(());
                }
                Position::Document if self.related.holds_any() => {
                    self.body = None;
                    self.ready.push_back(self.related.lose());
                    return Ok(());
                }
                _ => EndFailure::transient("the document broke off"),
            },
            Some(Err(error)) => EndFailure::transient(error.to_string()),
        };
        self.body = None;
        match self.related.position() {
            // Nothing of worth came yet, or nobody knows what.
            Position::Document | Position::Lost => Err(failure),
            Position::Ended => Ok(()),
            Position::Between | Position::Inside { .. } => self.attempts.pause(failure).await,
        }
    }

    fn take(&mut self, mut data: Bytes) {
        let known = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(data.len());
        data.advance(known);
        self.skipped -= known as u64;
        if self.apart {
            // What stands behind an attachment is none of the document's.
            let left = usize::try_from(self.related.left()).unwrap_or(usize::MAX);
            if data.len() > left {
                data.truncate(left);
                self.body = None;
            }
        }
        if !data.is_empty() {
            self.attempts.moved();
            self.ready.extend(self.related.take(data));
        }
    }

    /// Opens the rest of an attachment.
    async fn open(&mut self, number: usize, offset: u64) -> Result<(), EndFailure> {
        let Some(one) = self.related.following(number).cloned() else {
            return Err(EndFailure::transient("an attachment that nobody knows"));
        };
        match self.rest_of(&one, offset).await {
            Ok((body, skipped)) => {
                self.body = Some(body);
                self.apart = true;
                self.skipped = skipped;
                Ok(())
            }
            Err(failure) => self.attempts.pause(failure).await,
        }
    }

    /// The bytes of an attachment from `offset` on, behind so many that are known. Not by `&self`: a body is not
    /// to be shared between threads.
    async fn rest_of(
        &mut self,
        one: &Following,
        offset: u64,
    ) -> Result<(StreamBody, u64), EndFailure> {
        let path = format!("{}/{}?rev={}", self.path, encoded(&one.name), self.revision);
        let mut headers = Vec::new();
        if one.gzipped {
            headers.push((ACCEPT_ENCODING, "gzip".to_owned()));
        } else if offset > 0 {
            headers.push((RANGE, format!("bytes={offset}-")));
        }
        let outgoing = Outgoing::get(&path).accept("*/*").headers(headers).going_on();
        let body = self.database.send(outgoing).await?;
        // Its tag is its digest: other bytes would make a document that nobody wrote.
        let tag = header(body.headers(), ETAG).map(|tag| tag.trim_matches('"'));
        if tag.is_none() || tag != one.digest.strip_prefix("md5-") {
            return Err(EndFailure::permanent("an attachment is another than before the cut"));
        }
        let skipped = match body.status() {
            StatusCode::PARTIAL_CONTENT => {
                let expected = format!("bytes {offset}-{}/{}", one.length - 1, one.length);
                if header(body.headers(), CONTENT_RANGE) != Some(expected.as_str()) {
                    let reason = "it sent another part of an attachment than was asked for";
                    return Err(EndFailure::permanent(reason));
                }
                0
            }
            _ => offset,
        };
        Ok((body.into_stream_as_sent(), skipped))
    }
}
