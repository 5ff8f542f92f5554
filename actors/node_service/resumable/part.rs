//! The bytes of one part on their way into the storage. A task of its own takes them, so that what came
//! is kept when the request breaks off and everything of it is dropped.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use refuge_http::{Failure, PartUpload, ResumableUploadPart, ResumableUploadState};
use refuge_storage::{Outcome, ResumableUpload, StorageError, Store, UploadStep};
use tokio::sync::{mpsc, oneshot};

use super::{Place, told};
use crate::node_service::with_store;
use crate::unavailable;

/// Pieces of a body that may wait for the task.
const WAITING_PIECES: usize = 4;

/// What came is acknowledged whenever it is so much more: seldom enough that syncs do not slow it down.
const ACKNOWLEDGED_BYTES: u64 = 4 * 1024 * 1024;

/// It is also acknowledged when nothing came for so long: a slow client loses little.
const QUIET: Duration = Duration::from_secs(2);

/// What the request tells the task.
enum Piece {
    Bytes(Bytes),
    End { keep: bool },
}

/// The request's side.
pub(super) struct Part {
    pieces: mpsc::Sender<Piece>,
    outcome: oneshot::Receiver<Result<ResumableUploadState, Failure>>,
    /// Why the task ended before the body did. `outcome` told it, and tells nothing twice.
    refused: Option<Failure>,
}

