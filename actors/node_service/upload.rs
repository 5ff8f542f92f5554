//! Bytes of an attachment on their way into the storage, a chunk at a time, so that no more than two
//! are held: one that is being packed while the one before it is being stored. What packing means is
//! in `packing`.

mod packing;

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_failpoints::{Failpoint, pass};
use refuge_http::{Failure, Upload, UploadOptions, UploadedContent};
use refuge_otp::Names;
use refuge_storage::{DatabaseId, Operation, Outcome};
use tokio::sync::oneshot;

use crate::configuration::CurrentSettings;
use crate::engine::{StorageDoors, WriteFailure};
use crate::{names, unavailable};
use packing::{CHUNK_BYTES, Compression, Packing};

/// Bytes that are digested where they arrive, 0.2 ms; more goes to a thread for slow work.
const DIGESTED_INLINE_BYTES: usize = 64 * 1024;
/// Bytes that are gzipped where they arrive, about as long.
const GZIPPED_INLINE_BYTES: usize = 4 * 1024;

/// One upload under way.
pub(crate) struct AttachmentUpload {
    names: Names,
    database: DatabaseId,
    upload: [u8; 16],
    /// `None` only while it is on another thread, or after that failed.
    packing: Option<Packing>,
    /// What came and is not packed yet.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    chunks: u32,
    /// The answer of the writer to the chunk that was handed over last.
    storing: Option<oneshot::Receiver<Result<Outcome, WriteFailure>>>,
}

impl AttachmentUpload {
    pub(crate) fn new(names: Names, database: DatabaseId, options: UploadOptions) -> Self {
        let current = names.value::<CurrentSettings>(names::CONFIGURATION);
        let compression = current
            .map_or_else(Compression::default, |now| Compression::of(&now.settings.attachments));
        Self {
            database,
            upload: rand::random(),
            packing: Some(Packing::new(&options, &compression)),
            waiting: Vec::new(),
            waiting_bytes: 0,
            names,
            chunks: 0,
            storing: None,
        }
    }

    /// Packs what waits, on another thread where it is much.
    async fn pack(&mut self) -> Result<Packing, Failure> {
        let mut packing = self
            .packing
            .take()
            .ok_or_else(|| Failure::Internal("an upload went on after it had failed".to_owned()))?;
        let pieces = std::mem::take(&mut self.waiting);
        let bytes = std::mem::take(&mut self.waiting_bytes);
        let inline =
            if packing.compresses() { GZIPPED_INLINE_BYTES } else { DIGESTED_INLINE_BYTES };
        let work =
            move || pieces.iter().try_for_each(|piece| packing.push(piece)).map(|()| packing);
        let packed = if bytes <= inline {
            work()
        } else {
            let packed = crate::blocking(work).await;
            packed.map_err(|error| Failure::Internal(format!("packing failed: {error}")))?
        };
        packed.map_err(|error| broken(&error))
    }

    /// Hands a chunk to the writer once the one before it is stored.
    async fn store(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.stored().await?;
        let number = self.chunks;
        self.chunks += 1;
        let (database, upload) = (self.database, self.upload);
        let (sender, receiver) = oneshot::channel();
        let answer = Box::new(move |result| {
            // Who gave the upload up does not wait for it.
            let _ = sender.send(result);
        });
        let operation = Operation::Chunk { database, upload, number, bytes };
        self.doors()?.writer.submit(operation, answer).await.map_err(unknown)?;
        self.storing = Some(receiver);
        Ok(())
    }

    /// Waits for the chunk that is being stored.
    async fn stored(&mut self) -> Result<(), Failure> {
        match self.storing.take() {
            Some(storing) => {
                let stored = done(storing.await.unwrap_or(Err(WriteFailure::Unknown)));
                pass(Failpoint::ChunkStored);
                stored
            }
            None => Ok(()),
        }
    }

    fn doors(&self) -> Result<std::sync::Arc<StorageDoors>, Failure> {
        self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)
    }
}

fn broken(error: &io::Error) -> Failure {
    Failure::Internal(format!("an attachment cannot be packed: {error}"))
}

fn unknown(failure: WriteFailure) -> Failure {
    failure.into()
}

fn done(result: Result<Outcome, WriteFailure>) -> Result<(), Failure> {
    match result.map_err(unknown)? {
        Outcome::NoSuchDatabase => Err(Failure::NoDatabase),
        Outcome::NoSuchUpload => Err(Failure::Unavailable(
            "the upload rested too long and was given up; send the attachment again".to_owned(),
        )),
        _ => Ok(()),
    }
}

#[async_trait]
impl Upload for AttachmentUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_bytes < CHUNK_BYTES {
            return Ok(());
        }
        let mut packing = self.pack().await?;
        while let Some(chunk) = packing.chunk() {
            self.store(chunk).await?;
        }
        self.packing = Some(packing);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<UploadedContent, Failure> {
        let (content, chunks) = self.pack().await?.finish().map_err(|error| broken(&error))?;
        for chunk in chunks {
            self.store(chunk).await?;
        }
        // The writer keeps the order, so the last chunk is stored when this is.
        let operation = Operation::FinishUpload {
            database: self.database,
            upload: self.upload,
            content: content.content,
            chunks: self.chunks,
            stored_length: content.stored_length,
        };
        done(self.doors()?.writer.commit(operation).await)?;
        self.stored().await?;
        pass(Failpoint::UploadAddressed);
        Ok(content)
    }
}
