//! Uploads that may be resumed: what is known of one, and the steps in which it comes. They live longer
//! than the request that brings a part of them, and than the process.

use bytes::Bytes;

use crate::database::DatabaseId;

/// An upload that may be resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumableUpload {
    /// Whose it is: who made it, and alone may go on with it beside admins; `None` for whoever comes
    /// without a name.
    pub owner: Option<String>,
    /// When it is given up, in milliseconds since 1970.
    pub expires_unix_ms: u64,
    /// Bytes of each of its chunks but the last, which grows until it has as many.
    pub chunk_bytes: u32,
    /// Bytes that are on disk for good. Its chunks may hold more, which do not count.
    pub received: u64,
    /// Bytes that it will have, once that is known.
    pub length: Option<u64>,
    /// What its maker tells of it, kept as it is.
    pub metadata: String,
}

impl ResumableUpload {
    /// Whether all of it is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.length == Some(self.received)
    }

    /// Bytes that count against the bounds: all that it will have, where that is known.
    pub(crate) fn reserved_bytes(&self) -> u64 {
        self.length.unwrap_or(self.received)
    }
}

/// One step of an upload that may be resumed.
#[derive(Clone, Debug)]
pub struct UploadWrite {
    /// The database.
    pub database: DatabaseId,
    /// Identifier of the upload, unique.
    pub upload: [u8; 16],
    /// How much there may be of its kind.
    pub bounds: UploadBounds,
    /// What is done.
    pub step: UploadStep,
}

/// What is done to an upload that may be resumed. All steps but the first answer
/// [`Outcome::NoSuchUpload`](crate::Outcome::NoSuchUpload) where there is none (any more).
#[derive(Clone, Debug)]
pub enum UploadStep {
    /// It begins → [`Outcome::Done`](crate::Outcome::Done) or
    /// [`Outcome::UploadBeyond`](crate::Outcome::UploadBeyond). Durable.
    Begin(ResumableUpload),
    /// Only this holder writes from now on, until it lets go or ten minutes after its last step →
    /// [`Outcome::Upload`](crate::Outcome::Upload) with what is known, or
    /// [`Outcome::UploadHeld`](crate::Outcome::UploadHeld) where another one holds it.
    Hold {
        /// Who.
        holder: u64,
        /// The length, where it was not known before.
        length: Option<u64>,
    },
    /// Stores a chunk, or one more of the last that is longer → `Done`, `UploadBeyond`, or
    /// `UploadHeld` for whoever does not hold it (any more). Durable with the next `Advance`.
    Chunk {
        /// Who.
        holder: u64,
        /// Place of the chunk, from 0.
        number: u32,
        /// Its bytes, from its beginning.
        bytes: Bytes,
    },
    /// So many bytes of it are there → `Done`, `UploadHeld` or `UploadBeyond`. Durable, with all
    /// chunks before.
    Advance {
        /// Who.
        holder: u64,
        /// Bytes from its beginning.
        received: u64,
        /// When it is given up unless more comes, in milliseconds since 1970.
        expires_unix_ms: u64,
    },
    /// The holder lets go → `Done`.
    Release {
        /// Who.
        holder: u64,
    },
    /// It is not needed any more → `Done`. Its bytes leave in the background.
    End,
}

impl UploadStep {
    /// Whether its answer says that it is on disk.
    pub(crate) fn is_synced(&self) -> bool {
        match self {
            Self::Begin(_) | Self::Advance { .. } | Self::End => true,
            Self::Hold { length, .. } => length.is_some(),
            Self::Chunk { .. } | Self::Release { .. } => false,
        }
    }

    /// Whether it is refused while the disk is nearly full.
    pub(crate) fn takes_room(&self) -> bool {
        matches!(self, Self::Begin(_) | Self::Chunk { .. })
    }
}

/// How many uploads that may be resumed there may be in a database, and bytes of them: those that
/// they will have, where that is known, and those of their chunks where that is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadBounds {
    /// Uploads of one owner.
    pub uploads_of_owner: usize,
    /// Uploads.
    pub uploads: usize,
    /// Bytes of one owner.
    pub bytes_of_owner: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A bound that an upload would go beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadBound {
    /// [`UploadBounds::uploads_of_owner`].
    UploadsOfOwner,
    /// [`UploadBounds::uploads`].
    Uploads,
    /// [`UploadBounds::bytes_of_owner`].
    BytesOfOwner,
    /// [`UploadBounds::bytes`].
    Bytes,
}