/// Begins to take a part; 423 while another one is being taken, 409 at a wrong offset.
pub(super) async fn open(place: Place, part: ResumableUploadPart) -> Result<Part, Failure> {
    let (pieces, coming) = mpsc::channel(WAITING_PIECES);
    let (ready, readiness) = oneshot::channel();
    let (ended, outcome) = oneshot::channel();
    crate::task::spawn(async move {
        let mut taking = match Taking::begin(place, part).await {
            Ok(taking) => taking,
            Err(failure) => {
                let _ = ready.send(Err(failure));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        let result = taking.take(coming, part.checked).await;
        taking.release().await;
        // Who broke off asks for the offset when it comes again.
        let _ = ended.send(result);
    });
    readiness.await.unwrap_or_else(|_| Err(unavailable()))?;
    Ok(Part { pieces, outcome, refused: None })
}

#[async_trait]
impl PartUpload for Part {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        if let Some(failure) = &self.refused {
            return Err(failure.clone());
        }
        if self.pieces.send(Piece::Bytes(bytes)).await.is_ok() {
            return Ok(());
        }
        // The task has ended: it tells why.
        let failure = match (&mut self.outcome).await {
            Ok(Err(failure)) => failure,
            _ => unavailable(),
        };
        self.refused = Some(failure.clone());
        Err(failure)
    }

    async fn end(self: Box<Self>, keep: bool) -> Result<ResumableUploadState, Failure> {
        let Self { pieces, outcome, refused } = *self;
        if let Some(failure) = refused {
            return Err(failure);
        }
        let _ = pieces.send(Piece::End { keep }).await;
        outcome.await.unwrap_or_else(|_| Err(unavailable()))
    }
}

/// The task's side.
struct Taking {
    place: Place,
    holder: u64,
    record: ResumableUpload,
    /// The chunk that is being filled, from its beginning, and its number.
    chunk: BytesMut,
    number: u32,
    /// Bytes of the upload that are there, acknowledged or not.
    there: u64,
}

impl Taking {
    /// Takes hold of the upload.
    async fn begin(place: Place, part: ResumableUploadPart) -> Result<Self, Failure> {
        let holder = rand::random();
        let held = place.step(UploadStep::Hold { holder, length: part.length }).await?;
        let Outcome::Upload(record) = held else { return Err(unavailable()) };
        let number = u32::try_from(record.received / u64::from(record.chunk_bytes));
        let mut taking = Self {
            holder,
            chunk: BytesMut::new(),
            number: number.unwrap_or(u32::MAX),
            there: record.received,
            record: *record,
            place,
        };
        let begun = taking.read_begun_chunk(part.offset).await;
        if begun.is_err() {
            taking.release().await;
        }
        begun.map(|()| taking)
    }

    /// Reads what is there of the chunk that goes on.
    async fn read_begun_chunk(&mut self, offset: u64) -> Result<(), Failure> {
        let received = self.record.received;
        if offset != received {
            let reason = format!("the upload goes on at Upload-Offset {received}");
            return Err(Failure::Overruled(reason));
        }
        let begun = (received % u64::from(self.record.chunk_bytes)) as usize;
        if begun == 0 {
            return Ok(());
        }
        let (database, upload, number) = (self.place.database, self.place.upload, self.number);
        let read = move |store: &Store| {
            let chunk = store.snapshot()?.chunk(database, &upload, number)?;
            let begin = chunk.as_ref().and_then(|chunk| chunk.get(..begun));
            begin.map(BytesMut::from).ok_or(StorageError::Record {
                keyspace: "chunks",
                reason: "it holds less than was acknowledged",
            })
        };
        self.chunk = with_store(&self.place.names, read).await?;
        Ok(())
    }

    /// Takes pieces up to their end.
    async fn take(
        &mut self,
        mut coming: mpsc::Receiver<Piece>,
        checked: bool,
    ) -> Result<ResumableUploadState, Failure> {
        let keep = loop {
            match tokio::time::timeout(QUIET, coming.recv()).await {
                Ok(Some(Piece::Bytes(bytes))) => {
                    self.store(&bytes).await?;
                    if !checked && self.there - self.record.received >= ACKNOWLEDGED_BYTES {
                        self.acknowledge().await?;
                    }
                }
                Ok(Some(Piece::End { keep })) => break keep,
                // The request broke off.
                Ok(None) => break !checked,
                Err(_) if checked => {}
                Err(_) => self.acknowledge().await?,
            }
        };
        if keep {
            self.acknowledge().await?;
        }
        Ok(told(self.record.clone()))
    }

    /// Takes bytes, and stores every chunk that is full.
    async fn store(&mut self, bytes: &Bytes) -> Result<(), Failure> {
        let chunk_bytes = self.record.chunk_bytes as usize;
        self.chunk.extend_from_slice(bytes);
        self.there += bytes.len() as u64;
        while self.chunk.len() >= chunk_bytes {
            let chunk = self.chunk.split_to(chunk_bytes).freeze();
            self.store_chunk(chunk).await?;
            self.number = self.number.checked_add(1).ok_or_else(|| Failure::TooLarge {
                error: "upload_too_large",
                reason: "an upload has at most 256 TiB".to_owned(),
            })?;
        }
        Ok(())
    }

    async fn store_chunk(&self, bytes: Bytes) -> Result<(), Failure> {
        let (holder, number) = (self.holder, self.number);
        self.place.step(UploadStep::Chunk { holder, number, bytes }).await.map(drop)
    }

    /// Makes all that came durable, and has it count.
    async fn acknowledge(&mut self) -> Result<(), Failure> {
        if self.there == self.record.received {
            return Ok(());
        }
        if !self.chunk.is_empty() {
            self.store_chunk(Bytes::copy_from_slice(&self.chunk)).await?;
        }
        let (holder, received) = (self.holder, self.there);
        let expires_unix_ms = self.place.expires_unix_ms();
        self.place.step(UploadStep::Advance { holder, received, expires_unix_ms }).await?;
        self.record.received = received;
        self.record.expires_unix_ms = expires_unix_ms;
        Ok(())
    }

    /// Lets go of the upload. Where that fails the hold ends by itself.
    async fn release(&self) {
        let _ = self.place.step(UploadStep::Release { holder: self.holder }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_in_the_middle_is_told_to_every_later_call() {
        let (pieces, coming) = mpsc::channel(1);
        let (ended, outcome) = oneshot::channel();
        let mut part = Part { pieces, outcome, refused: None };
        let refusal = Failure::Locked("somebody else".to_owned());
        drop(coming);
        ended.send(Err(refusal.clone())).unwrap();
        assert_eq!(part.write(Bytes::from_static(b"a")).await, Err(refusal.clone()));
        assert_eq!(part.write(Bytes::from_static(b"b")).await, Err(refusal.clone()));
        assert_eq!(Box::new(part).end(true).await, Err(refusal));
    }
}
